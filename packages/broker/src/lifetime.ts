/** Until when an answer would be the same if nothing but time went by. */
import type { DecisionState } from '@postern/feed';
import type { EngineDecision, Service } from '@postern/policy-engine';
import { staleAtMs } from './freshness.ts';
import type { Parties } from './outcome.ts';

/** No answer is reused for longer, whatever it rests on: signals have to arrive somewhere. */
export const MAX_LIFETIME_MS = 60_000;

/**
 * The earliest of what time alone could change: a policy that reads the clock, the end of a credential, of a fact it
 * rests on, of the feed's freshness and of an observation. Never before `nowMs`.
 */
export function lifetimeOf(input: {
  readonly nowMs: number;
  readonly engine: EngineDecision;
  readonly state: DecisionState;
  readonly service: Service;
  readonly parties: Parties;
  readonly observesUntilMs: number;
}): number {
  const { nowMs, state } = input;
  const { workload, user } = input.parties;
  const ends = [input.engine.validUntilMs, nowMs + MAX_LIFETIME_MS];
  if (workload?.notAfterMs !== undefined) ends.push(workload.notAfterMs);
  if (user !== undefined) {
    ends.push(user.expiresAtMs);
    const keys = state.tokenKeys.get(user.issuer);
    if (keys !== undefined) ends.push(keys.expiresAtMs);
    const posture = user.deviceId === undefined ? undefined : state.postures.get(user.deviceId);
    if (posture !== undefined && posture.expiresAtMs > nowMs) ends.push(posture.expiresAtMs);
  }
  const stale = staleAtMs(state, input.service);
  if (stale > nowMs) ends.push(stale);
  if (input.observesUntilMs > 0) ends.push(input.observesUntilMs);
  return Math.max(nowMs, Math.min(...ends));
}
