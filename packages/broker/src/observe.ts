/** `observe`: decide and record, but let through what the service's own policies would have denied. */
import type { EngineDecision, LoadedRelease, Service } from '@postern/policy-engine';

/** Until when a service observes; 0 when it enforces. An expired or endless `observe` enforces. */
export function observesUntilMs(service: Service, nowMs: number): number {
  if (service.mode !== 'observe' || service.observeUntilMs === undefined) return 0;
  return service.observeUntilMs > nowMs ? service.observeUntilMs : 0;
}

/**
 * Whether observation may let this result through. It waives permits that are missing and forbids of teams; never a
 * guardrail of the organisation, neither one that forbade nor one that could not be evaluated. Authentication, canonical
 * form and revocation were settled before and are not asked about here.
 */
export function mayObserve(engine: EngineDecision, release: LoadedRelease): boolean {
  if (!OBSERVABLE.has(engine.reason) || engine.parties.length === 0) return false;
  const isWaivable = (policyId: string): boolean => {
    const policy = release.policiesById.get(policyId);
    return policy !== undefined && (policy.level === 'team' || policy.effect === 'permit');
  };
  return engine.parties.every(
    (party) =>
      party.errors.every((error) => isWaivable(error.policyId)) &&
      party.determining.every((policy) => policy.effect === 'permit' || isWaivable(policy.id)),
  );
}

const OBSERVABLE: ReadonlySet<EngineDecision['reason']> = new Set([
  'no-permit',
  'forbidden',
  'step-up-required',
  'policy-error',
]);
