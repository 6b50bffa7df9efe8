/** Where the conditions of a policy stand: Cedar's JSON form, from which they are judged, has no places. */
import { type Place, placeOf } from './source.ts';
import { textOf } from './split_policies.ts';

/** Comments and strings are passed over as a whole; words, braces, and the dot before an attribute count. */
const TOKEN = /\/\/[^\n]*|"(?:[^"\\]|\\.)*"|[{}]|(?:\.\s*)?[A-Za-z_][A-Za-z0-9_]*/gs;

/** One place for each `when` and `unless` of a policy that parses, in order, from the word to the closing brace. */
export function clausePlaces(policy: Place): readonly Place[] {
  const places: Place[] = [];
  let depth = 0;
  let start: number | undefined;
  for (const match of textOf(policy).matchAll(TOKEN)) {
    const [token] = match;
    if (token === '{') depth++;
    else if (token === '}') {
      depth--;
      if (depth > 0 || start === undefined) continue;
      places.push(placeOf(policy.source, policy.start + start, policy.start + match.index + 1));
      start = undefined;
    } else if (depth === 0 && (token === 'when' || token === 'unless')) start = match.index;
  }
  return places;
}
