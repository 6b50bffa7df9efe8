/** Path patterns of routes: `/refunds/{id}/items`, and `/files/{rest*}` for everything below. */
import { accept, type Result, refuse } from '@postern/result';
import { parseTarget, type TargetReason } from './target.ts';

export type PatternSegment =
  | { readonly kind: 'literal'; readonly text: string }
  | { readonly kind: 'parameter'; readonly name: string }
  | { readonly kind: 'tail'; readonly name: string };

export type PatternReason =
  | TargetReason
  | 'pattern-parameter-malformed'
  | 'pattern-parameter-repeated'
  | 'pattern-tail-not-last'
  | 'pattern-query'
  | 'pattern-too-deep';

export const MAX_PATTERN_SEGMENTS = 32;
const PARAMETER = /^\{([A-Za-z_][A-Za-z0-9_-]{0,63})(\*?)\}$/;

/**
 * Reads a route's pattern. Literal segments are written like a canonical path (so `/a b` is `/a%20b`) and compared
 * decoded; a parameter takes exactly one segment that is not empty; a tail takes one or more, the last one may be empty.
 * A pattern that no canonical path could match is refused with the path's own reason.
 */
export function parsePattern(path: string): Result<readonly PatternSegment[], PatternReason> {
  const raw = path.slice(1).split('/');
  if (raw.length > MAX_PATTERN_SEGMENTS) return refuse('pattern-too-deep');
  const names: string[] = [];
  const pattern: (PatternSegment | undefined)[] = [];
  for (let index = 0; index < raw.length; index++) {
    const segment = raw[index]!;
    if (!segment.includes('{') && !segment.includes('}')) {
      pattern.push(undefined);
      continue;
    }
    const [, name, star] = PARAMETER.exec(segment) ?? [];
    if (name === undefined) return refuse('pattern-parameter-malformed');
    if (names.includes(name)) return refuse('pattern-parameter-repeated');
    if (star === '*' && index < raw.length - 1) return refuse('pattern-tail-not-last');
    names.push(name);
    pattern.push({ kind: star === '*' ? 'tail' : 'parameter', name });
  }
  const sample =
    path.slice(0, 1) + raw.map((segment, index) => (pattern[index] === undefined ? segment : '_')).join('/');
  const target = parseTarget(sample, { pathParameters: 'keep' });
  if (!target.ok) return target;
  if (target.value.query !== undefined) return refuse('pattern-query');
  const { segments } = target.value;
  return accept(pattern.map((segment, index) => segment ?? { kind: 'literal', text: segments[index] ?? '' }));
}

/** Equal for patterns that match the same paths: names of parameters do not matter. */
export function shapeOfPattern(pattern: readonly PatternSegment[]): string {
  return pattern.map((segment) => (segment.kind === 'literal' ? `=${segment.text}` : segment.kind)).join('/');
}

const RANK = { literal: 0, parameter: 1, tail: 2 };

/**
 * Negative when `left` is the more specific of two patterns that match one path: at the first segment in which they
 * differ, a literal beats a parameter and a parameter beats a tail.
 */
export function compareSpecificity(left: readonly PatternSegment[], right: readonly PatternSegment[]): number {
  for (let i = 0; i < Math.min(left.length, right.length); i++) {
    const difference = RANK[left[i]?.kind ?? 'tail'] - RANK[right[i]?.kind ?? 'tail'];
    if (difference !== 0) return difference;
  }
  return right.length - left.length;
}
