/** Users, workloads and groups that conditions name and that nobody is or is in. */
import { type Expression, visitParts } from '../../cedar/expression.ts';
import type { EntityUid, Policy } from '../../cedar/index.ts';
import { entitiesNamedBy } from '../team_scope.ts';
import type { Conjunct } from './conjuncts.ts';
import { type Population, whyUnknown } from './principal_scope.ts';

export interface UnknownName {
  /** Which of the policy's `when` and `unless`, from 0. */
  readonly clause: number;
  readonly message: string;
}

/** A condition on the principal that nobody meets, as in the scope: the policy is for nobody. */
export function findNobody(conjuncts: readonly Conjunct[], population: Population): UnknownName | undefined {
  for (const { expression, clause } of conjuncts) {
    const named = namedOfPrincipal(expression)?.map((uid) => whyUnknown(uid, population));
    if (named === undefined || named.length === 0 || named.includes(undefined)) continue;
    return { clause, message: `${named[0]}` };
  }
  return undefined;
}

function namedOfPrincipal(expression: Expression): readonly EntityUid[] | undefined {
  if (expression.kind === 'is' && isPrincipal(expression.target) && expression.within !== undefined)
    return entitiesNamedBy(expression.within);
  if (expression.kind !== 'binary' || !isPrincipal(expression.left)) return undefined;
  return expression.operator === '==' || expression.operator === 'in' ? entitiesNamedBy(expression.right) : undefined;
}

function isPrincipal(expression: Expression): boolean {
  return expression.kind === 'variable' && expression.name === 'principal';
}

/** Every other mention, each once: an exception for a misspelt group excepts nobody. */
export function findUnknownNames({ clauses }: Policy, population: Population): readonly UnknownName[] {
  return clauses.flatMap(({ condition }, clause) =>
    [...new Set(messagesIn(condition, population))].map((message) => ({ clause, message })),
  );
}

function messagesIn(expression: Expression, population: Population): string[] {
  const named = expression.kind === 'literal' ? (entitiesNamedBy(expression) ?? []) : [];
  const messages = named.flatMap((uid) => whyUnknown(uid, population) ?? []);
  visitParts(expression, (part) => messages.push(...messagesIn(part, population)));
  return messages;
}
