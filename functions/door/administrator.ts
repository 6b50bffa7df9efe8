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

/** As configuration says it: a role, and of a team below which path its SPIFFE IDs are, such as `service-team:/shop/`. */
export type Grant = Exclude<Role, 'service-team'> | `service-team:/${string}/`;

/** What a grant says, for whoever writes configuration. */
export const GRANT_FORM = `${ROLES.filter((role) => role !== 'service-team').join(', ')}, service-team:/PATH/`;
/** Whole segments (SPIFFE-ID 2.2); `/` alone would be everybody's. */
const TEAM_GRANT = /^service-team:((?:\/(?!\.{1,2}\/)[A-Za-z0-9._-]+)+\/)$/;
/** Bounds what a page of entries is compared with. */
const MAX_GRANTS = 32;

/** Not below `/postern/`, where no workload is. */
const pathOfGrant = (value: unknown): string | undefined => {
  const path = typeof value === 'string' && value.length <= 512 ? TEAM_GRANT.exec(value)?.[1] : undefined;
  return path?.startsWith('/postern/') ? undefined : path;
};

/** A team without a path is refused: it would be a role that grants nothing, which nobody means. */
export const isGrant = (value: unknown): value is Grant =>
  pathOfGrant(value) !== undefined || (isRole(value) && value !== 'service-team');

export const areGrants = (value: unknown): value is readonly Grant[] =>
  Array.isArray(value) && value.length <= MAX_GRANTS && value.every(isGrant);

export interface Administrator {
  /** For the record. */
  readonly name: string;
  readonly roles: readonly Role[];
  /** Of a service team: where its SPIFFE IDs are, each with its slashes. */
  readonly spiffePaths?: readonly string[];
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
export function verifyAdministratorPrincipal(grants: ReadonlyMap<string, readonly Grant[]>): VerifyAdministrator {
  return async ({ principal }) => {
    const granted = principal === undefined ? undefined : grants.get(principal);
    return granted && administratorOf(principal as string, granted);
  };
}

function administratorOf(name: string, grants: readonly Grant[]): Administrator {
  const spiffePaths = grants.map(pathOfGrant).filter((path) => path !== undefined);
  const roles = grants.filter((grant): grant is Exclude<Role, 'service-team'> => isRole(grant));
  return spiffePaths.length === 0 ? { name, roles } : { name, roles: [...roles, 'service-team'], spiffePaths };
}

export type Permission =
  | 'status:read'
  | 'entries:read'
  | 'entries:write'
  | 'join-tokens:create'
  | 'acme-keys:read'
  | 'acme-keys:write'
  | 'attestors:read'
  | 'attestors:write'
  | 'federations:read'
  | 'federations:write'
  | 'releases:read'
  | 'releases:publish'
  | 'records:read'
  | 'trail:export'
  | 'access:revoke'
  | 'revocations:read'
  | 'authority:operate';

const GRANTS: { readonly [P in Permission]: readonly Role[] } = {
  'status:read': ['reader', 'auditor', 'operator', 'authority-operator', 'security-administrator'],
  'entries:read': ['service-team', 'reader', 'auditor', 'operator', 'authority-operator', 'security-administrator'],
  'entries:write': ['service-team', 'operator', 'security-administrator'],
  'join-tokens:create': ['operator', 'security-administrator'],
  'acme-keys:read': ['reader', 'auditor', 'operator', 'authority-operator', 'security-administrator'],
  'acme-keys:write': ['operator', 'security-administrator'],
  'attestors:read': ['reader', 'auditor', 'operator', 'authority-operator', 'security-administrator'],
  // Whose word the authority takes: more than entering a workload under what is trusted already.
  'attestors:write': ['authority-operator', 'security-administrator'],
  'federations:read': ['reader', 'auditor', 'operator', 'authority-operator', 'security-administrator'],
  'federations:write': ['authority-operator', 'security-administrator'],
  'releases:read': ['reader', 'auditor', 'operator', 'security-administrator'],
  'releases:publish': ['security-administrator'],
  'records:read': ['auditor', 'security-administrator'],
  'trail:export': ['auditor', 'security-administrator'],
  // A team's own entries and SPIFFE IDs.
  'access:revoke': ['service-team', 'operator', 'security-administrator'],
  'revocations:read': ['reader', 'auditor', 'operator', 'authority-operator', 'security-administrator'],
  'authority:operate': ['authority-operator', 'security-administrator'],
};

export function isGranted(administrator: Administrator, permission: Permission): boolean {
  return administrator.roles.some((role) => GRANTS[permission].includes(role));
}

/**
 * Where an administrator may use a permission that is about SPIFFE IDs: below these paths, or everywhere (`undefined`). A
 * team that has another role besides has what that role grants everywhere.
 */
export function pathsOf(
  { roles, spiffePaths = [] }: Administrator,
  permission: Permission,
): readonly string[] | undefined {
  const isEverywhere = roles.some((role) => role !== 'service-team' && GRANTS[permission].includes(role));
  return isEverywhere ? undefined : spiffePaths;
}
