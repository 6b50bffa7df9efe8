/**
 * Who may change Postern: authenticated apart from releases, so that a bad policy cannot lock administrators out. What
 * each role may do is the one table below.
 */
export type Role = 'reader' | 'auditor' | 'service-team' | 'operator' | 'authority-operator' | 'security-administrator';

export interface Administrator {
  /** For the record. */
  readonly name: string;
  readonly roles: readonly Role[];
}

/** `token`: the bearer token of the call. Compares in constant time; undefined when it is nobody's. */
export type VerifyAdministrator = (token: string) => Promise<Administrator | undefined>;

export type Permission =
  | 'status:read'
  | 'entries:read'
  | 'entries:write'
  | 'join-tokens:create'
  | 'releases:read'
  | 'releases:publish'
  | 'records:read'
  | 'trail:export'
  | 'access:revoke';

const GRANTS: { readonly [P in Permission]: readonly Role[] } = {
  'status:read': ['reader', 'auditor', 'operator', 'authority-operator', 'security-administrator'],
  'entries:read': ['reader', 'auditor', 'operator', 'authority-operator', 'security-administrator'],
  'entries:write': ['operator', 'security-administrator'],
  'join-tokens:create': ['operator', 'security-administrator'],
  'releases:read': ['reader', 'auditor', 'operator', 'security-administrator'],
  'releases:publish': ['security-administrator'],
  'records:read': ['auditor', 'security-administrator'],
  'trail:export': ['auditor', 'security-administrator'],
  'access:revoke': ['operator', 'security-administrator'],
};

export function isGranted(administrator: Administrator, permission: Permission): boolean {
  return administrator.roles.some((role) => GRANTS[permission].includes(role));
}
