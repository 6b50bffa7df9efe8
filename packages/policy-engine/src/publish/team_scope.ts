/**
 * Ownership, put into the policies of teams: a team decides about the services that it or a child team owns, and about
 * nothing else. It cannot grant itself more, and a mistake of its cannot close another team's service.
 */

import { conjunctsOf } from '../cedar/expression.ts';
import type { Entities, EntityUid, Expression, ExpressionJson, PolicyJson, ScopeJson } from '../cedar/index.ts';
import { policyFromJson } from '../cedar/index.ts';
import { actionUid, serviceUid, teamUid } from '../model.ts';
import { policiesFor } from '../release/applicable.ts';

/** A service and one of its actions. */
export interface Operation {
  readonly service: string;
  readonly action: string;
}

/**
 * The policy with `resource in Team::"team"` before all else: in the scope where it can stand there, else as the first
 * condition, so that on another team's service no later condition is even evaluated (its error would count, see
 * `strictErrors`).
 */
export function scopeToTeam(json: PolicyJson, team: string): PolicyJson {
  const entity = { type: 'Team', id: team };
  const { resource } = json;
  const scoped = scopeWithin(resource, entity);
  if (scoped !== undefined) return { ...json, resource: scoped };
  const body: ExpressionJson = { in: { left: { Var: 'resource' }, right: { Value: { __entity: entity } } } };
  return { ...json, conditions: [{ kind: 'when', body }, ...json.conditions] };
}

function scopeWithin(resource: ScopeJson, entity: { type: string; id: string }): ScopeJson | undefined {
  if (resource.op === 'All') return { op: 'in', entity };
  // The parser writes an absent `in` as no member or as null.
  if (resource.op === 'is' && (resource.in ?? undefined) === undefined) {
    return { op: 'is', entity_type: resource.entity_type, in: { entity } };
  }
  return undefined;
}

export function isOwnedBy(entities: Entities, service: string, team: string): boolean {
  return entities.find(serviceUid(service))?.hasAncestor(teamUid(team)) ?? false;
}

/**
 * Operations that a policy could apply to, from its scope and from conditions that compare `action` or `resource` with
 * fixed entities. Whatever else it asks may rule out more; nothing that it can apply to is left out.
 */
export function reachOf(json: PolicyJson, operations: readonly Operation[], entities: Entities): readonly Operation[] {
  const inScope = operations.filter(
    ({ service, action }) => policiesFor([{ json }], entities, service, action).length > 0,
  );
  const policy = policyFromJson(json);
  if (!policy.ok || inScope.length === 0) return inScope;
  const conditions = policy.value.clauses.flatMap(({ kind, condition }) =>
    kind === 'when' ? conjunctsOf(condition) : [],
  );
  return inScope.filter((operation) => conditions.every((condition) => mayHold(condition, operation, entities)));
}

function mayHold(condition: Expression, { service, action }: Operation, entities: Entities): boolean {
  if (condition.kind !== 'binary') return true;
  const { operator, left, right } = condition;
  if (left.kind !== 'variable' || (left.name !== 'resource' && left.name !== 'action')) return true;
  const candidates = entitiesNamedBy(right);
  if (candidates === undefined || (operator !== '==' && operator !== 'in')) return true;
  const uid = left.name === 'resource' ? serviceUid(service) : actionUid(action);
  return candidates.some((candidate) => {
    if (candidate.type === uid.type && candidate.id === uid.id) return true;
    return operator === 'in' && (entities.find(uid)?.hasAncestor(candidate) ?? false);
  });
}

/** The entities of a literal or a set of literals; `undefined` for anything else. */
export function entitiesNamedBy(expression: Expression): readonly EntityUid[] | undefined {
  if (expression.kind === 'set') {
    const named = expression.elements.map(entitiesNamedBy);
    return named.every((uids) => uids !== undefined) ? named.flat() : undefined;
  }
  if (expression.kind !== 'literal' || typeof expression.value !== 'object') return undefined;
  const { value } = expression;
  if (value.kind === 'entity') return [value];
  if (value.kind !== 'set') return undefined;
  const uids = value.elements.filter((element) => typeof element === 'object' && element.kind === 'entity');
  return uids.length === value.size ? uids : undefined;
}
