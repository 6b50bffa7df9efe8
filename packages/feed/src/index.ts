export { MAX_FACT_BYTES } from './fact_shape.ts';
export type * from './facts.ts';
export { type CertifiedFeedKey, type CertifyFeedKey, createFeedKeyCertifier } from './feed_key.ts';
export {
  type AppendReason,
  createFeedLog,
  type FeedLog,
  FeedTampered,
  isStillLatest,
  MAX_FACTS_PER_APPEND,
  type StoredHead,
} from './feed_log.ts';
export { createFollower, type FeedTrust, type Follower, type FollowReason, type Jwk } from './follower.ts';
export { createFeedPublisher, type FeedPublisher } from './publisher.ts';
export { digestOfRelease, type ReleaseJwsReason, signRelease, verifyRelease } from './release_jws.ts';
export type { DecisionState } from './state.ts';
export { createWantedBundles, WANTED_AGAIN_MS, type WantedBundles } from './wanted_bundles.ts';
export * from './wire.ts';
