/** Policies that by what was added to them or taken from them let more through, whatever the requests. */
import { policyFromJson } from '../cedar/index.ts';
import { conjunctsOfPolicy } from '../publish/lint/conjuncts.ts';
import { implies } from '../publish/lint/implies.ts';
import type { ReleasedPolicy } from '../release/index.ts';
import { type ChangedPolicy, diffPolicies } from './diff_policies.ts';
import type { Widening } from './widening.ts';

/**
 * A condition that was changed into another is judged where one implies the other, such as an hour more; of the rest
 * records have to tell.
 */
export function policyWidenings(before: readonly ReleasedPolicy[], after: readonly ReleasedPolicy[]): Widening[] {
  const { added, removed, changed } = diffPolicies(before, after);
  const [left, right] = [before, after].map((policies) => new Map(policies.map((policy) => [policy.id, policy])));
  const wider = (subject: string, message: string): Widening => ({ code: 'policy-wider', subject, message });
  return [
    ...added.filter(({ effect }) => effect === 'permit').map(({ id }) => wider(id, 'this permit is new')),
    ...removed.filter(({ effect }) => effect === 'forbid').map(({ id }) => wider(id, 'this forbid is gone')),
    ...changed.flatMap((policy) => {
      const message = whyWider(policy, left?.get(policy.before.id)?.json, right?.get(policy.after.id)?.json);
      return message === undefined ? [] : [wider(policy.after.id, message)];
    }),
  ];
}

/** Lines of `policyLines` that make a policy apply to less. */
const SCOPE = /^(?:team|principal|action|resource) /;
const CONDITION = /^(?:when|unless) /;

function whyWider({ before, after, removed, added }: ChangedPolicy, from: unknown, to: unknown): string | undefined {
  if (before.effect === 'forbid' && after.effect === 'permit') return 'what was forbidden is permitted';
  if (before.effect !== after.effect) return undefined;
  const isForbid = after.effect === 'forbid';
  if (isForbid && added.some((line) => line.startsWith('@challenge('))) {
    return 'a sign-in is a way out of this forbid now, or another one is';
  }
  if (![...removed, ...added].some((line) => SCOPE.test(line) || CONDITION.test(line))) return undefined;
  if ((isForbid ? removed : added).some((line) => SCOPE.test(line))) return undefined;
  if (isForbid) return impliesConditions(to, from) ? 'this forbid asks for more' : undefined;
  return impliesConditions(from, to) ? 'this permit asks for less' : undefined;
}

/** Whether whatever meets the conditions of `strict` meets those of `lax`. */
function impliesConditions(strict: unknown, lax: unknown): boolean {
  const [left, right] = [strict, lax].map((json) => policyFromJson(json));
  if (left?.ok !== true || right?.ok !== true) return false;
  const known = conjunctsOfPolicy(left.value);
  return conjunctsOfPolicy(right.value).every(({ expression, key }) =>
    known.some((other) => other.key === key || implies(other.expression, expression)),
  );
}
