export type { ChangedPolicy, PolicyChanges, PolicyPlace } from './diff_policies.ts';
export { diffReleases, type ReleaseDiff } from './diff_releases.ts';
export type { Changed, LineChanges, NamedChanges } from './lines.ts';
export { findWidenings, type Widening, type WideningCode } from './widening.ts';
