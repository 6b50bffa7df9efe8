/** Policies that decide nothing because another one always decides the same or the opposite. */
import type { Entities } from '../../cedar/index.ts';
import { parseChallenge } from '../../challenge.ts';
import type { Operation } from '../team_scope.ts';
import { implies } from './implies.ts';
import { isInReach, type JudgedPolicy } from './judged_policy.ts';
import { scopeCovers } from './principal_scope.ts';

export interface Shadow {
  readonly policy: JudgedPolicy;
  readonly by: JudgedPolicy;
}

export interface Shadows {
  readonly found: readonly Shadow[];
  /** Whether every pair that mattered was looked at. */
  readonly isComplete: boolean;
}

/** Pairs to be compared: some seconds. Policies are compared where they can apply to one operation. */
const MAX_PAIRS = 5_000_000;

/**
 * For each policy the first that makes it superfluous: one of the same effect that applies whenever it does, or, for a
 * permit, such a forbid. Of two that say the same, the later one is named.
 */
export function findShadows(policies: readonly JudgedPolicy[], entities: Entities): Shadows {
  const order = new Map(policies.map((policy, index) => [policy, index]));
  const byOperation = new Map<Operation, JudgedPolicy[]>();
  for (const policy of policies) {
    for (const operation of policy.reach) {
      const known = byOperation.get(operation);
      if (known === undefined) byOperation.set(operation, [policy]);
      else known.push(policy);
    }
  }
  const found: Shadow[] = [];
  let pairs = 0;
  for (const policy of policies) {
    const [first] = policy.reach;
    if (first === undefined) continue;
    const isEarlier = (other: JudgedPolicy) => (order.get(other) ?? 0) < (order.get(policy) ?? 0);
    for (const other of byOperation.get(first) ?? []) {
      if (++pairs > MAX_PAIRS) return { found, isComplete: false };
      if (other === policy || !mayReplace(other, policy) || !covers(other, policy, entities)) continue;
      // Both cover each other: they say the same.
      if (!isEarlier(other) && mayReplace(policy, other) && covers(policy, other, entities)) continue;
      found.push({ policy, by: other });
      break;
    }
  }
  return { found, isComplete: true };
}

/** Whether nothing is lost with `policy` where `other` applies whenever it does. */
function mayReplace(other: JudgedPolicy, policy: JudgedPolicy): boolean {
  const annotations = (judged: JudgedPolicy) => judged.file.annotations;
  if (policy.policy.effect === 'permit') {
    const demanded = annotations(policy)['obligation'];
    return other.policy.effect === 'forbid' || demanded === undefined || demanded === annotations(other)['obligation'];
  }
  if (other.policy.effect === 'permit') return false;
  // A forbid without a way out is more than one with it, and a shorter time is more than a longer one.
  const wayOut = parseChallenge(annotations(other)['challenge']);
  return wayOut === undefined || wayOut === parseChallenge(annotations(policy)['challenge']);
}

/** Whether `wide` applies to every request to which `narrow` applies. */
function covers(wide: JudgedPolicy, narrow: JudgedPolicy, entities: Entities): boolean {
  if (wide.reach.size < narrow.reach.size) return false;
  if (!scopeCovers(wide.policy.principal, narrow.policy.principal, entities)) return false;
  for (const operation of narrow.reach) if (!wide.reach.has(operation)) return false;
  const asked = wide.conjuncts.filter((conjunct) => !isInReach(conjunct));
  const given = narrow.conjuncts;
  const keys = new Set(given.map(({ key }) => key));
  return asked.every(
    ({ expression, key }) => keys.has(key) || given.some((conjunct) => implies(conjunct.expression, expression)),
  );
}
