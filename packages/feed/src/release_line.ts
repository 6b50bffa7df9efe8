/**
 * The line of releases from the pinned keys to the one in force. Each release names who may sign the next; once a signer
 * has rolled over, the pinned keys alone no longer verify what is in force, so the releases that introduced its signer
 * are kept with it. That is one release for each roll-over.
 */
import { parseJws } from '@postern/keys';
import { type LoadedRelease, loadRelease, type Release } from '@postern/policy-engine';
import { accept, type Result, refuse } from '@postern/result';
import type { FeedTrust } from './follower.ts';
import { beginWithoutOptimizing } from './plain_start.ts';
import { digestOfRelease, type ReleaseJwsReason, verifyRelease } from './release_jws.ts';

/** A verified release that others may follow. */
export interface Predecessor {
  readonly release: Release;
  readonly jws: string;
  /** Earlier releases, oldest first, by which its signer is known; none when a pinned key signed it. */
  readonly introductions: readonly string[];
}

export interface AppliedRelease extends Predecessor {
  readonly loaded: LoadedRelease;
  readonly digest: string;
}

/** `jws`: untrusted; verified as what comes after `previous`, and loaded. */
export function applyRelease(
  jws: string,
  trust: Pick<FeedTrust, 'trustDomain' | 'releaseKeys'>,
  previous: Predecessor | undefined,
): Result<AppliedRelease, ReleaseJwsReason> {
  beginWithoutOptimizing();
  const verified = verifyRelease(jws, trust, previous?.release);
  if (!verified.ok) return verified;
  const loaded = loadRelease(verified.value);
  if (!loaded.ok) return refuse('release-malformed', loaded.reason);
  const introductions = introductionsOf(jws, trust, previous);
  return accept({ release: verified.value, loaded: loaded.value, jws, digest: digestOfRelease(jws), introductions });
}

/** `introductions`: from a snapshot, untrusted. Answers what the release of the snapshot is verified against. */
export function verifyIntroductions(
  introductions: readonly string[],
  trust: Pick<FeedTrust, 'trustDomain' | 'releaseKeys'>,
): Result<Predecessor | undefined, ReleaseJwsReason> {
  let previous: Predecessor | undefined;
  for (const [index, jws] of introductions.entries()) {
    const verified = verifyRelease(jws, trust, previous?.release);
    if (!verified.ok) return verified;
    previous = { release: verified.value, jws, introductions: introductions.slice(0, index) };
  }
  return accept(previous);
}

function introductionsOf(
  jws: string,
  trust: Pick<FeedTrust, 'trustDomain' | 'releaseKeys'>,
  previous: Predecessor | undefined,
): readonly string[] {
  if (previous === undefined || verifyRelease(jws, trust, undefined).ok) return [];
  const isSameSigner = signerOf(jws) === signerOf(previous.jws);
  return isSameSigner ? previous.introductions : [...previous.introductions, previous.jws];
}

/** Of a verified release. */
function signerOf(jws: string): string | undefined {
  const parsed = parseJws(jws, { maxBytes: jws.length });
  return parsed.ok ? parsed.value.header.kid : undefined;
}
