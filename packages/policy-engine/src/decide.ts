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
import { challengeFreePolicies } from './derived_policies.ts';
import { nearestPermits } from './explain/near_permits.ts';
import { answerValidUntilMs } from './lifetime/index.ts';
import { requestEntities } from './party_request.ts';
import type { LoadedRelease, NamedEntity } from './release/load.ts';
import type { ReleasedPolicy } from './release/release.ts';

/**
 * Decides one request of an action of a service. Pure: no clock, no I/O. `input`: established by the broker; the service
 * and action from `routeRequest`. Entities that the release has (a workload of one of its services) count as the release
 * has them. Without parties the answer is deny. Throws only for entities that contradict each other.
 */
export function decide(loaded: LoadedRelease, input: DecisionInput): EngineDecision {
  const service = loaded.services.get(input.service);
  if (service === undefined) return denied('service-unknown', input);
  const action = service.actions.get(input.action);
  if (action === undefined) return denied('action-unknown', input);
  const entities = requestEntities(loaded, input);
  const question = { loaded, input, entities, action, resource: service.resource };
  return new Decided(
    question,
    input.parties.map((party) => decideForParty(question, party)),
  );
}

/** Whoever keeps no answers does not ask how long one holds, so that is worked out on first look, as `nearest` is. */
class Decided implements EngineDecision {
  readonly outcome: EngineDecision['outcome'];
  readonly reason: EngineDecision['reason'];
  readonly parties: EngineDecision['parties'];
  readonly cedarOutcome: EngineDecision['cedarOutcome'];
  readonly challenges: EngineDecision['challenges'];
  readonly obligations: EngineDecision['obligations'];
  readonly #question: Question;
  #validUntilMs: number | undefined;

  constructor(question: Question, parties: readonly DecidedParty[]) {
    const outcome = worstOf(parties);
    this.outcome = outcome;
    this.reason = reasonOf(outcome, parties);
    this.parties = parties;
    this.cedarOutcome = parties.length > 0 && parties.every(({ isCedarAllow }) => isCedarAllow) ? 'allow' : 'deny';
    this.challenges = outcome === 'challenge' ? [formatChallenge(shortestChallenge(parties))] : [];
    this.obligations = outcome === 'allow' ? obligationsOf(parties) : [];
    this.#question = question;
  }

  get validUntilMs(): number {
    const { loaded, input, entities } = this.#question;
    this.#validUntilMs ??= answerValidUntilMs(loaded, input, entities);
    return this.#validUntilMs;
  }
}

/** What the decisions for all parties of a request have in common. */
interface Question {
  readonly loaded: LoadedRelease;
  readonly input: DecisionInput;
  readonly entities: Entities;
  readonly action: NamedEntity;
  readonly resource: NamedEntity;
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

function decideForParty(question: Question, party: Party): DecidedParty {
  const { loaded, input, entities, action, resource } = question;
  const request = {
    principal: party.principal,
    action: action.uid,
    resource: resource.uid,
    context: input.context,
    actionEntity: action.entity,
    resourceEntity: resource.entity,
  };
  const cedar = loaded.policies.authorize(request, entities);
  const determining = cedar.determining.length === 0 ? NO_STATEMENTS : statementsOf(loaded, cedar.determining);
  const [outcome, reason] = outcomeOf(question, request, cedar, determining);
  return new DecidedParty(party, outcome, reason, cedar, determining, question, request);
}

/**
 * One party's decision. Most denials are never asked about, and explaining one costs more than deciding it: `nearest` is
 * worked out on first look. A class, since an accessor in an object literal costs a hidden class for each decision.
 */
class DecidedParty implements PartyDecision {
  readonly kind: PartyDecision['kind'];
  readonly outcome: PartyDecision['outcome'];
  readonly determining: PartyDecision['determining'];
  readonly errors: PartyDecision['errors'];
  readonly #reason: EngineReason;
  readonly #isCedarAllow: boolean;
  readonly #statements: readonly Statement[];
  readonly #question: Question;
  readonly #request: AuthorizationRequest;
  #nearest: PartyDecision['nearest'] | undefined;

  constructor(
    { kind }: Party,
    outcome: Outcome,
    reason: EngineReason,
    cedar: Authorization,
    statements: readonly Statement[],
    question: Question,
    request: AuthorizationRequest,
  ) {
    this.kind = kind;
    this.outcome = outcome;
    this.determining = statements.length === 0 ? NO_POLICIES : statements.map(({ policy }) => policy);
    this.errors = cedar.errors.length === 0 ? NO_ERRORS : cedar.errors.map(withoutReason);
    this.#reason = reason;
    this.#isCedarAllow = cedar.decision === 'allow';
    this.#statements = statements;
    this.#question = question;
    this.#request = request;
  }

  get principal(): string {
    return formatUid(this.#request.principal);
  }

  /** For the decision as a whole; no part of what is answered for the party. */
  get reason(): EngineReason {
    return this.#reason;
  }

  get isCedarAllow(): boolean {
    return this.#isCedarAllow;
  }

  get statements(): readonly Statement[] {
    return this.#statements;
  }

  get nearest(): PartyDecision['nearest'] {
    if (this.#reason !== 'no-permit') return [];
    const { loaded, input, entities } = this.#question;
    this.#nearest ??= nearestPermits(loaded, input, this.#request, entities);
    return this.#nearest;
  }
}

function outcomeOf(
  { loaded, entities }: Question,
  request: AuthorizationRequest,
  cedar: Authorization,
  determining: readonly Statement[],
): readonly [Outcome, EngineReason] {
  const isForbidden = cedar.decision === 'deny' && determining.length > 0;
  const isChallenged = isForbidden && determining.every(({ challengeSeconds }) => challengeSeconds !== undefined);
  if (isForbidden && !isChallenged) return FORBIDDEN;
  if (loaded.release.strictErrors && cedar.errors.some(isErroredForbid)) return POLICY_ERROR;
  if (!isChallenged) return cedar.decision === 'allow' ? PERMITTED : NO_PERMIT;
  // Going the way out is of use only where the forbids that name one are all that stands in the way.
  return challengeFreePolicies(loaded).authorize(request, entities).decision === 'allow' ? CHALLENGED : FORBIDDEN;
}

const PERMITTED = ['allow', 'permitted'] as const;
const NO_PERMIT = ['deny', 'no-permit'] as const;
const FORBIDDEN = ['deny', 'forbidden'] as const;
const POLICY_ERROR = ['deny', 'policy-error'] as const;
const CHALLENGED = ['challenge', 'step-up-required'] as const;

function isErroredForbid(error: PolicyError): boolean {
  return error.effect === 'forbid';
}

/** What a policy says when it determines a decision. */
interface Statement {
  readonly policy: DeterminingPolicy;
  readonly challengeSeconds: number | undefined;
  readonly obligation: string | undefined;
}

const NO_STATEMENTS: readonly Statement[] = [];
const NO_POLICIES: readonly DeterminingPolicy[] = [];
const NO_ERRORS: PartyDecision['errors'] = [];

function withoutReason({ policyId, message }: PolicyError): PartyDecision['errors'][number] {
  return { policyId, message };
}

function statementsOf(loaded: LoadedRelease, ids: readonly string[]): readonly Statement[] {
  return ids.map((id) => stated(loaded, id));
}

/** A policy says the same each time. */
const statements = new WeakMap<ReleasedPolicy, Statement>();

function stated(loaded: LoadedRelease, id: string): Statement {
  const policy = loaded.policiesById.get(id);
  if (policy === undefined) throw new Error('a policy that is not in the release determined a decision');
  let statement = statements.get(policy);
  if (statement === undefined) {
    const { effect, file, line, annotations } = policy;
    statement = {
      policy: { id, effect, file, line, annotations },
      challengeSeconds: parseChallenge(annotationOf(policy, 'challenge')),
      obligation: annotationOf(policy, 'obligation'),
    };
    statements.set(policy, statement);
  }
  return statement;
}

function annotationOf(policy: ReleasedPolicy, name: string): string | undefined {
  return Object.hasOwn(policy.annotations, name) ? policy.annotations[name] : undefined;
}

/** No party at all is nobody who was permitted. */
function worstOf(parties: readonly DecidedParty[]): Outcome {
  if (parties.length === 0 || parties.some(({ outcome }) => outcome === 'deny')) return 'deny';
  return parties.some(({ outcome }) => outcome === 'challenge') ? 'challenge' : 'allow';
}

/** Of several denied parties, what weighs most: a forbid, then an error, then a missing permit. */
function reasonOf(outcome: Outcome, parties: readonly DecidedParty[]): EngineReason {
  if (outcome === 'allow') return 'permitted';
  if (outcome === 'challenge') return 'step-up-required';
  return DENIALS.find((denial) => parties.some(({ reason }) => reason === denial)) ?? 'no-permit';
}

const DENIALS: readonly EngineReason[] = ['forbidden', 'policy-error', 'no-permit'];

/** A sign-in that satisfies the strictest satisfies all. */
function shortestChallenge(parties: readonly DecidedParty[]): number {
  const challenged = parties.filter(({ outcome }) => outcome === 'challenge');
  return Math.min(
    ...challenged.flatMap(({ statements }) => statements.map(({ challengeSeconds }) => challengeSeconds ?? 0)),
  );
}

function obligationsOf(parties: readonly DecidedParty[]): string[] {
  const obligations: string[] = [];
  for (const { statements } of parties) {
    for (const { obligation } of statements)
      if (obligation !== undefined && !obligations.includes(obligation)) obligations.push(obligation);
  }
  return obligations;
}
