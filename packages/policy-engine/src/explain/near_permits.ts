/** Why nobody permitted a request: the permits that came nearest, and what each of them missed. */
import { type AuthorizationRequest, type Entities, type PolicyExplanation, policyFromJson } from '../cedar/index.ts';
import type { DecisionInput, NearPermit } from '../decision.ts';
import { applicablePolicies } from '../derived_policies.ts';
import { principalLine } from '../format_scope.ts';
import type { LoadedRelease } from '../release/load.ts';
import type { ReleasedPolicy } from '../release/release.ts';
import { audienceOf } from '../tell.ts';
import { describeScope, describeUnmet, unmetConditions } from './describe_condition.ts';

const MAX_NEAREST = 3;
/** Explaining one costs some 50 µs. Permits beyond these, in policy order, are not looked at. */
const MAX_EXPLAINED = 200;
const MAX_FAILED = 8;
/** A permit for somebody else is further away than one whose conditions fail. */
const SCOPE_DISTANCE = 4;

/**
 * The nearest permits for one party's request, least missing first, at most three; a permit that applied is nearest of
 * all. The texts hold values of the request. Costs up to 10 ms: for denials that somebody asks about.
 */
export function nearestPermits(
  loaded: LoadedRelease,
  input: DecisionInput,
  request: AuthorizationRequest,
  entities: Entities,
): readonly NearPermit[] {
  const permits = applicablePolicies(loaded, input.service, input.action)
    .filter(({ effect }) => effect === 'permit')
    .slice(0, MAX_EXPLAINED);
  const forSuch = permits.filter(({ json }) => mayBeFor(json, request.principal.type));
  return (forSuch.length > 0 ? forSuch : permits)
    .flatMap((policy) => {
      const explanation = loaded.policies.explain(policy.id, request, entities);
      return explanation === undefined ? [] : [{ policy, explanation, distance: distanceOf(explanation) }];
    })
    .sort((left, right) => left.distance - right.distance)
    .slice(0, MAX_NEAREST)
    .map(({ policy, explanation }) => nearPermit(loaded, policy, explanation, request, entities));
}

/** Types whose entities are only ever members of these. */
const MEMBERS: { readonly [type: string]: string } = { Group: 'User', WorkloadGroup: 'Workload', Team: 'Workload' };

/** A permit for workloads tells a person nothing. */
function mayBeFor(json: unknown, principalType: string): boolean {
  const policy = policyFromJson(json);
  if (!policy.ok) return true;
  const { principal } = policy.value;
  if (principal.op === 'all') return true;
  if (principal.op === 'is') return principal.type === principalType;
  const { type } = principal.uid;
  return (principal.op === 'in' && Object.hasOwn(MEMBERS, type) ? MEMBERS[type] : type) === principalType;
}

function distanceOf(explanation: PolicyExplanation): number {
  return unmetConditions(explanation).length + (explanation.scopeMatches ? 0 : SCOPE_DISTANCE);
}

function nearPermit(
  loaded: LoadedRelease,
  released: ReleasedPolicy,
  explanation: PolicyExplanation,
  { principal }: AuthorizationRequest,
  entities: Entities,
): NearPermit {
  const { id, effect, file, line, annotations } = released;
  const failed = describeUnmet(explanation, released);
  const policy = explanation.scopeMatches ? undefined : loaded.policies.policy(id);
  const scope = policy && principalLine(policy);
  if (scope !== undefined) {
    failed.unshift({ clause: 'scope', line, text: describeScope(scope, principal, entities) });
  }
  return { id, effect, file, line, annotations, failed: failed.slice(0, MAX_FAILED), tell: audienceOf(annotations) };
}
