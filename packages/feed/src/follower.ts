/**
 * Follows the feed at a decision point: verifies every page, and swaps in a new state only when it is whole, so that a
 * decision never sees half of a change. No I/O: the caller fetches pages and releases and persists what `snapshot`
 * gives. Everything that comes in is untrusted; a refusal leaves the old state in place.
 */
import { accept, type Result, refuse } from '@postern/result';
import { chainNext, chainStart } from './chain.ts';
import { FactSet, type LiveFacts } from './fact_set.ts';
import { digestOfRelease, type ReleaseJwsReason } from './release_jws.ts';
import { type AppliedRelease, applyRelease, type Predecessor, verifyIntroductions } from './release_line.ts';
import { formatSnapshot, parseSnapshot } from './snapshot.ts';
import type { DecisionState } from './state.ts';
import { type HeadReason, verifyFeedHead } from './verify_head.ts';
import { type FeedEntry, type FeedHead, type FeedPage, MAX_FEED_PAGE_ENTRIES } from './wire.ts';

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
  | 'release-number-reused'
  | ReleaseJwsReason
  | 'snapshot-malformed';

export interface Follower {
  /**
   * What decisions are made with; undefined until a release and all facts up to a head are here. Facts that have expired
   * by `nowMs` are not in it, whether or not a page came since: a decision point that is cut off forgets on time too.
   */
  state(nowMs: number): DecisionState | undefined;
  /**
   * Trust bundles alone, by trust domain, of the newest facts that a signed head vouches for: they need no release, and an
   * identity does not wait for one. Undefined before the first head.
   */
  bundles(nowMs: number): DecisionState['bundles'] | undefined;
  /** Where to go on: query of the next request. */
  position(): { readonly epoch: string; readonly after: number };
  /** Number of a release that the head names and that is not here yet: fetch it and call `applyRelease`. */
  wantedRelease(): number | undefined;
  /** Answers whether more entries are waiting below the head. */
  applyPage(page: FeedPage, nowMs: number): Result<{ readonly more: boolean }, FollowReason>;
  /** `jws`: compact JWS of the wanted release. */
  applyRelease(jws: string): Result<void, FollowReason>;
  /** Everything needed to start offline with the present state, as JSON text; holds no secret. */
  snapshot(): string | undefined;
  /** Starts from a snapshot, which is as untrusted as the network: whoever can write the disk cannot mint a fact. */
  restore(snapshot: string, nowMs: number): Result<void, FollowReason>;
}

/** How far the feed was followed: everything up to `sequence` of `epoch`. */
interface Position {
  readonly epoch: string;
  readonly sequence: number;
  readonly chain: string;
  readonly facts: FactSet;
  /** Every entry of this epoch, so that a snapshot can be verified up to its signed head. */
  readonly entries: readonly FeedEntry[];
}

const NOWHERE: Position = { epoch: '', sequence: 0, chain: '', facts: new FactSet(), entries: [] };

/** A release and the facts up to a head that names it, with all that proves them. */
interface Whole {
  readonly release: AppliedRelease;
  readonly position: Position;
  readonly head: FeedHead;
  readonly signed: Pick<FeedPage, 'head' | 'keyCertificate'>;
}

export function createFollower(trust: FeedTrust): Follower {
  /** Where the next page goes on. Beyond `verified` while the pages up to a head are still coming. */
  let reached = NOWHERE;
  /** The last position whose chain value a signed head had: what lies beyond may yet turn out to be forged. */
  let verified = NOWHERE;
  let latest: { readonly head: FeedHead; readonly signed: Whole['signed'] } | undefined;
  let release: AppliedRelease | undefined;
  let whole: Whole | undefined;
  /** Made of `whole` when somebody asks, and used until a fact in it expires. */
  let seen: { readonly whole: Whole; readonly facts: LiveFacts; readonly state: DecisionState } | undefined;

  let bundles: { readonly of: FactSet; readonly live: LiveFacts } | undefined;

  /** Swaps in what is known, when it is whole: facts up to the head, and the release that the head names. */
  function refresh(): void {
    // Otherwise the older, whole state stays: it says itself how old it is.
    if (latest === undefined || release?.digest !== latest.head.releaseDigest) return;
    if (verified.epoch !== latest.head.epoch || verified.sequence !== latest.head.sequence) return;
    whole = { release, position: verified, ...latest };
  }

  function stateAt(nowMs: number): DecisionState | undefined {
    if (whole === undefined) return undefined;
    const { release: inForce, position, head } = whole;
    const isLive = seen?.whole.position === position && seen.facts.fromMs <= nowMs && nowMs < seen.facts.untilMs;
    if (seen?.whole === whole && isLive) return seen.state;
    const facts = seen !== undefined && isLive ? seen.facts : position.facts.liveAt(nowMs);
    const { epoch, sequence } = position;
    const state = { release: inForce.loaded, epoch, sequence, headAtMs: head.atMs, ...facts.view };
    seen = { whole, facts, state };
    return state;
  }

  function applyPage(page: FeedPage, nowMs: number): Result<{ readonly more: boolean }, FollowReason> {
    if (!Array.isArray(page?.entries) || page.entries.length > MAX_FEED_PAGE_ENTRIES) return refuse('feed-malformed');
    const signed = { head: page.head, keyCertificate: page.keyCertificate };
    const candidate = verifyFeedHead(signed, trust, nowMs);
    if (!candidate.ok) return candidate;
    const head = candidate.value;
    const inOrder = checkOrder(head, latest?.head);
    if (!inOrder.ok) return inOrder;

    const start =
      head.epoch === reached.epoch ? reached : { ...NOWHERE, epoch: head.epoch, chain: chainStart(head.epoch) };
    const followed = follow(start, page.entries, head);
    if (!followed.ok) {
      // One forged page must not keep out the genuine ones that come after it.
      reached = verified;
      return followed;
    }
    reached = followed.value;
    if (reached.sequence === head.sequence) verified = reached;
    latest = { head, signed };
    refresh();
    return accept({ more: reached.sequence < head.sequence });
  }

  function applyNext(jws: string, previous: Predecessor | undefined): Result<void, FollowReason> {
    if (latest === undefined || digestOfRelease(jws) !== latest.head.releaseDigest)
      return refuse('release-not-expected');
    const applied = applyRelease(jws, trust, previous);
    if (!applied.ok) return applied;
    if (applied.value.release.number !== latest.head.releaseNumber) return refuse('release-not-expected');
    release = applied.value;
    refresh();
    return accept(undefined);
  }

  function restore(text: string, nowMs: number): Result<void, FollowReason> {
    const stored = parseSnapshot(text);
    if (stored === undefined) return refuse('snapshot-malformed');
    let from = 0;
    do {
      const page = { ...stored, entries: stored.entries.slice(from, from + MAX_FEED_PAGE_ENTRIES) };
      const applied = applyPage(page, nowMs);
      if (!applied.ok) return applied;
      from += MAX_FEED_PAGE_ENTRIES;
    } while (from < stored.entries.length);
    const introduced = verifyIntroductions(stored.introductions, trust);
    if (!introduced.ok) return introduced;
    const applied = applyNext(stored.release, release ?? introduced.value);
    if (!applied.ok) return applied;
    return whole === undefined ? refuse('feed-gap') : applied;
  }

  return {
    state: stateAt,
    bundles(nowMs) {
      if (verified.epoch === '') return undefined;
      const isLive = bundles?.of === verified.facts && bundles.live.fromMs <= nowMs && nowMs < bundles.live.untilMs;
      if (bundles === undefined || !isLive) bundles = { of: verified.facts, live: verified.facts.liveAt(nowMs) };
      return bundles.live.view.bundles;
    },
    position: () => ({ epoch: reached.epoch, after: reached.sequence }),
    wantedRelease() {
      const { releaseNumber = 0, releaseDigest } = latest?.head ?? {};
      return releaseNumber > 0 && releaseDigest !== release?.digest ? releaseNumber : undefined;
    },
    applyPage,
    applyRelease: (jws) => applyNext(jws, release),
    restore,
    snapshot() {
      if (whole === undefined) return undefined;
      const { jws, introductions } = whole.release;
      return formatSnapshot({ ...whole.signed, release: jws, introductions, entries: whole.position.entries });
    },
  };
}

/** Time, sequence and release only go forward: whoever holds an old head cannot take back what came after it. */
function checkOrder(head: FeedHead, before: FeedHead | undefined): Result<void, FollowReason> {
  if (before === undefined) return accept(undefined);
  if (head.atMs < before.atMs) return refuse('feed-head-older');
  if (head.epoch === before.epoch && head.sequence < before.sequence) return refuse('feed-rolled-back');
  if (head.releaseNumber < before.releaseNumber) return refuse('release-number-lower');
  const isSame = head.releaseNumber !== before.releaseNumber || head.releaseDigest === before.releaseDigest;
  return isSame ? accept(undefined) : refuse('release-number-reused');
}

function follow(
  start: Position,
  page: readonly FeedEntry[],
  head: FeedHead,
): Result<Position, 'feed-gap' | 'feed-malformed' | 'feed-chain'> {
  let { sequence, chain } = start;
  const facts = page.length === 0 ? start.facts : start.facts.copy();
  for (const entry of page) {
    if (entry?.sequence !== sequence + 1 || entry.sequence > head.sequence) return refuse('feed-gap');
    const chained = chainOf(chain, entry);
    if (chained === undefined || !facts.add(entry.fact)) return refuse('feed-malformed');
    sequence = entry.sequence;
    chain = chained;
  }
  // A page that brings nothing although something is missing would be asked for again and again.
  if (page.length === 0 && sequence < head.sequence) return refuse('feed-gap');
  if (sequence === head.sequence && chain !== head.chain) return refuse('feed-chain');
  if (page.length === 0) return accept(start);
  return accept({ epoch: start.epoch, sequence, chain, facts, entries: [...start.entries, ...page] });
}

function chainOf(chain: string, entry: FeedEntry): string | undefined {
  try {
    return chainNext(chain, entry);
  } catch {
    return undefined; // what has no canonical spelling was never in the feed
  }
}
