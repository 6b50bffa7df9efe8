/**
 * One call of an enforcement point, the same for both flavours: who asks → what is asked → decision → record. The answer
 * is given only once the record is where `record` puts it, so that there is no allow that nobody can account for.
 */
import type { RecordBody, RefusalLedger } from '@postern/audit';
import {
  type Broker,
  type CheckReadReason,
  type CheckRequest,
  createDecisionRecord,
  type Decision,
  type EnforcementPoint,
} from '@postern/broker';
import type { DecisionState } from '@postern/feed';
import type { LoadedRelease } from '@postern/policy-engine';
import type { Result } from '@postern/result';
import type { IdentitySource } from '../identity_source.ts';
import type { PeerCredentials } from '../peer/credentials.ts';
import type { CallerIdentities } from './caller_identities.ts';
import { type DecisionObserver, unobserved } from './decision_observer.ts';

export interface SettlePorts {
  readonly broker: Broker;
  /** What the feed's follower holds now; `undefined` before it is ready. */
  readonly state: () => DecisionState | undefined;
  readonly source: IdentitySource;
  /** Resolves when the record counts as kept (`strict`: it is on disk). When it rejects, the request is denied. */
  readonly record: (body: RecordBody, id?: string) => Promise<unknown>;
  /** Nobody when absent. */
  readonly observer?: DecisionObserver;
}

export interface Call {
  readonly protocol: 'grpc' | 'http';
  readonly peer: PeerCredentials;
  /** `performance.now()` when the call had come whole. */
  readonly startMs: number;
  readonly request: Result<CheckRequest, CheckReadReason>;
}

export type SettleCall = (call: Call) => Promise<Decision>;

/** Rejects on any fault, the record's included: the flavour then answers its own denial, never nothing. */
export function createSettleCall(
  ports: SettlePorts,
  callers: CallerIdentities,
  refusals: Pick<RefusalLedger, 'countRepeat'>,
): SettleCall {
  const { observer = unobserved } = ports;

  /** Any process of the node may ask, but one that is no enforcement point may not fill the trail call by call. */
  function isRepeatOfStranger(decision: Decision, peer: PeerCredentials): boolean {
    const { reason } = decision;
    const isStranger = decision.enforcementPoint === '' || reason === 'enforcement-point-unknown';
    return isStranger && refusals.countRepeat({ door: 'ext-authz', reason, caller: `unix:uid:${peer.uid}` });
  }

  async function keep(decision: Decision, latencyUs: number): Promise<void> {
    try {
      await ports.record(createDecisionRecord(decision, latencyUs), decision.id);
    } catch (fault) {
      observer.recordRefused();
      throw fault;
    }
  }

  return async (call) => {
    const { peer, startMs, request } = call;
    const found = callers.of(peer);
    const spiffeIds = Array.isArray(found) ? found : await found;
    const decision = decide(ports, request, spiffeIds);
    if (!isRepeatOfStranger(decision, peer)) await keep(decision, Math.round((performance.now() - startMs) * 1000));
    observer.decided(decision, call, performance.now());
    return decision;
  };
}

function decide(ports: SettlePorts, request: Call['request'], spiffeIds: readonly string[]): Decision {
  // Without identities nobody can be told apart yet: "wait" is the truth, "you are unknown" is not.
  const state = ports.source.isReady() ? ports.state() : undefined;
  const point = enforcementPoint(state?.release, request.ok ? request.value.service : undefined, spiffeIds);
  return request.ok ? ports.broker.check(state, request.value, point) : ports.broker.refuse(request, point);
}

/**
 * A process may hold several identities; it asks as the one that is bound to the service, if there is one. Whether that
 * suffices is the broker's to say: from a caller bound to nothing it gets the default identity, and refuses it.
 */
function enforcementPoint(
  release: LoadedRelease | undefined,
  serviceName: string | undefined,
  spiffeIds: readonly string[],
): EnforcementPoint | undefined {
  const service = serviceName === undefined ? undefined : release?.services.get(serviceName)?.service;
  const bound = spiffeIds.find((spiffeId) => service?.enforcementPoints.includes(spiffeId));
  const id = bound ?? spiffeIds[0];
  return id === undefined ? undefined : { id, kind: 'peer-credentials' };
}
