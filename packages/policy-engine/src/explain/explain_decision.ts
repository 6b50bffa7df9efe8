/** A decision with all that stands behind it: for whoever asks why, never on the way to an answer. */
import type { AuthorizationRequest, Entities } from '../cedar/index.ts';
import { decide } from '../decide.ts';
import type {
  DecisionInput,
  DeterminingPolicy,
  EngineDecision,
  ExplainedCondition,
  NearPermit,
  Party,
  PartyDecision,
} from '../decision.ts';
import { inputsRead } from '../lifetime/index.ts';
import { partyRequest, requestEntities } from '../party_request.ts';
import type { LoadedRelease } from '../release/index.ts';
import { type Audience, audienceOf } from '../tell.ts';
import { describeConditions } from './describe_condition.ts';
import { nearestPermits } from './near_permits.ts';

export interface DecisionExplanation
  extends Pick<EngineDecision, 'outcome' | 'reason' | 'cedarOutcome' | 'challenges' | 'obligations'> {
  readonly parties: readonly PartyExplanation[];
  readonly validUntilMs: number;
  /** Below the context, what policies for this action may read: the answer depends on nothing else but parties and time. */
  readonly reads: readonly string[];
  /** What the caller may be told: of each policy that says so its reason and what was in the way. Empty on allow. */
  readonly toCaller: readonly string[];
}

export interface PartyExplanation extends Pick<PartyDecision, 'kind' | 'principal' | 'outcome'> {
  readonly determining: readonly ExplainedPolicy[];
  readonly errors: readonly ExplainedError[];
  /** Where the party is not allowed: permits, those that applied first, then those that missed least. */
  readonly nearest: readonly NearPermit[];
}

export interface ExplainedPolicy extends DeterminingPolicy {
  /** Each, met or not. */
  readonly conditions: readonly ExplainedCondition[];
  readonly tell: Audience;
}

export interface ExplainedError {
  readonly policyId: string;
  readonly file: string;
  readonly line: number;
  readonly message: string;
}

/** Decides once more, and looks at each policy that decided, failed or came near. Some ms; pure like `decide`. */
export function explainDecision(loaded: LoadedRelease, input: DecisionInput): DecisionExplanation {
  const decision = decide(loaded, input);
  const entities = decision.parties.length === 0 ? loaded.entities : requestEntities(loaded, input);
  const parties = decision.parties.map((party, index) =>
    explainParty(loaded, input, party, input.parties[index] as Party, entities),
  );
  const { outcome, reason, cedarOutcome, challenges, obligations, validUntilMs } = decision;
  const toCaller = outcome === 'allow' ? [] : [...new Set(parties.flatMap(tellCaller))];
  const reads = inputsRead(loaded, input.service, input.action).paths;
  return { outcome, reason, cedarOutcome, challenges, obligations, parties, validUntilMs, reads, toCaller };
}

function explainParty(
  loaded: LoadedRelease,
  input: DecisionInput,
  { kind, principal, outcome, determining, errors }: PartyDecision,
  party: Party,
  entities: Entities,
): PartyExplanation {
  const request = partyRequest(input, party);
  return {
    kind,
    principal,
    outcome,
    determining: determining.map((policy) => explainPolicy(loaded, policy, request, entities)),
    errors: errors.map(({ policyId, message }) => {
      const { file = '', line = 0 } = loaded.policiesById.get(policyId) ?? {};
      return { policyId, file, line, message };
    }),
    nearest: outcome === 'allow' ? [] : nearestPermits(loaded, input, request, entities),
  };
}

function explainPolicy(
  loaded: LoadedRelease,
  policy: DeterminingPolicy,
  request: AuthorizationRequest,
  entities: Entities,
): ExplainedPolicy {
  const explanation = loaded.policies.explain(policy.id, request, entities);
  const places = loaded.policiesById.get(policy.id) ?? policy;
  const conditions = explanation === undefined ? [] : describeConditions(explanation, places);
  return { ...policy, conditions, tell: audienceOf(policy.annotations) };
}

/** Forbids that decided; where there are none, the permits that came near. */
function tellCaller({ outcome, determining, nearest }: PartyExplanation): string[] {
  if (outcome === 'allow') return [];
  const forbids = determining.filter(({ effect }) => effect === 'forbid');
  const policies: readonly (ExplainedPolicy | NearPermit)[] = forbids.length > 0 ? forbids : nearest;
  return policies.filter(({ tell }) => tell === 'caller').map(sentenceOf);
}

function sentenceOf(policy: ExplainedPolicy | NearPermit): string {
  const { annotations, id } = policy;
  const why = 'failed' in policy ? policy.failed : policy.conditions;
  const reason = Object.hasOwn(annotations, 'reason') ? annotations['reason'] : id;
  return why.length === 0 ? `${reason}` : `${reason}: ${why.map(wordsOf).join('; ')}`;
}

/** Without its place: where a policy stands is nothing that a caller may know. */
function wordsOf({ clause, text }: ExplainedCondition): string {
  return clause === 'scope' ? text : `${clause} ${text}`;
}
