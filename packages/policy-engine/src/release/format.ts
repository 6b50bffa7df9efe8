/** A release as bytes, and back. Whoever signs, verifies or compares releases does it over these bytes. */
import { accept, type Result, refuse } from '@postern/result';
import { formatCanonical, parseCanonical } from './canonical.ts';
import { MAX_RELEASE_BYTES, RELEASE_FORMAT, type Release } from './release.ts';
import { releaseShape } from './release_shape.ts';
import { restoreParts, shareParts } from './shared_parts.ts';

export type ParseReleaseReason = 'release-too-large' | 'release-malformed' | 'release-format-unknown';
export type AcceptReleaseReason = 'release-number-lower' | 'release-fork';

/** Canonical bytes: equal releases, equal bytes. Throws for a value that is no release of this format. */
export function formatRelease(release: Release): Uint8Array {
  return new TextEncoder().encode(textOf(release));
}

function textOf(release: Release): string {
  return formatCanonical({ ...release, ...shareParts(release.policies) });
}

/**
 * Reads a release whose signature the caller has verified; its members are checked all the same, because a decision
 * point that reads half a release would decide from half the policies. Unknown members stay in the value, so that it
 * formats to the bytes it came from. `detail` names the first member that is wrong.
 * Refused: `release-too-large`, `release-malformed`, `release-format-unknown` (another major format: the old release
 * stays in force).
 */
export function parseRelease(bytes: Uint8Array): Result<Release, ParseReleaseReason> {
  if (bytes.length > MAX_RELEASE_BYTES) return refuse('release-too-large', `${bytes.length} bytes`);
  const text = decodeUtf8(bytes);
  if (text === undefined) return refuse('release-malformed', 'not UTF-8');
  const json = parseCanonical(text);
  if (!json.ok) return refuse('release-malformed', 'not JSON');
  const format = (json.value as { readonly format?: unknown } | null)?.format;
  if (typeof format === 'string' && format !== RELEASE_FORMAT) return refuse('release-format-unknown');
  if (format !== RELEASE_FORMAT) return refuse('release-malformed', 'format');
  const { scopes = [], conditions = [], ...release } = json.value as { readonly [member: string]: unknown };
  const restored = restoreParts(release['policies'], scopes, conditions);
  if (!restored.ok) return refuse('release-malformed', restored.detail);
  const place = releaseShape(release);
  return place === undefined ? accept(release as unknown as Release) : refuse('release-malformed', place.slice(1));
}

/**
 * Whether `candidate` may take the place of `current`. Prevents a roll-back to older policies by whoever replays a
 * validly signed release (`release-number-lower`), and two contents under one number (`release-fork`). The same release
 * again is accepted. Rolling back on purpose is publishing older content under a new number.
 */
export function acceptRelease(current: Release | undefined, candidate: Release): Result<Release, AcceptReleaseReason> {
  if (current === undefined || candidate.number > current.number) return accept(candidate);
  if (candidate.number < current.number) return refuse('release-number-lower');
  return textOf(candidate) === textOf(current) ? accept(candidate) : refuse('release-fork');
}

function decodeUtf8(bytes: Uint8Array): string | undefined {
  try {
    return new TextDecoder('utf-8', { fatal: true, ignoreBOM: true }).decode(bytes);
  } catch {
    return undefined;
  }
}
