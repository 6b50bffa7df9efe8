/** Where releases are kept: one object each, written once. */
import { type ReleaseJwsReason, verifyRelease } from '@postern/feed';
import type { PublicJwk } from '@postern/keys';
import type { Release } from '@postern/policy-engine';
import { type Result, refuse } from '@postern/result';
import type { Objects } from '@postern/store';

export interface ReleaseStore {
  readonly objects: Objects;
  readonly trustDomain: string;
  /** Public keys that releases were signed with. */
  readonly releaseKeys: readonly PublicJwk[];
}

export function releaseObject(number: number): string {
  // Zero-padded so that names sort as numbers do.
  return `releases/${number.toString().padStart(12, '0')}.jws`;
}

/** The content of a stored release, if it carries our signature; undefined when there is none. Cost: one object. */
export async function verifyStoredRelease(
  store: ReleaseStore,
  number: number,
): Promise<Result<Release, ReleaseJwsReason | 'release-misplaced'> | undefined> {
  const bytes = await store.objects.get(releaseObject(number));
  if (bytes === undefined) return undefined;
  const release = verifyRelease(Buffer.from(bytes).toString('latin1'), store, undefined);
  return release.ok && release.value.number !== number
    ? refuse('release-misplaced', `it is number ${release.value.number}`)
    : release;
}

/**
 * The same for whoever cannot go on without: throws when it does not carry our signature. Whoever can merely write the
 * objects would otherwise have foreign policies signed anew by a roll back, or our fetches led to hosts of their choice.
 */
export async function loadStoredRelease(store: ReleaseStore, number: number): Promise<Release | undefined> {
  const release = await verifyStoredRelease(store, number);
  if (release === undefined || release.ok) return release?.value;
  throw new Error(`stored release ${number} was not made here: ${release.reason} ${release.detail ?? ''}`.trim());
}
