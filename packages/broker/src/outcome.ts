/** (6) From the engine's result to the answer: observation, step-up, obligations. */
import type { UserIdentity, WorkloadIdentity } from '@postern/identity';
import type { EngineDecision, LoadedRelease, Service } from '@postern/policy-engine';
import type { Decision } from './decision.ts';
import { createHeaderObligations } from './headers.ts';
import { mayObserve } from './observe.ts';
import { parsePolicyObligations, parseStepUp } from './policy_obligations.ts';
import type { CheckRequest } from './request.ts';

/** Whoever of the two is known; nobody known is `Anonymous` to the engine. */
export interface Parties {
  readonly workload: WorkloadIdentity | undefined;
  readonly user: UserIdentity | undefined;
}

/** `known`: the decision as far as it went, a denial. Only the last line but one of this function makes an allow. */
export function settleOutcome(input: {
  readonly known: Decision;
  readonly engine: EngineDecision;
  readonly request: CheckRequest;
  readonly service: Service;
  readonly parties: Parties;
  readonly release: LoadedRelease;
  readonly isObserving: boolean;
}): Decision {
  const { known, engine, service, parties } = input;
  const { outcome, reason } = engine;
  if (reason === 'service-unknown' || reason === 'action-unknown')
    throw new Error('a routed action is not in the release');
  const isObserved = outcome !== 'allow' && input.isObserving && mayObserve(engine, input.release);
  if (outcome !== 'allow' && !isObserved) {
    const stepUp = outcome === 'challenge' ? parseStepUp(engine.challenges) : undefined;
    if (stepUp !== undefined) return { ...known, outcome: 'challenge', reason, obligations: [stepUp] };
    // A challenge without a way out that we know is a plain denial.
    return { ...known, outcome: 'deny', reason: outcome === 'challenge' ? 'forbidden' : reason, obligations: [] };
  }
  const stated = parsePolicyObligations(isObserved ? [] : engine.obligations);
  if (!stated.ok)
    return { ...known, outcome: 'deny', reason: stated.reason, detail: stated.detail ?? '', obligations: [] };
  const headers = createHeaderObligations({
    request: input.request,
    decisionId: known.id,
    showsIdentity: service.identityHeaders && !isObserved,
    takesUserCredential: parties.user !== undefined,
    parties,
  });
  return { ...known, outcome: 'allow', reason, observed: isObserved, obligations: [...stated.value, ...headers] };
}
