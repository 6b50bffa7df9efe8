export { ACTION_GROUPS, actionId, actionsOf } from './actions.ts';
export {
  type AcceptReleaseReason,
  acceptRelease,
  formatRelease,
  type ParseReleaseReason,
  parseRelease,
} from './format.ts';
export { type LoadedRelease, type LoadedService, type LoadReleaseReason, loadRelease } from './load.ts';
export * from './release.ts';
