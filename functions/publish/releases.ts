/** Where releases are kept: one object each, written once. */
import { verifyRelease } from '@postern/feed';
import type { PublicJwk } from '@postern/keys';
import type { Release } from '@postern/policy-engine';
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

/**
 * The content of a stored release; undefined when there is none. Throws when it does not carry our signature: whoever
 * can merely write the objects would otherwise have foreign policies signed anew by a roll back, or our fetches led
 * to hosts of their choice. Cost: one object.
 */
export async function loadStoredRelease(store: ReleaseStore, number: number): Promise<Release | undefined> {
  const bytes = await store.objects.get(releaseObject(number));
  if (bytes === undefined) return undefined;
  const release = verifyRelease(Buffer.from(bytes).toString('latin1'), store, undefined);
  if (!release.ok) throw new Error(`stored release ${number} was not made here: ${release.reason}`);
  if (release.value.number !== number) throw new Error(`stored release ${number} is number ${release.value.number}`);
  return release.value;
}
