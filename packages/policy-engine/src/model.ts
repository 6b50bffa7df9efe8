/** The entities of Postern's policy model, made from what is known of services, callers and people. */
import { CedarRecord, type EntityInput, type EntityUid, entityUid } from './cedar/index.ts';
import { splitSpiffeId } from './release/names.ts';

export function serviceUid(name: string): EntityUid {
  return entityUid('Service', name);
}

export function teamUid(name: string): EntityUid {
  return entityUid('Team', name);
}

export function workloadGroupUid(name: string): EntityUid {
  return entityUid('WorkloadGroup', name);
}

export function groupUid(name: string): EntityUid {
  return entityUid('Group', name);
}

export function actionUid(id: string): EntityUid {
  return entityUid('Action', id);
}

/** `spiffeId`: verified by the caller. */
export function workloadUid(spiffeId: string): EntityUid {
  return entityUid('Workload', spiffeId);
}

/** An issuer URL holds no `#` (OpenID Connect Core 2), so no two users share an id. */
export function userUid(issuer: string, subject: string): EntityUid {
  return entityUid('User', `${issuer}#${subject}`);
}

/** Stands in for a user who may be absent; must itself be permitted. */
export const ANONYMOUS_USER: EntityUid = entityUid('Anonymous', 'user');
/** Stands in for a caller that showed no workload identity; must itself be permitted. */
export const ANONYMOUS_WORKLOAD: EntityUid = entityUid('Anonymous', 'workload');

export interface UserDescription {
  readonly issuer: string;
  readonly subject: string;
  readonly email?: string;
  /** Postern's groups, after the release's mapping. */
  readonly groups: readonly string[];
}

const USER_ATTRIBUTES = ['issuer', 'subject', 'email'];

/** The entity of a user whose token was verified, for `DecisionInput.entities`. */
export function userEntity(user: UserDescription): EntityInput {
  const { issuer, subject, email } = user;
  return {
    uid: userUid(issuer, subject),
    attributes: new CedarRecord(USER_ATTRIBUTES, [issuer, subject, email]),
    parents: user.groups.map(groupUid),
  };
}

const WORKLOAD_ATTRIBUTES = ['trustDomain', 'path'];

/** The entity of a workload; `undefined` when `spiffeId` is no SPIFFE ID. */
export function workloadEntity(spiffeId: string, parents: readonly EntityUid[] = []): EntityInput | undefined {
  const parts = splitSpiffeId(spiffeId);
  if (parts === undefined) return undefined;
  const attributes = new CedarRecord(WORKLOAD_ATTRIBUTES, [parts.trustDomain, parts.path]);
  return { uid: workloadUid(spiffeId), attributes, parents };
}
