export { applyStep, nextGeneration, type Step, type StepReason } from './apply_step.ts';
export { AUTHORITY_REFRESH_HINT_SECONDS, anchorsOf, bundleOf, knowsRoot } from './authority_bundle.ts';
export { type AuthorityReason, signAuthorityState, verifyAuthorityState } from './authority_jws.ts';
export {
  type AuthorityState,
  certificateOf,
  comingOf,
  type ForeignAnchor,
  type Generation,
  generationOf,
  isInBundle,
  type Override,
  type Phase,
  publishedOf,
  ROLLED_KEYS,
  signingOf,
  spkiOf,
} from './authority_state.ts';
export {
  type AuthorityReader,
  type AuthorityStore,
  AuthorityTampered,
  createAuthorityReader,
  createAuthorityStore,
  type SignedState,
} from './authority_store.ts';
export { checkForeignAnchor, type ForeignAnchorReason } from './foreign_anchor.ts';
export {
  type Consumer,
  type Observation,
  type Plan,
  type PlannedStep,
  planNext,
  ROLLOVER_TIMES,
  type RolloverTimes,
  type Wait,
} from './plan.ts';
