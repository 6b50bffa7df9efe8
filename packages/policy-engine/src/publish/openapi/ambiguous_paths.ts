/**
 * Paths of a document that match one request without either being the more specific, such as `/{kind}/mine` and
 * `/books/{id}`: the upstream decides which (OpenAPI 3.1, 4.8.8.2), so nobody can say which action is asked for.
 */
import type { PatternSegment } from '../../routing/pattern.ts';

export interface PathPattern {
  readonly segments: readonly PatternSegment[];
  readonly methods: readonly string[];
}

/** For each path the first one before it that it is ambiguous with. Quadratic in paths of one length. */
export function findAmbiguous<P extends PathPattern>(paths: readonly P[]): readonly (readonly [path: P, other: P])[] {
  const byLength = new Map<number, P[]>();
  const found: [P, P][] = [];
  for (const path of paths) {
    const before = byLength.get(path.segments.length) ?? [];
    byLength.set(path.segments.length, before);
    const other = before.find((candidate) => areAmbiguous(path, candidate));
    if (other !== undefined) found.push([path, other]);
    before.push(path);
  }
  return found;
}

function areAmbiguous(left: PathPattern, right: PathPattern): boolean {
  let [isLeftNearer, isRightNearer] = [false, false];
  for (const [index, one] of left.segments.entries()) {
    const other = right.segments[index];
    if (one.kind === 'literal' && other?.kind === 'literal') {
      if (one.text !== other.text) return false;
    } else if (one.kind === 'literal') isLeftNearer = true;
    else if (other?.kind === 'literal') isRightNearer = true;
  }
  return isLeftNearer && isRightNearer && left.methods.some((method) => right.methods.includes(method));
}
