/** Until when an answer would be the same if nothing but time went by. */
import type { DecisionState } from '@postern/feed';
import { type EngineDecision, inputsRead, MAX_LIFETIME_MS, mayRead, type Service } from '@postern/policy-engine';
import { staleAtMs } from './freshness.ts';
import type { Parties } from './outcome.ts';

/**
 * The earliest of what time alone could change: a policy that reads the clock, the end of a credential, of a fact that a
 * policy may read, of the feed's freshness and of an observation. Never before `nowMs`, and no answer is reused for longer
 * than a minute, whatever it rests on: signals have to arrive somewhere.
 */
export function lifetimeOf(input: {
  readonly nowMs: number;
  readonly engine: EngineDecision;
  readonly state: DecisionState;
  readonly service: Service;
  /** Full Cedar id. */
  readonly action: string;
  readonly parties: Parties;
  readonly observesUntilMs: number;
}): number {
  const { nowMs, state, service } = input;
  const { workload, user } = input.parties;
  const reads = inputsRead(state.release, service.name, input.action);
  const ends = [input.engine.validUntilMs, nowMs + MAX_LIFETIME_MS];
  if (workload?.notAfterMs !== undefined) ends.push(workload.notAfterMs);
  // Of a name alone policies read as its end the instant of the request.
  else if (workload !== undefined && mayRead(reads, 'workload', 'notAfter')) ends.push(nowMs);
  if (user !== undefined) {
    ends.push(user.expiresAtMs);
    const keys = state.tokenKeys.get(user.issuer);
    if (keys !== undefined) ends.push(keys.expiresAtMs);
    const posture = user.deviceId === undefined ? undefined : state.postures.get(user.deviceId);
    const isCounted = posture !== undefined && posture.expiresAtMs > nowMs;
    if (isCounted && mayRead(reads, 'device')) ends.push(posture.expiresAtMs);
  }
  const stale = staleAtMs(state, service);
  if (stale > nowMs) ends.push(stale);
  if (input.observesUntilMs > 0) ends.push(input.observesUntilMs);
  return Math.max(nowMs, Math.min(...ends));
}
