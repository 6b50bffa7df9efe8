/** Checks of settings from outside, each with its bound; a shape is also the type of what passes it. */
import { X509Certificate } from 'node:crypto';
import { parsePem } from '@postern/der';

export type Check<T> = (value: unknown) => value is T;
export type Members = { readonly [member: string]: Check<unknown> };
type OptionalNames<S extends Members> = {
  [M in keyof S]: undefined extends (S[M] extends Check<infer T> ? T : never) ? M : never;
}[keyof S];
type Value<C> = C extends Check<infer T> ? T : never;
export type ShapeOf<S extends Members> = {
  readonly [M in Exclude<keyof S, OptionalNames<S>>]: Value<S[M]>;
} & { readonly [M in OptionalNames<S>]?: Exclude<Value<S[M]>, undefined> };

const MAX_URL = 512;
const MAX_PEM_BYTES = 16 * 1024;

/** The first member that is wrong, for people; `undefined` when all are right. */
export function checkMembers(value: { readonly [member: string]: unknown }, shape: Members): string | undefined {
  const unknown = Object.keys(value).find((member) => !Object.hasOwn(shape, member));
  if (unknown !== undefined) return `\`${unknown.slice(0, 64)}\` is not known here`;
  const wrong = Object.entries(shape).find(([member, check]) => !check(value[member]));
  return wrong && `\`${wrong[0]}\``;
}

export const matching =
  (pattern: RegExp): Check<string> =>
  (value): value is string =>
    typeof value === 'string' && pattern.test(value);

/** Printable, one line. */
export const text =
  (maxLength: number): Check<string> =>
  (value): value is string =>
    typeof value === 'string' && value.length <= maxLength && /^[\x20-\x7e]+$/.test(value);

export const flag: Check<boolean> = (value): value is boolean => typeof value === 'boolean';

export const seconds =
  (least: number, most: number): Check<number> =>
  (value): value is number =>
    Number.isSafeInteger(value) && (value as number) >= least && (value as number) <= most;

export const oneOf =
  <const T extends string>(...values: readonly T[]): Check<T> =>
  (value): value is T =>
    (values as readonly unknown[]).includes(value);

export const optional =
  <T>(check: Check<T>): Check<T | undefined> =>
  (value): value is T | undefined =>
    value === undefined || check(value);

export const listOf =
  <T>(check: Check<T>, least: number, most: number): Check<readonly T[]> =>
  (value): value is readonly T[] =>
    Array.isArray(value) && value.length >= least && value.length <= most && value.every((member) => check(member));

export const mapOf =
  <T>(name: Check<string>, check: Check<T>, most: number): Check<{ readonly [name: string]: T }> =>
  (value): value is { readonly [name: string]: T } =>
    isMembers(value) &&
    Object.keys(value).length >= 1 &&
    Object.keys(value).length <= most &&
    Object.entries(value).every(([key, member]) => name(key) && check(member));

export const objectOf =
  <S extends Members>(shape: S): Check<ShapeOf<S>> =>
  (value): value is ShapeOf<S> =>
    isMembers(value) && checkMembers(value, shape) === undefined;

const isMembers = (value: unknown): value is { readonly [member: string]: unknown } =>
  typeof value === 'object' && value !== null && !Array.isArray(value);

export const isAccount = matching(/^\d{12}$/);
export const isRegion = matching(/^[a-z]{2,8}(?:-[a-z]{1,16}){1,3}-\d{1,2}$/);
export const isClaimName = matching(/^[a-z][a-z0-9_]{0,63}$/);
export const isNamespacedName = matching(/^[a-z0-9](?:[a-z0-9-]{0,62})\/[a-z0-9](?:[a-z0-9.-]{0,252})$/);

/** Https, or this machine for a development provider: whether that is let through is the fetcher's to say. */
export const isIssuerUrl: Check<string> = (value): value is string => {
  if (typeof value !== 'string' || value.length > MAX_URL || !URL.canParse(value)) return false;
  const { protocol, username, password, hash, search, hostname } = new URL(value);
  const isLocal = protocol === 'http:' && ['127.0.0.1', '[::1]', 'localhost'].includes(hostname);
  return (protocol === 'https:' || isLocal) && username + password + hash + search === '';
};

/** One or several certificates that can be read. */
export const isPem: Check<string> = (value): value is string => {
  const blocks = typeof value === 'string' ? parsePem(value, 'CERTIFICATE', { maxBytes: MAX_PEM_BYTES }) : undefined;
  return blocks?.ok === true && blocks.value.every(isCertificate);
};

function isCertificate(der: Uint8Array): boolean {
  try {
    return new X509Certificate(der).publicKey.type === 'public';
  } catch {
    return false;
  }
}
