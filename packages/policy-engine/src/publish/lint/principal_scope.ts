/** Whom a policy is for, by its scope: which scope holds all of another, and which holds nobody. */
import type { Entities, EntityUid, Policy } from '../../cedar/index.ts';
import { formatUid } from '../../cedar/index.ts';

type Scope = Policy['principal'];

/** Types whose members are of one type: a principal is never a group itself. */
const MEMBERS: ReadonlyMap<string, string> = new Map([
  ['Group', 'User'],
  ['WorkloadGroup', 'Workload'],
  ['Team', 'Workload'],
]);

/** The one type of the principals in a scope; `undefined` where there may be several. */
export function typeOfScope(scope: Scope): string | undefined {
  if (scope.op === 'all') return undefined;
  if (scope.op === 'is') return scope.type;
  return scope.op === 'in' ? (MEMBERS.get(scope.uid.type) ?? scope.uid.type) : scope.uid.type;
}

/** Whether every principal of `narrow` is one of `wide`, whatever groups a request gives to people. */
export function scopeCovers(wide: Scope, narrow: Scope, entities: Entities): boolean {
  if (wide.op === 'all') return true;
  if (wide.op === 'is' && typeOfScope(narrow) !== wide.type) return false;
  const { uid } = wide;
  if (uid === undefined) return true;
  const inner = 'uid' in narrow ? narrow.uid : undefined;
  if (inner === undefined) return false;
  if (wide.op === '==') return narrow.op === '==' && isSame(inner, uid);
  return isSame(inner, uid) || (entities.find(inner)?.hasAncestor(uid) ?? false);
}

function isSame(left: EntityUid, right: EntityUid): boolean {
  return left.type === right.type && left.id === right.id;
}

export interface Population {
  readonly entities: Entities;
  /** Groups that some token issuer gives; `undefined` where none is configured. */
  readonly groups: ReadonlySet<string> | undefined;
}

/** Why no principal can be in the scope; `undefined` where one may be. */
export function whyNobody(scope: Scope, { entities, groups }: Population): string | undefined {
  if (!('uid' in scope) || scope.uid === undefined) return undefined;
  const { uid } = scope;
  if (uid.type === 'Group' && groups !== undefined && !groups.has(uid.id)) {
    return `no issuer of \`postern.yaml\` gives the group ${formatUid(uid)}`;
  }
  if ((uid.type === 'WorkloadGroup' || uid.type === 'Team') && entities.find(uid) === undefined) {
    return `there is no ${formatUid(uid)}`;
  }
  return undefined;
}
