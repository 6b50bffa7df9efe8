/** Why nobody permitted a request: the permits that came nearest, and what each of them missed. */
import type { AuthorizationRequest, ConjunctExplanation, Entities, PolicyExplanation } from './cedar/index.ts';
import { formatValue } from './cedar/index.ts';
import type { DecisionInput, NearPermit } from './decision.ts';
import { applicablePolicies } from './derived_policies.ts';
import type { LoadedRelease } from './release/load.ts';
import type { ReleasedPolicy } from './release/release.ts';

const MAX_NEAREST = 3;
/** Explaining one costs some 50 µs. Permits beyond these, in policy order, are not looked at. */
const MAX_EXPLAINED = 200;
const MAX_FAILED = 8;
const MAX_TEXT_CHARS = 200;
/** A permit for somebody else is further away than one whose conditions fail. */
const SCOPE_DISTANCE = 4;

/**
 * The nearest permits for one party's request, least missing first, at most three. The texts hold values of the request:
 * they are for the operator. Costs up to 10 ms; for denials that somebody asks about.
 */
export function explainDenial(
  loaded: LoadedRelease,
  input: DecisionInput,
  request: AuthorizationRequest,
  entities: Entities,
): readonly NearPermit[] {
  return applicablePolicies(loaded, input.service, input.action)
    .filter(({ effect }) => effect === 'permit')
    .slice(0, MAX_EXPLAINED)
    .flatMap((policy) => {
      const explanation = loaded.policies.explain(policy.id, request, entities);
      return explanation === undefined ? [] : [{ policy, explanation, distance: distanceOf(explanation) }];
    })
    .sort((left, right) => left.distance - right.distance)
    .slice(0, MAX_NEAREST)
    .map(({ policy, explanation }) => nearPermit(policy, explanation));
}

function distanceOf({ scopeMatches, missing }: PolicyExplanation): number {
  return missing + (scopeMatches ? 0 : SCOPE_DISTANCE);
}

function nearPermit(policy: ReleasedPolicy, explanation: PolicyExplanation): NearPermit {
  const failed = explanation.clauses.flatMap(({ conjuncts }) =>
    conjuncts.filter(({ isMet }) => !isMet).map(describeFailure),
  );
  if (!explanation.scopeMatches) failed.unshift('`principal` is not in the scope of the policy');
  const { id, effect, file, line, annotations } = policy;
  return { id, effect, file, line, annotations, failed: failed.slice(0, MAX_FAILED) };
}

function describeFailure({ text, outcome, message, reads }: ConjunctExplanation): string {
  const condition = bounded(text);
  if (outcome === 'error') return `\`${condition}\` has no value: ${message ?? 'unknown'}`;
  const values = reads
    .filter(({ path }) => path !== text)
    .map(
      ({ path, value }) => `\`${bounded(path)}\` is ${value === undefined ? 'absent' : bounded(formatValue(value))}`,
    );
  return values.length === 0
    ? `\`${condition}\` is ${outcome}`
    : `\`${condition}\` is ${outcome}: ${values.join(', ')}`;
}

function bounded(text: string): string {
  return text.length <= MAX_TEXT_CHARS ? text : `${text.slice(0, MAX_TEXT_CHARS)}…`;
}
