/**
 * One decision end to end. Read this page first: the steps of `decideRequest` are the design's, in order. A step that
 * refuses ends the decision with a reason; whatever is thrown ends it with a denial too. Nothing here does I/O.
 */
import { randomBytes, randomUUID } from 'node:crypto';
import type { DecisionState } from '@postern/feed';
import {
  createUserTokenVerifier,
  createWorkloadVerifier,
  type UserIdentity,
  type UserTokenVerifier,
  type WorkloadIdentity,
  type WorkloadVerifier,
} from '@postern/identity';
import { decide } from '@postern/policy-engine';
import type { Decision } from './decision.ts';
import { createDecisionIds } from './decision_id.ts';
import { createDecisionInput } from './decision_input.ts';
import { createDenial } from './denial.ts';
import { checkEnforcementPoint } from './enforcement_point.ts';
import { establishUser } from './establish_user.ts';
import { establishWorkload } from './establish_workload.ts';
import { checkFreshness } from './freshness.ts';
import type { CheckReadReason } from './http_check.ts';
import { lifetimeOf } from './lifetime.ts';
import { observesUntilMs } from './observe.ts';
import { settleOutcome } from './outcome.ts';
import { type DecisionReason, obligationsOf } from './reasons.ts';
import type { CheckRequest, EnforcementPoint } from './request.ts';
import { checkRequestBounds } from './request_bounds.ts';
import { routeToAction } from './route_to_action.ts';

export interface Broker {
  /**
   * Decides one request. Synchronous, no I/O, never throws. `state`: what the feed's follower holds now, `undefined`
   * before it is ready. `request`: as read from the wire, untrusted. `point`: as the transport proved it.
   */
  check(state: DecisionState | undefined, request: CheckRequest, point: EnforcementPoint | undefined): Decision;
  /** The decision about a call that could not be read: a denial with the reader's reason. */
  refuse(
    refusal: { readonly reason: CheckReadReason; readonly detail?: string },
    point: EnforcementPoint | undefined,
  ): Decision;
}

export interface BrokerPorts {
  readonly clock: { nowMs(): number };
  /** Cryptographically secure bytes; the system's when absent. */
  readonly random?: (length: number) => Uint8Array;
  /** Told of a fault inside a decision, which was denied; the request is not part of it. */
  readonly onFault?: (fault: unknown, decisionId: string) => void;
  /** Told of a known trust domain whose authorities do not vouch for a caller of its name; anybody can cause it. */
  readonly onUnknownAuthority?: (trustDomain: string) => void;
}

/** Leaves and tokens in use at once behind one decision point; an entry is under 1 KiB. */
const MAX_VERIFIED = 10_000;

export function createBroker({ clock, random = randomBytes, onFault, onUnknownAuthority }: BrokerPorts): Broker {
  const nextId = createDecisionIds(random);
  const verifiers: Verifiers = {
    workloads: createWorkloadVerifier({ maxEntries: MAX_VERIFIED, onUnknownAuthority }),
    users: createUserTokenVerifier({ maxEntries: MAX_VERIFIED }),
  };
  let lastMs = 0;

  /** A clock or a source of randomness that fails is a fault like any other: it ends in a denial. */
  function guarded(
    point: EnforcementPoint | undefined,
    request: CheckRequest | undefined,
    decideAt: (id: string, nowMs: number) => Decision,
  ): Decision {
    let id: string | undefined;
    try {
      lastMs = clock.nowMs();
      id = nextId(lastMs);
      return decideAt(id, lastMs);
    } catch (fault) {
      id ??= randomUUID();
      try {
        onFault?.(fault, id);
        return createDenial({ id, atMs: lastMs, reason: 'internal-error', request, point });
      } catch {
        return createDenial({ id, atMs: lastMs, reason: 'internal-error' });
      }
    }
  }

  return {
    check: (state, request, point) =>
      guarded(point, request, (id, nowMs) =>
        state === undefined
          ? createDenial({ id, atMs: nowMs, reason: 'not-ready', request, point })
          : decideRequest(state, request, point, verifiers, id, nowMs),
      ),
    refuse: ({ reason, detail }, point) =>
      guarded(point, undefined, (id, atMs) => createDenial({ id, atMs, reason, detail, point })),
  };
}

interface Verifiers {
  readonly workloads: WorkloadVerifier;
  readonly users: UserTokenVerifier;
}

function decideRequest(
  state: DecisionState,
  request: CheckRequest,
  point: EnforcementPoint | undefined,
  verifiers: Verifiers,
  id: string,
  nowMs: number,
): Decision {
  const { release } = state;
  let known: Decision = {
    ...createDenial({ id, atMs: nowMs, reason: 'internal-error', request, point }),
    releaseNumber: release.release.number,
    feedSequence: state.sequence,
  };
  const deny = ({ reason, detail }: { readonly reason: DecisionReason; readonly detail?: string }): Decision => ({
    ...known,
    reason,
    ...(detail !== undefined && { detail }),
    obligations: obligationsOf(reason),
  });

  // (1) Who asks, about which service.
  const bound = checkEnforcementPoint(release, request.service, point);
  if (!bound.ok) return deny(bound);
  const service = bound.value;
  const observesUntil = observesUntilMs(service, nowMs);
  known = { ...known, mode: observesUntil > 0 ? 'observe' : 'enforce' };

  // (2) What is asked: in its canonical form, as an action of that service.
  const bounds = checkRequestBounds(request);
  if (!bounds.ok) return deny(bounds);
  const routed = routeToAction(release, service, request);
  if (!routed.ok) return deny(routed);
  const { action, path, host } = routed.value;
  known = { ...known, action, path, host };

  // (3) The parties, each of whom needs its own permit; and no one whose access was taken back unheard.
  const workload = establishWorkload(request, service, state, verifiers.workloads, nowMs);
  if (!workload.ok) return deny(workload);
  known = { ...known, ...callerOf(workload.value) };
  const user = establishUser(request, routed.value.user, state, verifiers.users, nowMs);
  if (!user.ok) return deny(user);
  known = { ...known, ...personOf(user.value) };
  const fresh = checkFreshness(state, service, nowMs);
  if (!fresh.ok) return deny(fresh);

  // (4) Everything else a policy may look at.
  const parties = { workload: workload.value, user: user.value };
  const input = createDecisionInput({ request, routed: routed.value, parties, state, nowMs });
  if (!input.ok) return deny(input);

  // (5) The policies, for each party. (6) The answer, with obligations and lifetime. (7) is the caller's: record it.
  const engine = decide(release, input.value);
  const validUntilMs = lifetimeOf({ nowMs, engine, state, service, action, parties, observesUntilMs: observesUntil });
  known = { ...known, parties: engine.parties, validUntilMs };
  return settleOutcome({ known, engine, request, service, parties, release, isObserving: observesUntil > 0 });
}

/** What of the parties a decision keeps: names, never claims or tokens. */
function callerOf(workload: WorkloadIdentity | undefined): Partial<Decision> {
  if (workload === undefined) return {};
  const { spiffeId, serial, issuerKeyId, assurance } = workload;
  return {
    workload: { spiffeId, ...(serial !== undefined && { serial }), ...(issuerKeyId !== undefined && { issuerKeyId }) },
    assurance,
  };
}

function personOf(user: UserIdentity | undefined): Partial<Decision> {
  if (user === undefined) return {};
  const { issuer, subject, deviceId } = user;
  return { user: { issuer, subject }, ...(deviceId !== undefined && { device: { id: deviceId } }) };
}
