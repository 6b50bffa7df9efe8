/** Cuts a file of Cedar policies into single ones, each with its place. */
import { type Place, placeOf, type Source } from './source.ts';

/** Comments, string literals (with escapes) and the `;` that ends every policy and stands nowhere else. */
const TOKEN = /\/\/[^\n]*|"(?:[^"\\]|\\.)*"|;/gs;
const BLANK = /^(?:\s|\/\/[^\n]*(?:\n|$))*/;

/**
 * The policies of a file in order. A place begins at the policy's first annotation or word, after the comments before
 * it. What follows the last `;` is a policy too unless it is blank: the parser then says what is missing.
 */
export function splitPolicies(source: Source): Place[] {
  const places: Place[] = [];
  let start = 0;
  for (const match of source.text.matchAll(TOKEN)) {
    if (match[0] !== ';') continue;
    places.push(withoutLead(source, start, match.index + 1));
    start = match.index + 1;
  }
  const rest = withoutLead(source, start, source.text.length);
  return rest.start < rest.end ? [...places, rest] : places;
}

export function textOf(place: Place): string {
  return place.source.text.slice(place.start, place.end);
}

function withoutLead(source: Source, start: number, end: number): Place {
  const lead = BLANK.exec(source.text.slice(start, end))?.[0].length ?? 0;
  return placeOf(source, start + lead, end);
}
