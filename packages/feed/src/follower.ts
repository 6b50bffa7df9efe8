/**
 * Follows the feed at a decision point: verifies every page, and swaps in a new state only when it is whole, so that a
 * decision never sees half of a change. No I/O: the caller fetches pages and releases and persists what `snapshot`
 * gives. Everything that comes in is untrusted; a refusal leaves the old state in place.
 */
import { type LoadedRelease, loadRelease } from '@postern/policy-engine';
import { accept, type Result, refuse } from '@postern/result';
import { chainNext, chainStart } from './chain.ts';
import { FactSet } from './fact_set.ts';
import { digestOfRelease, type ReleaseJwsReason, verifyRelease } from './release_jws.ts';
import type { DecisionState } from './state.ts';
import { type HeadReason, verifyFeedHead } from './verify_head.ts';
import { type FeedEntry, type FeedHead, type FeedPage, MAX_FEED_PAGE_ENTRIES } from './wire.ts';

const SNAPSHOT_FORMAT = 'postern.feed-snapshot/1';

export type Jwk = { readonly [name: string]: string };

/** What a decision point was given when it joined, out of band: the control plane's own keys. */
export interface FeedTrust {
  readonly trustDomain: string;
  /** Public keys that may certify feed keys. */
  readonly assertionKeys: readonly Jwk[];
  /** Public keys that may sign the first release; later ones are named by the release before. */
  readonly releaseKeys: readonly Jwk[];
}

export type FollowReason =
  | HeadReason
  | 'feed-head-older'
  | 'feed-rolled-back'
  | 'feed-gap'
  | 'feed-chain'
  | 'feed-malformed'
  | 'release-not-expected'
  | ReleaseJwsReason
  | 'snapshot-malformed';

export interface Follower {
  /** What decisions are made with; undefined until a release and all facts up to a head are here. */
  state(): DecisionState | undefined;
  /** Where to go on: query of the next request. */
  position(): { readonly epoch: string; readonly after: number };
  /** Number of a release that the head names and that is not here yet: fetch it and call `applyRelease`. */
  wantedRelease(): number | undefined;
  /** Answers whether more entries are waiting below the head. */
  applyPage(page: FeedPage, nowMs: number): Result<{ readonly more: boolean }, FollowReason>;
  /** `jws`: compact JWS of the wanted release. */
  applyRelease(jws: string): Result<void, FollowReason>;
  /** Everything needed to start offline, as JSON text; holds no secret. */
  snapshot(): string | undefined;
  /** Starts from a snapshot, which is as untrusted as the network: whoever can write the disk cannot mint a fact. */
  restore(snapshot: string, nowMs: number): Result<void, FollowReason>;
}

export function createFollower(trust: FeedTrust): Follower {
  let epoch = '';
  let sequence = 0;
  let chain = '';
  let facts = new FactSet();
  /** Every entry of this epoch, so that a snapshot can be verified up to its signed head. */
  let entries: readonly FeedEntry[] = [];
  let head: FeedHead | undefined;
  let lastPage: Pick<FeedPage, 'head' | 'keyCertificate'> | undefined;
  let release: { loaded: LoadedRelease; jws: string; digest: string } | undefined;
  let state: DecisionState | undefined;

  /** Swaps in what is known, when it is whole: facts up to the head, and the release that the head names. */
  function refresh(): void {
    if (head === undefined || release === undefined) return;
    if (sequence !== head.sequence || release.digest !== head.releaseDigest) {
      // The older, whole state stays: it says itself how old it is.
      return;
    }
    state = { release: release.loaded, epoch, sequence, headAtMs: head.atMs, ...facts.view() };
  }

  function applyPage(page: FeedPage, nowMs: number): Result<{ readonly more: boolean }, FollowReason> {
    if (!Array.isArray(page?.entries) || page.entries.length > MAX_FEED_PAGE_ENTRIES) return refuse('feed-malformed');
    const verified = verifyFeedHead(page, trust, nowMs);
    if (!verified.ok) return verified;
    const candidate = verified.value;
    const isNewEpoch = candidate.epoch !== epoch;
    if (head !== undefined && candidate.atMs < head.atMs) return refuse('feed-head-older');
    if (head !== undefined && !isNewEpoch && candidate.sequence < head.sequence) return refuse('feed-rolled-back');
    if (release !== undefined && candidate.releaseNumber < release.loaded.release.number)
      return refuse('release-number-lower');

    const nextFacts = isNewEpoch ? new FactSet() : facts.copy();
    let nextSequence = isNewEpoch ? 0 : sequence;
    let nextChain = isNewEpoch ? chainStart(candidate.epoch) : chain;
    for (const entry of page.entries) {
      if (entry?.sequence !== nextSequence + 1 || entry.sequence > candidate.sequence) return refuse('feed-gap');
      const chained = chainOf(nextChain, entry);
      if (chained === undefined || !nextFacts.add(entry.fact)) return refuse('feed-malformed');
      nextSequence = entry.sequence;
      nextChain = chained;
    }
    if (nextSequence === candidate.sequence && nextChain !== candidate.chain) return refuse('feed-chain');

    nextFacts.dropExpired(nowMs);
    entries = isNewEpoch ? page.entries : page.entries.length === 0 ? entries : [...entries, ...page.entries];
    epoch = candidate.epoch;
    facts = nextFacts;
    sequence = nextSequence;
    chain = nextChain;
    head = candidate;
    lastPage = { head: page.head, keyCertificate: page.keyCertificate };
    refresh();
    return accept({ more: sequence < candidate.sequence });
  }

  function applyRelease(jws: string): Result<void, FollowReason> {
    const digest = digestOfRelease(jws);
    if (head === undefined || digest !== head.releaseDigest) return refuse('release-not-expected');
    const verified = verifyRelease(jws, trust, release?.loaded.release);
    if (!verified.ok) return verified;
    if (verified.value.number !== head.releaseNumber) return refuse('release-not-expected');
    const loaded = loadRelease(verified.value);
    if (!loaded.ok) return refuse('release-malformed', loaded.reason);
    release = { loaded: loaded.value, jws, digest };
    refresh();
    return accept(undefined);
  }

  function restore(snapshot: string, nowMs: number): Result<void, FollowReason> {
    const stored = parseSnapshot(snapshot);
    if (stored === undefined) return refuse('snapshot-malformed');
    let from = 0;
    do {
      const page = { ...stored, entries: stored.entries.slice(from, from + MAX_FEED_PAGE_ENTRIES) };
      const applied = applyPage(page, nowMs);
      if (!applied.ok) return applied;
      from += MAX_FEED_PAGE_ENTRIES;
    } while (from < stored.entries.length);
    return applyRelease(stored.release);
  }

  return {
    state: () => state,
    position: () => ({ epoch, after: sequence }),
    wantedRelease: () =>
      head !== undefined && head.releaseNumber > 0 && head.releaseDigest !== release?.digest ? head.releaseNumber : undefined,

    applyPage,
    applyRelease,

    restore,
    snapshot() {
      if (state === undefined || release === undefined || lastPage === undefined) return undefined;
      return JSON.stringify({ format: SNAPSHOT_FORMAT, ...lastPage, release: release.jws, entries });
    },
  };
}

function chainOf(chain: string, entry: FeedEntry): string | undefined {
  try {
    return chainNext(chain, entry);
  } catch {
    return undefined; // what has no canonical spelling was never in the feed
  }
}

function parseSnapshot(text: string): (FeedPage & { release: string }) | undefined {
  try {
    const value = JSON.parse(text) as FeedPage & { format?: unknown; release?: unknown };
    if (value?.format !== SNAPSHOT_FORMAT || typeof value.release !== 'string' || !Array.isArray(value.entries))
      return undefined;
    return { ...value, release: value.release };
  } catch {
    return undefined;
  }
}
