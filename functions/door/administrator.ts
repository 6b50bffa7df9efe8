/**
 * Who may change Postern: authenticated apart from releases, so that a bad policy cannot lock administrators out. What
 * each role may do is the one table below.
 */
export const ROLES = [
  'reader',
  'auditor',
  'service-team',
  'operator',
  'authority-operator',
  'security-administrator',
] as const;
export type Role = (typeof ROLES)[number];

export const isRole = (value: unknown): value is Role => (ROLES as readonly unknown[]).includes(value);

export interface Administrator {
  /** For the record. */
  readonly name: string;
  readonly roles: readonly Role[];
}

/** What a call shows of who makes it. */
export interface CallerCredential {
  /** The bearer token; empty when there is none. */
  readonly token: string;
  /** IAM principal, as the platform authenticated it; never from a header. */
  readonly principal: string | undefined;
}

/** Compares tokens in constant time; undefined when the credential is nobody's. */
export type VerifyAdministrator = (credential: CallerCredential) => Promise<Administrator | undefined>;

/** Administrators known by the IAM principal they call as; a bearer token is nobody's here. */
export function verifyAdministratorPrincipal(roles: ReadonlyMap<string, readonly Role[]>): VerifyAdministrator {
  return async ({ principal }) => {
    const granted = principal === undefined ? undefined : roles.get(principal);
    return granted && { name: principal as string, roles: granted };
  };
}

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
