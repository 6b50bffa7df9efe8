/** Checks of an untrusted JSON object's members, each with its bound; the first that fails is named. */
import { accept, type Result, refuse } from '@postern/result';

type Check<T> = (value: unknown) => value is T;
type Shape = { readonly [member: string]: Check<unknown> };
type Shaped<S extends Shape> = { readonly [M in keyof S]: S[M] extends Check<infer T> ? T : never };

export const text =
  (maxLength: number): Check<string> =>
  (value): value is string =>
    typeof value === 'string' && value.length > 0 && value.length <= maxLength;

export const integer =
  (least: number, most: number): Check<number> =>
  (value): value is number =>
    Number.isSafeInteger(value) && (value as number) >= least && (value as number) <= most;

export const flag: Check<boolean> = (value): value is boolean => typeof value === 'boolean';

export const listOf =
  <T>(check: Check<T>, maxLength: number): Check<readonly T[]> =>
  (value): value is readonly T[] =>
    Array.isArray(value) && value.length <= maxLength && value.every((element) => check(element));

export const objectOf =
  <S extends Shape>(shape: S): Check<Shaped<S>> =>
  (value): value is Shaped<S> =>
    typeof value === 'object' && value !== null && checkShape(value as { [name: string]: unknown }, shape).ok;

export const mapOf =
  <T>(check: Check<T>, maxEntries: number): Check<{ readonly [name: string]: T }> =>
  (value): value is { readonly [name: string]: T } =>
    typeof value === 'object' &&
    value !== null &&
    !Array.isArray(value) &&
    Object.keys(value).length <= maxEntries &&
    Object.values(value).every((member) => check(member));

export const optional =
  <T>(check: Check<T>): Check<T | undefined> =>
  (value): value is T | undefined =>
    value === undefined || check(value);

/** Unknown members are refused too: a misspelt option would otherwise be an option silently left out. */
export function checkShape<S extends Shape>(
  value: { readonly [name: string]: unknown },
  shape: S,
): Result<Shaped<S>, 'member-malformed' | 'member-unknown'> {
  for (const member of Object.keys(value)) {
    if (!Object.hasOwn(shape, member)) return refuse('member-unknown', `\`${member.slice(0, 64)}\` is not known here`);
  }
  for (const [member, check] of Object.entries(shape)) {
    if (!check(value[member]))
      return refuse('member-malformed', `\`${member}\` is missing, of another type or out of bounds`);
  }
  return accept(value as Shaped<S>);
}

/** A sort key of the store, as a page before named it. */
const MAX_CURSOR_BYTES = 512;

/** `cursor`: query parameter, untrusted. Absent is the beginning; an empty one is nobody's. */
export function isCursor(cursor: string | undefined): boolean {
  return (
    cursor === undefined || (cursor !== '' && Buffer.byteLength(cursor) <= MAX_CURSOR_BYTES && cursor.isWellFormed())
  );
}
