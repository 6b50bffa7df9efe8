/** Names and identifiers that stand in releases. */

/** Teams, services, groups, actions: they become parts of Cedar entity ids and file names. */
export const NAME = /^[a-z][a-z0-9]*(?:[-_][a-z0-9]+)*$/;
export const MAX_NAME_CHARS = 64;

/** Action names come from operation ids, which are often written in camel case. */
export const ACTION_NAME = /^[A-Za-z][A-Za-z0-9]*(?:[-_.][A-Za-z0-9]+)*$/;

/** RFC 9110 5.6.2 and 9.1: methods are case-sensitive; the registered ones are upper-case. */
export const METHOD = /^[A-Z][A-Z-]{0,31}$/;

export const MAX_SPIFFE_ID_CHARS = 2048;
const SPIFFE_ID = /^spiffe:\/\/([a-z0-9._-]{1,255})((?:\/[A-Za-z0-9._-]+)*)$/;

/** Trust domain and path of a SPIFFE ID (SPIFFE-ID 2), or `undefined` for what is none. */
export function splitSpiffeId(id: string): { readonly trustDomain: string; readonly path: string } | undefined {
  if (id.length > MAX_SPIFFE_ID_CHARS) return undefined;
  const [, trustDomain, path] = SPIFFE_ID.exec(id) ?? [];
  if (trustDomain === undefined || path === undefined) return undefined;
  return path.split('/').some((segment) => segment === '.' || segment === '..') ? undefined : { trustDomain, path };
}

/** IAM: a role's name has 64 characters at most. */
const ROLE_ARN = /^arn:aws[a-z-]*:iam::[0-9]{12}:role\/[\w+=,.@-]{1,64}$/;

/**
 * An IAM role as a call that it signed names it: without the role's path, which the ARN of its session does not carry. An
 * ARN with a path would never equal any caller's.
 */
export function isRoleArn(text: string): boolean {
  return ROLE_ARN.test(text);
}
