/** A policy as the lints look at it: what it can apply to, whom it is for, and what it asks. */
import type { Entities, Policy } from '../../cedar/index.ts';
import { policyFromJson } from '../../cedar/index.ts';
import type { PolicyFile } from '../read_policies.ts';
import { isOwnedBy, type Operation, reachOf } from '../team_scope.ts';
import { type Conjunct, conjunctsOfPolicy } from './conjuncts.ts';

export interface JudgedPolicy {
  readonly file: PolicyFile;
  readonly policy: Policy;
  readonly conjuncts: readonly Conjunct[];
  /** What it can apply to, by its scope, its owner, and conditions on action and resource. */
  readonly reach: ReadonlySet<Operation>;
}

export function judge(file: PolicyFile, operations: readonly Operation[], entities: Entities): JudgedPolicy {
  const policy = policyFromJson(file.json);
  if (!policy.ok) throw new Error('a policy that compiled cannot be read', { cause: policy.reason });
  const { team } = file;
  const reach = reachOf(file.json, operations, entities).filter(
    ({ service }) => team === undefined || isOwnedBy(entities, service, team),
  );
  return { file, policy: policy.value, conjuncts: conjunctsOfPolicy(policy.value), reach: new Set(reach) };
}

/** Whether a condition is about action or resource alone: `reach` says all of it. */
export function isInReach({ expression }: Conjunct): boolean {
  if (expression.kind !== 'binary' || (expression.operator !== '==' && expression.operator !== 'in')) return false;
  const { left, right } = expression;
  if (left.kind !== 'variable' || (left.name !== 'resource' && left.name !== 'action')) return false;
  return right.kind === 'literal' || right.kind === 'set';
}
