/**
 * Matches a path against the routes of one service. The tree is made deterministic when it is built (each node stands
 * for all patterns that are still possible), so a look-up takes one step per segment and never goes back: its cost does
 * not grow with the routes, and no path makes it slow.
 */
import { accept, type Result, refuse } from '@postern/result';
import {
  compareSpecificity,
  type PatternReason,
  type PatternSegment,
  parsePattern,
  shapeOfPattern,
} from './pattern.ts';

/** The part of a route that routing reads. */
export interface RoutePattern {
  readonly action: string;
  readonly methods: readonly string[];
  readonly path: string;
}

export type RouterReason = PatternReason | 'route-conflict' | 'routes-too-ambiguous';
export type MatchReason = 'path-not-routed' | 'method-not-routed';

export interface Router<R extends RoutePattern> {
  /**
   * `segments`: decoded, from `parseTarget`. The most specific pattern decides alone: when it lacks the method, the
   * request is refused, although a less specific pattern may have it, since the upstream may well choose otherwise.
   */
  match(method: string, segments: readonly string[]): Result<R, MatchReason>;
}

/** Overlapping parameters multiply nodes; ordinary services have a few per route. */
const MAX_NODES = 50_000;

interface Pattern<R> {
  readonly segments: readonly PatternSegment[];
  readonly byMethod: Map<string, R>;
}

interface Node<R> {
  /** The best pattern that ends here. */
  readonly ends: Pattern<R> | undefined;
  /** The best tail that began here or further up; takes over when nothing else matches. */
  readonly tail: Pattern<R> | undefined;
  readonly literals: ReadonlyMap<string, Node<R>>;
  readonly parameter: Node<R> | undefined;
}

/** Patterns that were parsed before, by path: services have many paths in common. */
export type KnownPatterns = Map<string, ReturnType<typeof parsePattern>>;

/**
 * Builds the router of one service. Refused: a pattern that cannot match (`PatternReason`), two routes with one method
 * and the same pattern (`route-conflict`), and patterns that overlap so much that the tree explodes. `known`: for the
 * routers that are made together.
 */
export function createRouter<R extends RoutePattern>(
  routes: readonly R[],
  known: KnownPatterns = new Map(),
): Result<Router<R>, RouterReason> {
  const patterns = new Map<string, Pattern<R>>();
  const byPath = new Map<string, Pattern<R>>();
  for (const route of routes) {
    let pattern = byPath.get(route.path);
    if (pattern === undefined) {
      const parsed = known.get(route.path) ?? parsePattern(route.path);
      known.set(route.path, parsed);
      if (!parsed.ok) return refuse(parsed.reason, route.path);
      const shape = shapeOfPattern(parsed.value);
      pattern = patterns.get(shape) ?? { segments: parsed.value, byMethod: new Map<string, R>() };
      patterns.set(shape, pattern);
      byPath.set(route.path, pattern);
    }
    for (const method of route.methods) {
      const other = pattern.byMethod.get(method);
      if (other !== undefined) return refuse('route-conflict', `${method} ${route.path} is also \`${other.action}\``);
      pattern.byMethod.set(method, route);
    }
  }
  const ordered = [...patterns.values()].sort((left, right) => compareSpecificity(left.segments, right.segments));
  const budget = { nodes: MAX_NODES };
  const root = buildNode(ordered, 0, undefined, budget);
  return root === undefined
    ? refuse('routes-too-ambiguous')
    : accept({ match: (...request) => match(root, ...request) });
}

/** `open`: patterns that match the first `depth` segments, most specific first. */
function buildNode<R>(
  open: readonly Pattern<R>[],
  depth: number,
  inherited: Pattern<R> | undefined,
  budget: { nodes: number },
): Node<R> | undefined {
  if (--budget.nodes < 0) return undefined;
  const at = (pattern: Pattern<R>) => pattern.segments[depth];
  const parameters = open.filter((pattern) => at(pattern)?.kind === 'parameter');
  const own = open.find((pattern) => at(pattern)?.kind === 'tail');
  const tail = moreSpecific(own, inherited);
  const literals = new Map<string, Node<R>>();
  for (const [text, still] of groupByLiteral(open, depth)) {
    // An empty last segment (trailing slash) is never a parameter's value.
    const child = buildNode(text === '' ? still : merge(still, parameters), depth + 1, tail, budget);
    if (child === undefined) return undefined;
    literals.set(text, child);
  }
  const parameter = parameters.length === 0 ? undefined : buildNode(parameters, depth + 1, tail, budget);
  if (parameters.length > 0 && parameter === undefined) return undefined;
  return { ends: open.find((pattern) => pattern.segments.length === depth), tail, literals, parameter };
}

function groupByLiteral<R>(open: readonly Pattern<R>[], depth: number): Map<string, Pattern<R>[]> {
  const byText = new Map<string, Pattern<R>[]>();
  for (const pattern of open) {
    const segment = pattern.segments[depth];
    if (segment?.kind !== 'literal') continue;
    const group = byText.get(segment.text);
    if (group === undefined) byText.set(segment.text, [pattern]);
    else group.push(pattern);
  }
  return byText;
}

function merge<R>(left: readonly Pattern<R>[], right: readonly Pattern<R>[]): readonly Pattern<R>[] {
  if (right.length === 0) return left;
  return [...left, ...right].sort((a, b) => compareSpecificity(a.segments, b.segments));
}

function moreSpecific<R>(left: Pattern<R> | undefined, right: Pattern<R> | undefined): Pattern<R> | undefined {
  if (left === undefined || right === undefined) return left ?? right;
  return compareSpecificity(left.segments, right.segments) <= 0 ? left : right;
}

function match<R>(root: Node<R>, method: string, segments: readonly string[]): Result<R, MatchReason> {
  let node: Node<R> | undefined = root;
  let tail: Pattern<R> | undefined;
  for (const segment of segments) {
    tail = node.tail;
    node = node.literals.get(segment) ?? (segment === '' ? undefined : node.parameter);
    if (node === undefined) break;
  }
  const pattern = node?.ends === undefined ? tail : moreSpecific(node.ends, tail);
  if (pattern === undefined) return refuse('path-not-routed');
  const route = pattern.byMethod.get(method);
  return route === undefined ? refuse('method-not-routed') : accept(route);
}
