/** Whom a policy is for, by its scope: which scope holds all of another, and which holds nobody. */
import type { Entities, EntityUid, Policy } from '../../cedar/index.ts';
import { formatUid } from '../../cedar/index.ts';
import { splitSpiffeId } from '../../release/names.ts';

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
  /** Of tokens; empty where none is configured: then nothing is said about them. */
  readonly issuers: ReadonlySet<string>;
}

/** Why no principal can be in the scope; `undefined` where one may be. */
export function whyNobody(scope: Scope, { entities, groups, issuers }: Population): string | undefined {
  if (!('uid' in scope) || scope.uid === undefined) return undefined;
  return whyUnknown(scope.uid, { entities, groups, issuers });
}

/** Why nobody is, or is in, an entity that a policy names; `undefined` where somebody may be. */
export function whyUnknown(uid: EntityUid, { entities, groups, issuers }: Population): string | undefined {
  if (uid.type === 'User') return whyNoUser(uid, issuers);
  if (uid.type === 'Workload' && splitSpiffeId(uid.id) === undefined) return `${formatUid(uid)} is no SPIFFE ID`;
  if (uid.type === 'Group' && groups !== undefined && !groups.has(uid.id)) {
    return `no issuer of \`postern.yaml\` gives the group ${formatUid(uid)}`;
  }
  if ((uid.type === 'WorkloadGroup' || uid.type === 'Team') && entities.find(uid) === undefined) {
    return `there is no ${formatUid(uid)}`;
  }
  return undefined;
}

/** A user's id is `issuer#subject`; an issuer holds no `#`. */
function whyNoUser(uid: EntityUid, issuers: ReadonlySet<string>): string | undefined {
  const end = uid.id.indexOf('#');
  if (end <= 0 || end === uid.id.length - 1) return `${formatUid(uid)} is nobody: a user is \`issuer#subject\``;
  const issuer = uid.id.slice(0, end);
  if (issuers.size === 0 || issuers.has(issuer)) return undefined;
  return `\`postern.yaml\` does not declare the issuer of ${formatUid(uid)}`;
}
