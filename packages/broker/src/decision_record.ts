/** (7) A decision → what is recorded of it. */
import type { DecisionRecord } from '@postern/audit';
import type { Decision } from './decision.ts';

/** Cedar's messages name attributes and types, never values. */
const MAX_ERROR_LENGTH = 512;

/**
 * The record of one decision, whatever its outcome; its id is the decision's, which the client was told. Holds names,
 * ids and reasons: no token, no query, no header. `latencyUs`: from the call's arrival to the answer, by the caller.
 */
export function createDecisionRecord(
  decision: Decision,
  latencyUs: number,
): DecisionRecord & { readonly detail?: string } {
  const { reason, detail, service, action, method, path, host, enforcementPoint, assurance } = decision;
  const { workload, user, device, releaseNumber, feedSequence, validUntilMs, mode, observed, outcome } = decision;
  return {
    kind: 'decision',
    outcome,
    reason,
    ...(detail !== undefined && { detail }),
    service,
    ...(action !== undefined && { action }),
    method,
    ...(path !== undefined && { path }),
    host,
    enforcementPoint,
    ...(assurance !== undefined && { assurance }),
    ...(workload !== undefined && { workload }),
    ...(user !== undefined && { user }),
    ...(device !== undefined && { device }),
    parties: decision.parties.map((party) => ({
      kind: party.kind,
      principal: party.principal,
      outcome: party.outcome,
      policies: party.determining.map((policy) => policy.id),
      errors: party.errors.map(({ policyId, message }) => `${policyId}: ${message}`.slice(0, MAX_ERROR_LENGTH)),
    })),
    releaseNumber,
    feedSequence,
    validUntilMs,
    mode,
    observed,
    latencyUs,
  };
}
