/** What a follower needs to start offline, as JSON text: the newest whole position, with everything that proves it. */
import type { FeedPage } from './wire.ts';

const SNAPSHOT_FORMAT = 'postern.feed-snapshot/1';
/** Each is a release: more roll-overs than this within one epoch are somebody's attempt to use up memory. */
const MAX_INTRODUCTIONS = 64;

export interface Snapshot extends FeedPage {
  /** Compact JWS of the release in force. */
  readonly release: string;
  /** Earlier releases by which its signer is known, oldest first. */
  readonly introductions: readonly string[];
}

export function formatSnapshot(snapshot: Snapshot): string {
  return JSON.stringify({ format: SNAPSHOT_FORMAT, ...snapshot });
}

/** `text`: as untrusted as the network. Only its shape is checked here. */
export function parseSnapshot(text: string): Snapshot | undefined {
  try {
    const value = JSON.parse(text) as Snapshot & { readonly format?: unknown };
    const { head, keyCertificate, entries, release, introductions = [] } = value;
    const isWhole =
      value.format === SNAPSHOT_FORMAT &&
      [head, keyCertificate, release].every((jws) => typeof jws === 'string') &&
      Array.isArray(entries) &&
      Array.isArray(introductions) &&
      introductions.length <= MAX_INTRODUCTIONS &&
      introductions.every((jws) => typeof jws === 'string');
    return isWhole ? { head, keyCertificate, entries, release, introductions } : undefined;
  } catch {
    return undefined;
  }
}
