/** How old may be what a decision point knows. */
import type { DecisionState } from '@postern/feed';
import type { Service } from '@postern/policy-engine';
import { accept, type Result, refuse } from '@postern/result';

const SKEW_MS = 60_000;

/** When this service's decisions begin to be made from stale knowledge: revocations may be missing from it. */
export function staleAtMs(state: Pick<DecisionState, 'headAtMs'>, service: Service): number {
  return state.headAtMs + service.feedStaleAfterSeconds * 1000;
}

/**
 * Prevents a decision point that was cut off from the feed from honouring what was taken back meanwhile. What happens
 * then is the service's own rule: `deny`, or the last known good. A head from the future is no sign of freshness.
 */
export function checkFreshness(
  state: Pick<DecisionState, 'headAtMs'>,
  service: Service,
  nowMs: number,
): Result<void, 'state-stale'> {
  const isFresh = nowMs <= staleAtMs(state, service) && state.headAtMs <= nowMs + SKEW_MS;
  return isFresh || service.whenStale === 'last-known-good' ? accept(undefined) : refuse('state-stale');
}
