/**
 * The engine's decision. Cedar decides for each party by itself; a request is allowed only if it allows every one of
 * them. Deny is what remains when nothing else was shown.
 */
import type { Authorization, AuthorizationRequest, Entities, PolicyError } from './cedar/index.ts';
import { formatUid } from './cedar/index.ts';
import { formatChallenge, parseChallenge } from './challenge.ts';
import type {
  DecisionInput,
  DeterminingPolicy,
  EngineDecision,
  EngineReason,
  Outcome,
  Party,
  PartyDecision,
} from './decision.ts';
import { challengeFreePolicies, readsTime } from './derived_policies.ts';
import { actionUid, serviceUid, workloadEntity } from './model.ts';
import { explainDenial } from './near_permits.ts';
import type { LoadedRelease } from './release/load.ts';

/** An answer that no policy ties to the clock holds this long, unless a credential or fact expires earlier. */
const MAX_LIFETIME_MS = 60_000;

/**
 * Decides one request of an action of a service. Pure: no clock, no I/O. `input`: established by the broker; the service
 * and action from `routeRequest`. Entities that the release has (a workload of one of its services) count as the release
 * has them. Without parties the answer is deny. Throws only for entities that contradict each other.
 */
export function decide(loaded: LoadedRelease, input: DecisionInput): EngineDecision {
  const service = loaded.services.get(input.service);
  if (service === undefined) return denied('service-unknown', input);
  if (!service.actions.has(input.action)) return denied('action-unknown', input);
  const entities = entitiesOf(loaded, input);
  const results = input.parties.map((party) => decideForParty(loaded, input, party, entities));
  const outcome = worstOf(results.map(({ decision }) => decision.outcome));
  return {
    outcome,
    reason: reasonOf(outcome, results),
    parties: results.map(({ decision }) => decision),
    cedarOutcome: results.length > 0 && results.every(({ cedar }) => cedar.decision === 'allow') ? 'allow' : 'deny',
    challenges: outcome === 'challenge' ? [formatChallenge(shortestChallenge(results))] : [],
    obligations: outcome === 'allow' ? obligationsOf(results) : [],
    validUntilMs: readsTime(loaded, input.service, input.action) ? input.nowMs : input.nowMs + MAX_LIFETIME_MS,
  };
}

interface PartyResult {
  readonly decision: PartyDecision;
  readonly cedar: Authorization;
  readonly reason: EngineReason;
}

function denied(reason: EngineReason, input: DecisionInput): EngineDecision {
  return {
    outcome: 'deny',
    reason,
    parties: [],
    cedarOutcome: 'deny',
    challenges: [],
    obligations: [],
    validUntilMs: input.nowMs,
  };
}

/** The request's entities over the release's, and a workload that the release does not know, by its name alone. */
function entitiesOf(loaded: LoadedRelease, input: DecisionInput): Entities {
  const inputs = input.entities.filter(({ uid }) => loaded.entities.find(uid) === undefined);
  for (const { kind, principal } of input.parties) {
    if (kind !== 'workload' || loaded.entities.find(principal) !== undefined) continue;
    if (inputs.some(({ uid }) => uid.id === principal.id && uid.type === principal.type)) continue;
    const entity = workloadEntity(principal.id);
    if (entity !== undefined) inputs.push(entity);
  }
  const entities = loaded.entities.with(inputs);
  if (!entities.ok) throw new Error(`the entities of a request do not fit: ${entities.reason}`);
  return entities.value;
}

function decideForParty(loaded: LoadedRelease, input: DecisionInput, party: Party, entities: Entities): PartyResult {
  const request: AuthorizationRequest = {
    principal: party.principal,
    action: actionUid(input.action),
    resource: serviceUid(input.service),
    context: input.context,
  };
  const cedar = loaded.policies.authorize(request, entities);
  const determining = cedar.determining.map((id) => determiningPolicy(loaded, id));
  const [outcome, reason] = outcomeOf(loaded, cedar, determining, () =>
    challengeFreePolicies(loaded).authorize(request, entities),
  );
  const explain = () => (reason === 'no-permit' ? explainDenial(loaded, input, request, entities) : []);
  const errors = cedar.errors.map(({ policyId, message }) => ({ policyId, message }));
  const decision = new DecidedParty(party.kind, formatUid(party.principal), outcome, determining, errors, explain);
  return { decision, cedar, reason };
}

/**
 * One party's decision. Most denials are never asked about, and explaining one costs more than deciding it: `nearest` is
 * worked out on first look. A class, since an accessor in an object literal costs a hidden class for each decision.
 */
class DecidedParty implements PartyDecision {
  readonly kind: PartyDecision['kind'];
  readonly principal: string;
  readonly outcome: PartyDecision['outcome'];
  readonly determining: PartyDecision['determining'];
  readonly errors: PartyDecision['errors'];
  readonly #explain: () => PartyDecision['nearest'];
  #nearest: PartyDecision['nearest'] | undefined;

  constructor(
    kind: PartyDecision['kind'],
    principal: string,
    outcome: PartyDecision['outcome'],
    determining: PartyDecision['determining'],
    errors: PartyDecision['errors'],
    explain: () => PartyDecision['nearest'],
  ) {
    this.kind = kind;
    this.principal = principal;
    this.outcome = outcome;
    this.determining = determining;
    this.errors = errors;
    this.#explain = explain;
  }

  get nearest(): PartyDecision['nearest'] {
    this.#nearest ??= this.#explain();
    return this.#nearest;
  }
}

/**
 * Of one party. `withoutChallenges`: Cedar's result if the forbids that name a way out did not exist; only when it
 * allows is going that way of any use.
 */
function outcomeOf(
  loaded: LoadedRelease,
  cedar: Authorization,
  determining: readonly DeterminingPolicy[],
  withoutChallenges: () => Authorization,
): [Outcome, EngineReason] {
  const isForbidden = cedar.decision === 'deny' && determining.length > 0;
  const isChallenged = isForbidden && determining.every((policy) => challengeOf(policy) !== undefined);
  if (isForbidden && !isChallenged) return ['deny', 'forbidden'];
  if (loaded.release.strictErrors && cedar.errors.some(isErroredForbid)) return ['deny', 'policy-error'];
  if (isChallenged) {
    return withoutChallenges().decision === 'allow' ? ['challenge', 'step-up-required'] : ['deny', 'forbidden'];
  }
  return cedar.decision === 'allow' ? ['allow', 'permitted'] : ['deny', 'no-permit'];
}

function isErroredForbid(error: PolicyError): boolean {
  return error.effect === 'forbid';
}

function determiningPolicy(loaded: LoadedRelease, id: string): DeterminingPolicy {
  const policy = loaded.policiesById.get(id);
  if (policy === undefined) throw new Error('a policy that is not in the release determined a decision');
  return { id, effect: policy.effect, file: policy.file, line: policy.line, annotations: policy.annotations };
}

function challengeOf(policy: DeterminingPolicy): number | undefined {
  return parseChallenge(annotationOf(policy, 'challenge'));
}

function annotationOf(policy: DeterminingPolicy, name: string): string | undefined {
  return Object.hasOwn(policy.annotations, name) ? policy.annotations[name] : undefined;
}

/** No party at all is nobody who was permitted. */
function worstOf(outcomes: readonly Outcome[]): Outcome {
  if (outcomes.length === 0 || outcomes.includes('deny')) return 'deny';
  return outcomes.includes('challenge') ? 'challenge' : 'allow';
}

/** Of several denied parties, what weighs most: a forbid, then an error, then a missing permit. */
function reasonOf(outcome: Outcome, results: readonly PartyResult[]): EngineReason {
  if (outcome === 'allow') return 'permitted';
  if (outcome === 'challenge') return 'step-up-required';
  const reasons = results.filter(({ decision }) => decision.outcome === 'deny').map(({ reason }) => reason);
  return DENIALS.find((reason) => reasons.includes(reason)) ?? 'no-permit';
}

const DENIALS: readonly EngineReason[] = ['forbidden', 'policy-error', 'no-permit'];

/** A sign-in that satisfies the strictest satisfies all. */
function shortestChallenge(results: readonly PartyResult[]): number {
  const challenged = results.filter(({ decision }) => decision.outcome === 'challenge');
  return Math.min(
    ...challenged.flatMap(({ decision }) => decision.determining.map((policy) => challengeOf(policy) ?? 0)),
  );
}

function obligationsOf(results: readonly PartyResult[]): string[] {
  const stated = results.flatMap(({ decision }) =>
    decision.determining.map((policy) => annotationOf(policy, 'obligation')),
  );
  return [...new Set(stated.filter((obligation) => obligation !== undefined))];
}
