/** Names made of verified claims: `{aws:account}-{aws:instance}`. A claim fills part of one path segment, and no more. */
import { accept, type Result, refuse } from '@postern/result';

/** A placeholder, or characters of a path segment (SPIFFE-ID 2.2). */
const PART = /\{([a-z][a-z0-9_:.-]{0,127})\}|[A-Za-z0-9._-]+/gy;
const SEGMENT = /^[A-Za-z0-9._-]+$/;

type Part = { readonly claim: string } | { readonly text: string };

/**
 * Claims that a template names. `undefined` when it is no template: another character, no placeholder (all would get one
 * name), two side by side (two pairs of values would get one name), or a claim that is not `known`.
 */
export function claimNamesOf(template: string, known: readonly string[]): readonly string[] | undefined {
  const parts = partsOf(template) ?? [];
  const claims = parts.flatMap((part) => ('claim' in part ? [part.claim] : []));
  const areApart = parts.every((part, index) => !('claim' in part && 'claim' in (parts[index + 1] ?? { text: '' })));
  return claims.length > 0 && areApart && claims.every((claim) => known.includes(claim)) ? claims : undefined;
}

/**
 * The name. Prevents a claim from becoming another path, or another node: each value is characters of one segment, so no
 * `/`, `%`, space or newline, nor what separates it from the next (`a-b` and `c` would be named as `a` and `b-c`), and the
 * whole is neither `.` nor `..`.
 */
export function fillClaimNames(
  template: string,
  claims: ReadonlyMap<string, string>,
): Result<string, 'claim-missing' | 'claim-malformed'> {
  const parts = partsOf(template) ?? [];
  let name = '';
  for (const [index, part] of parts.entries()) {
    if ('text' in part) name += part.text;
    else {
      const value = claims.get(part.claim);
      if (value === undefined) return refuse('claim-missing', part.claim);
      const next = parts[index + 1];
      const separator = next !== undefined && 'text' in next ? next.text.charAt(0) : undefined;
      const isAmbiguous = separator !== undefined && value.includes(separator);
      if (!SEGMENT.test(value) || isAmbiguous) return refuse('claim-malformed', part.claim);
      name += value;
    }
  }
  return name === '' || name === '.' || name === '..' ? refuse('claim-malformed') : accept(name);
}

function partsOf(template: string): readonly Part[] | undefined {
  const parts: Part[] = [];
  let end = 0;
  for (const match of template.matchAll(PART)) {
    parts.push(match[1] === undefined ? { text: match[0] } : { claim: match[1] });
    end = match.index + match[0].length;
  }
  return end === template.length && parts.length > 0 ? parts : undefined;
}
