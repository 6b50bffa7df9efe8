/**
 * What must hold for a policy to be satisfied or to fail, as far as a look-up can tell. The index skips a policy only
 * where evaluating it would give plain `false`: no match and no error.
 */
import { constantOf } from './compile.ts';
import { type AttributePath, attributePathOf, type Expression } from './expression.ts';
import { conjunctsOfPolicy, type Policy, type ScopeConstraint } from './policy.ts';
import type { EntityUid, Value } from './value.ts';

/** A necessary condition on principal, action or resource. `in` with several ancestors: any of them. */
export type EntityCondition =
  | { readonly op: '=='; readonly uid: EntityUid }
  | { readonly op: 'in'; readonly uids: readonly EntityUid[] }
  | { readonly op: 'is'; readonly type: string };

/** The primitive values that equality can be looked up by. */
export type IndexedValue = string | number | bigint | boolean;

/** A necessary condition on an attribute, valid only while the attribute can be read. */
export interface AttributeCondition {
  /** Equal exactly where the same path is read in the same way. */
  readonly name: string;
  readonly path: AttributePath;
  /** `equals`: the attribute is one of `values`; `contains`: it is a set with one of `values` in it. */
  readonly operator: 'equals' | 'contains';
  readonly values: readonly IndexedValue[];
  /** Lengths of prefixes of `path.names` whose absence makes the policy false instead of failing (`has` before it). */
  readonly guardedLengths: readonly number[];
}

/** What a policy asks of a request at least: its scope, made narrower by conditions where that is safe. */
export interface Applicability {
  readonly principal: EntityCondition | undefined;
  readonly action: EntityCondition | undefined;
  readonly resource: EntityCondition | undefined;
  readonly attribute: AttributeCondition | undefined;
}

type EntityVariable = 'principal' | 'action' | 'resource';

/** `root.a has b.c` passed on the way: `names` is `a.b.c`, and the first `given` of them must be there already. */
interface Guard extends AttributePath {
  readonly given: number;
}

function entityConditionOfScope(scope: ScopeConstraint): EntityCondition | undefined {
  switch (scope.op) {
    case 'all':
      return undefined;
    case '==':
      return scope;
    case 'in':
      return { op: 'in', uids: [scope.uid] };
    case 'is':
      return scope.uid === undefined ? { op: 'is', type: scope.type } : { op: 'in', uids: [scope.uid] };
  }
}

export function applicabilityOf(policy: Policy): Applicability {
  const { principal, action, resource } = policy;
  const conditions: { [name in EntityVariable]: EntityCondition | undefined } = {
    principal: entityConditionOfScope(principal),
    action: action.op === 'all' ? undefined : action,
    resource: entityConditionOfScope(resource),
  };
  const guards: Guard[] = [];
  let mayHaveFailed = false;
  for (const conjunct of conjunctsOfPolicy(policy)) {
    const guard = guardOf(conjunct);
    if (guard !== undefined) {
      guards.push(guard);
      mayHaveFailed ||= guard.names.length > 1;
      continue;
    }
    const onEntity = entityConditionOf(conjunct);
    if (onEntity !== undefined && !mayHaveFailed) {
      const [name, condition] = onEntity;
      conditions[name] = narrower(conditions[name], condition);
    }
    if (onEntity !== undefined || cannotFail(conjunct)) continue;
    // Conjuncts behind this one are reached only where it does not fail, so they tell nothing about errors.
    return { ...conditions, attribute: attributeConditionOf(conjunct, guards) };
  }
  return { ...conditions, attribute: undefined };
}

const SELECTIVITY = { '==': 0, in: 1, is: 2 } as const;

function narrower(known: EntityCondition | undefined, found: EntityCondition): EntityCondition {
  return known !== undefined && SELECTIVITY[known.op] <= SELECTIVITY[found.op] ? known : found;
}

function isEntityVariable(expression: Expression): expression is Extract<Expression, { kind: 'variable' }> {
  return expression.kind === 'variable' && expression.name !== 'context';
}

/** `principal == uid`, `principal in uid`, `principal in [uids]`, `principal is T`, and the same of action and resource. */
function entityConditionOf(conjunct: Expression): [EntityVariable, EntityCondition] | undefined {
  if (conjunct.kind === 'is' && isEntityVariable(conjunct.target)) {
    const name = conjunct.target.name as EntityVariable;
    if (conjunct.within === undefined) return [name, { op: 'is', type: conjunct.type }];
    const uids = entityConstants(conjunct.within);
    return uids && [name, { op: 'in', uids }];
  }
  if (conjunct.kind !== 'binary' || !isEntityVariable(conjunct.left)) return undefined;
  const name = conjunct.left.name as EntityVariable;
  const uids = entityConstants(conjunct.right);
  if (uids === undefined) return undefined;
  if (conjunct.operator === 'in') return [name, { op: 'in', uids }];
  const [uid] = uids;
  const isSingle = conjunct.right.kind === 'literal' && uid !== undefined;
  return conjunct.operator === '==' && isSingle ? [name, { op: '==', uid }] : undefined;
}

function entityConstants(expression: Expression): EntityUid[] | undefined {
  const value = constantOf(expression);
  if (typeof value !== 'object') return undefined;
  const elements: readonly Value[] = value.kind === 'set' ? value.elements : [value];
  const uids = elements.filter((element) => typeof element === 'object' && element.kind === 'entity');
  return uids.length === elements.length ? uids : undefined;
}

/** `path == literal`, `literal == path`, `[literals].contains(path)`, `path.contains(literal)`. */
function attributeConditionOf(conjunct: Expression, guards: readonly Guard[]): AttributeCondition | undefined {
  if (conjunct.kind !== 'binary') return undefined;
  const { operator, left, right } = conjunct;
  const leftPath = indexedPathOf(left);
  const rightPath = indexedPathOf(right);
  if (operator === '==') {
    const path = leftPath ?? rightPath;
    const value = constantOf(leftPath === undefined ? left : right);
    return path && condition(path, 'equals', value === undefined ? [] : [value], guards);
  }
  if (operator !== 'contains') return undefined;
  if (leftPath !== undefined) {
    const value = constantOf(right);
    return condition(leftPath, 'contains', value === undefined ? [] : [value], guards);
  }
  const set = constantOf(left);
  if (rightPath === undefined || typeof set !== 'object' || set.kind !== 'set') return undefined;
  return condition(rightPath, 'equals', set.elements, guards);
}

function condition(
  path: AttributePath,
  operator: AttributeCondition['operator'],
  values: readonly Value[],
  guards: readonly Guard[],
): AttributeCondition | undefined {
  const indexed = values.filter((value) => typeof value !== 'object');
  if (indexed.length === 0 || indexed.length !== values.length) return undefined;
  const guarded = guardedLengths(path, guards);
  if (guarded === undefined) return undefined;
  const name = JSON.stringify([operator, path.root, ...path.names]);
  return { name, path, operator, values: indexed, guardedLengths: guarded };
}

function indexedPathOf(expression: Expression): AttributePath | undefined {
  const path = attributePathOf(expression);
  return path !== undefined && path.names.length > 0 ? path : undefined;
}

function guardOf(conjunct: Expression): Guard | undefined {
  if (conjunct.kind !== 'has') return undefined;
  const target = attributePathOf(conjunct.target);
  if (target === undefined) return undefined;
  return { root: target.root, names: [...target.names, ...conjunct.path], given: target.names.length };
}

/**
 * Lengths of prefixes of `path` whose absence an earlier guard turns into false. `undefined` when a guard elsewhere could
 * fail: then reading `path` says nothing about whether the policy fails.
 */
function guardedLengths(path: AttributePath, guards: readonly Guard[]): number[] | undefined {
  const guarded = new Set<number>();
  const failing = new Set<number>();
  for (const guard of guards) {
    const isOnPath = guard.root === path.root && guard.names.every((name, index) => name === path.names[index]);
    if (!isOnPath && guard.names.length > 1) return undefined;
    if (!isOnPath) continue;
    for (let length = 1; length <= guard.names.length; length++) {
      if (length <= guard.given) {
        if (!guarded.has(length)) failing.add(length);
      } else if (!failing.has(length)) guarded.add(length);
    }
  }
  return [...guarded];
}

/** Whether the expression has a boolean or entity value for every request, so that what follows it is always reached. */
function cannotFail(expression: Expression): boolean {
  switch (expression.kind) {
    case 'literal':
      return typeof expression.value === 'boolean';
    case 'and':
    case 'or':
      return expression.operands.every(cannotFail);
    case 'unary':
      return expression.operator === '!' && cannotFail(expression.operand);
    case 'has':
      return expression.target.kind === 'variable' && expression.path.length === 1;
    case 'is':
    case 'binary':
      return isPlainEquality(expression) || entityConditionOf(expression) !== undefined;
    default:
      return false;
  }
}

/** `==` and `!=` of variables and literals. */
function isPlainEquality(expression: Expression): boolean {
  if (expression.kind !== 'binary' || (expression.operator !== '==' && expression.operator !== '!=')) return false;
  return [expression.left, expression.right].every(({ kind }) => kind === 'literal' || kind === 'variable');
}
