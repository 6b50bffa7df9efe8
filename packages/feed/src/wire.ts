/**
 * The wire of the feed: `GET /feed?epoch=E&after=N` answers a `FeedPage`. The head is signed by an ephemeral feed key
 * that the control plane's assertion key certified; facts are chained to it, so a table that was tampered with shows.
 *
 * chain(0) = SHA-256("postern-feed" 0x00 epoch); chain(n) = SHA-256(chain(n-1) ‖ canonical JSON of entry n).
 */
import type { Fact } from './facts.ts';

/** Payload of a compact JWS, `typ` `postern-feed-key+jws`, signed by the `assertion` key. */
export interface FeedKeyCertificate {
  readonly trustDomain: string;
  readonly keyId: string;
  readonly jwk: { readonly [name: string]: string };
  readonly notBeforeMs: number;
  readonly notAfterMs: number;
}

/** Payload of a compact JWS, `typ` `postern-feed-head+jws`, signed by the feed key. */
export interface FeedHead {
  readonly trustDomain: string;
  /** Changes when the feed starts anew (a store restored, facts compacted): followers then read it from the beginning. */
  readonly epoch: string;
  readonly sequence: number;
  /** Hex chain value of `sequence`. */
  readonly chain: string;
  readonly releaseNumber: number;
  /** SHA-256 of the release's compact JWS, hex. */
  readonly releaseDigest: string;
  readonly atMs: number;
}

export interface FeedEntry {
  readonly sequence: number;
  readonly fact: Fact;
}

export interface FeedPage {
  readonly keyCertificate: string;
  readonly head: string;
  /** Entries after `after` in order; may stop short of the head: ask again. */
  readonly entries: readonly FeedEntry[];
}

export const FEED_HEAD_TYPE = 'postern-feed-head+jws';
export const FEED_KEY_TYPE = 'postern-feed-key+jws';
export const MAX_FEED_PAGE_ENTRIES = 500;
/** Of a page's entries; one larger than this travels alone. Followers take 8 MiB, function URLs answer 6 MiB. */
export const MAX_FEED_PAGE_BYTES = 4 * 1024 * 1024;
