export type { EscapeReason } from './escapes.ts';
export { type Host, type HostReason, parseHost } from './host.ts';
export { type PatternReason, parsePattern, shapeOfPattern } from './pattern.ts';
export {
  createRouter,
  type KnownPatterns,
  type MatchReason,
  type RoutePattern,
  type Router,
  type RouterReason,
} from './router.ts';
export { decodePath, MAX_TARGET_CHARS, parseTarget, type Target, type TargetReason } from './target.ts';
