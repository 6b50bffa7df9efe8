/** (4) What the engine is asked: the parties, and all that policies may look at beside them. */
import type { DecisionState } from '@postern/feed';
import { parseClientAddress, type UserIdentity, type WorkloadIdentity } from '@postern/identity';
import {
  ANONYMOUS_USER,
  ANONYMOUS_WORKLOAD,
  type AuthContext,
  contextOf,
  type DecisionInput,
  type DeviceContext,
  type Party,
  type RoutedRequest,
  userEntity,
  userUid,
  workloadUid,
} from '@postern/policy-engine';
import { accept, type Result, refuse } from '@postern/result';
import type { Parties } from './outcome.ts';
import type { CheckRequest } from './request.ts';

/**
 * Builds the engine's input. Whoever is not known is `Anonymous` and needs a permit as such, except a user where the
 * route asks for none. Refused: `source-address-malformed`, since leaving the address out could open what a forbid on
 * it closes (a Unix socket has none and that is no malformed one).
 */
export function createDecisionInput(input: {
  readonly request: CheckRequest;
  readonly routed: RoutedRequest;
  readonly parties: Parties;
  readonly state: DecisionState;
  readonly nowMs: number;
}): Result<DecisionInput, 'source-address-malformed'> {
  const { request, routed, state, nowMs } = input;
  const { workload, user } = input.parties;
  let sourceIp: string | undefined;
  if (request.sourceAddress !== undefined) {
    const address = parseClientAddress(request.sourceAddress);
    if (!address.ok) return refuse('source-address-malformed');
    sourceIp = address.value;
  }

  const parties: Party[] = [
    workload === undefined
      ? { kind: 'anonymous-workload', principal: ANONYMOUS_WORKLOAD }
      : { kind: 'workload', principal: workloadUid(workload.spiffeId) },
  ];
  if (user !== undefined) parties.push({ kind: 'user', principal: userUid(user.issuer, user.subject) });
  else if (routed.user !== 'none') parties.push({ kind: 'anonymous-user', principal: ANONYMOUS_USER });

  const { path, host, service } = routed;
  const context = contextOf({
    nowMs,
    timeZone: service.timeZone,
    request: { method: request.method, path, host },
    network: { sourceIp },
    workload: workload === undefined ? undefined : workloadOf(workload, nowMs),
    user,
    auth: user === undefined ? undefined : signInOf(user),
    device: user?.deviceId === undefined ? undefined : deviceOf(user.deviceId, state, nowMs),
  });
  const entities = user === undefined ? [] : [userEntity(user)];
  return accept({ service: service.name, action: routed.action, parties, context, entities, nowMs });
}

/** A name without a certificate is known for this moment only. */
function workloadOf({ spiffeId, assurance, notAfterMs }: WorkloadIdentity, nowMs: number) {
  return { spiffeId, assurance, notAfterMs: notAfterMs ?? nowMs };
}

/** Absent where the provider does not say when the user signed in. */
function signInOf({ authTimeMs, acr, amr }: UserIdentity): AuthContext | undefined {
  return authTimeMs === undefined ? undefined : { timeMs: authTimeMs, acr, amr };
}

/** Without a posture that still counts nothing good is known of a device (`unknown` is never compliant). */
function deviceOf(id: string, state: DecisionState, nowMs: number): DeviceContext {
  const posture = state.postures.get(id);
  return posture !== undefined && posture.expiresAtMs > nowMs ? { id, posture } : { id };
}
