/**
 * Keeps the bundles of federated trust domains in the feed, where every decision point and agent finds them. What could
 * not be fetched, or is older than what is known, changes nothing: the last good bundle counts until it expires, and an
 * operator is told how old it is.
 */
import type { FederationRelationship, FederationStore } from '@postern/ca';
import { canonicalJson } from '@postern/canonical-json';
import { type AppendReason, type FeedLog, isStillLatest, type TrustBundleFact } from '@postern/feed';
import { accept, type Result, refuse } from '@postern/result';
import {
  formatTrustBundle,
  parseSpiffeId,
  parseTrustBundle,
  parseTrustDomain,
  type TrustBundle,
} from '@postern/spiffe';
import type { Clock } from '@postern/store';
import type { FetchBundlePorts, FetchBundleReason } from './fetch_bundle.ts';

/** A bundle that nobody confirmed for so long is believed no longer. */
const BUNDLE_LIFE_MS = 7 * 24 * 60 * 60 * 1000;
/** Federation 4.1: seconds between polls when the bundle names none, and how often at most and at least we ask. */
const DEFAULT_HINT_SECONDS = 300;
const MIN_HINT_SECONDS = 60;
const MAX_HINT_SECONDS = 24 * 60 * 60;
/** Of the hint, at most so much earlier: relationships made together do not poll together. */
const JITTER = 0.2;

export type FollowReason = FetchBundleReason | AppendReason | RollbackReason;

export interface FollowBundlesPorts {
  readonly relationships: Pick<FederationStore, 'get' | 'list'>;
  readonly fetchBundle: (
    relationship: FederationRelationship,
    ports: Pick<FetchBundlePorts, 'known' | 'endpointBundle' | 'nowMs'>,
  ) => Promise<Result<TrustBundle, FetchBundleReason>>;
  /** Trust domain → when somebody met an authority or a key that its bundle does not have. */
  readonly wanted: () => Promise<ReadonlyMap<string, number>>;
  readonly feedLog: FeedLog;
  readonly clock: Clock;
  /** 0 to 1. */
  readonly random: () => number;
  /** For the operator. `ageMs`: since the bundle in force was last confirmed; absent where there is none. */
  readonly report: (trustDomain: string, reason: FollowReason, ageMs: number | undefined) => void;
}

interface Asked {
  /** Of the relationship: which one it was. */
  readonly createdAtMs: number;
  readonly dueAtMs: number;
  readonly atMs: number;
  /** Newer than what the fact says, which is written anew only when half of its life is over. */
  readonly confirmedAtMs: number;
}

/**
 * One tick: asks those whose time has come, and those that are wanted before it, each once a minute at most. An instance that
 * starts anew asks all of them once. Cost: a query of the relationships, and one of the wishes where there are any.
 */
export function createBundleFollower(ports: FollowBundlesPorts): { tick(): Promise<void> } {
  const { relationships, feedLog, clock, random } = ports;
  const known = new Map<string, Asked>();

  /** One that was made anew has not been asked yet. */
  function askedOf({ trustDomain, createdAtMs }: FederationRelationship): Asked {
    const asked = known.get(trustDomain);
    return asked?.createdAtMs === createdAtMs ? asked : { createdAtMs, dueAtMs: 0, atMs: 0, confirmedAtMs: 0 };
  }

  /** Of the endpoint's trust domain, where that is a third one with which we federate, or our own (Federation 5.2.2.4). */
  async function thirdBundle({ trustDomain, endpointSpiffeId = '' }: FederationRelationship) {
    const id = parseSpiffeId(endpointSpiffeId);
    if (!id.ok || id.value.trustDomain === trustDomain) return undefined;
    const fact = await feedLog.latest('trust-bundle', id.value.trustDomain);
    const isThere = fact?.kind === 'trust-bundle' && fact.bundle !== NO_KEYS;
    return isThere ? knownBundle(fact.bundle, id.value.trustDomain) : undefined;
  }

  async function follow(relationship: FederationRelationship): Promise<void> {
    const { trustDomain } = relationship;
    const fact = await feedLog.latest('trust-bundle', trustDomain);
    const nowMs = clock.nowMs();
    const isOurs = fact?.kind === 'trust-bundle' && belongsTo(fact, relationship);
    // Also when it has expired: it verifies no SVID then, but what is older is older still.
    const last = isOurs ? knownBundle(fact.bundle, trustDomain) : undefined;
    const before = askedOf(relationship);
    const endpointBundle = await thirdBundle(relationship);
    const fetched = await ports.fetchBundle(relationship, { known: last, endpointBundle, nowMs });
    const newest = fetched.ok ? acceptNewer(last, fetched.value) : fetched;
    const hint = (newest.ok ? newest.value : last)?.refreshHintSeconds ?? DEFAULT_HINT_SECONDS;
    const seconds = Math.min(MAX_HINT_SECONDS, Math.max(MIN_HINT_SECONDS, hint));
    known.set(trustDomain, {
      createdAtMs: relationship.createdAtMs,
      dueAtMs: nowMs + seconds * 1000 * (1 - JITTER * random()),
      atMs: nowMs,
      confirmedAtMs: newest.ok ? nowMs : before.confirmedAtMs,
    });
    if (!newest.ok) {
      const lastMs = Math.max(fact?.observedAtMs ?? 0, before.confirmedAtMs);
      ports.report(trustDomain, newest.reason, isOurs ? nowMs - lastMs : undefined);
      return;
    }
    const bundle = textOf(newest.value);
    if (isOurs && fact.bundle === bundle && fact.expiresAtMs - nowMs > BUNDLE_LIFE_MS / 2) return;
    const about = { kind: 'trust-bundle', subject: trustDomain } as const;
    const times = { observedAtMs: nowMs, expiresAtMs: nowMs + BUNDLE_LIFE_MS };
    const appended = await feedLog.append([{ ...about, ...times, bundle }], isStillLatest(feedLog, about, fact));
    // Outdated: another instance had its answer meanwhile, which was compared with what was known then.
    if (!appended.ok && appended.reason !== 'fact-outdated') ports.report(trustDomain, appended.reason, undefined);
    // Taken back, or made anew, while its bundle was on the way.
    const present = await relationships.get(trustDomain);
    if (present?.createdAtMs !== relationship.createdAtMs) await withdrawBundle(ports, trustDomain);
  }

  /** What was wanted before the last answer came has had its answer. */
  function isDue(relationship: FederationRelationship, wantedAtMs = Number.NEGATIVE_INFINITY): boolean {
    const nowMs = clock.nowMs();
    const { dueAtMs, atMs } = askedOf(relationship);
    return dueAtMs <= nowMs || (wantedAtMs > atMs && nowMs - atMs >= MIN_HINT_SECONDS * 1000);
  }

  return {
    async tick() {
      const all = await relationships.list();
      const wanted = all.length === 0 ? new Map<string, number>() : await ports.wanted();
      const due = all.filter((relationship) => isDue(relationship, wanted.get(relationship.trustDomain)));
      // Side by side: one that hangs keeps none of the others waiting.
      await Promise.all(due.map(follow));
    },
  };
}

export const NO_KEYS = canonicalJson({ keys: [] });

/** A bundle without keys: no SVID of that trust domain is valid any more (Trust Domain and Bundle 4.1.3). */
export function withdrawBundle(
  { feedLog, clock }: Pick<FollowBundlesPorts, 'feedLog' | 'clock'>,
  trustDomain: string,
): ReturnType<FeedLog['append']> {
  const nowMs = clock.nowMs();
  const times = { observedAtMs: nowMs, expiresAtMs: nowMs + BUNDLE_LIFE_MS };
  return feedLog.append([{ kind: 'trust-bundle', subject: trustDomain, ...times, bundle: NO_KEYS }]);
}

/**
 * Whether a bundle was fetched for just this relationship. One that was withdrawn, or is from before an operator made the
 * relationship anew, says nothing: what the operator gave then is where it begins (Federation 6.3). What is withdrawn is
 * told by its text, for clocks of two instances differ. A domain that itself publishes no keys says so under a sequence.
 */
function belongsTo(fact: TrustBundleFact, { createdAtMs }: FederationRelationship): boolean {
  return fact.bundle !== NO_KEYS && fact.observedAtMs >= createdAtMs;
}

const ROLLBACKS = ['bundle-sequence-absent', 'bundle-sequence-lower', 'bundle-changed-silently'] as const;
type RollbackReason = (typeof ROLLBACKS)[number];

/** Somebody serves what the trust domain does not publish any more: not an outage, but an alarm. */
export function isRollback(reason: FollowReason): reason is RollbackReason {
  return (ROLLBACKS as readonly string[]).includes(reason);
}

/**
 * `spiffe_sequence` SHOULD be set; when present it MUST be a monotonically increasing integer, and MUST change whenever the
 * contents do (Trust Domain and Bundle 4.1.1). Consumers SHOULD compare two bundles by it; where the bundle omits it, the one
 * fetched last is up to date (Federation 4.2). Both taken together would let anybody who can serve an old bundle bring back a
 * key that was withdrawn, by leaving the number out: a domain that numbers its bundles numbers them all.
 */
function acceptNewer(known: TrustBundle | undefined, fetched: TrustBundle): Result<TrustBundle, RollbackReason> {
  if (known?.sequence === undefined) return accept(fetched);
  if (fetched.sequence === undefined) return refuse('bundle-sequence-absent');
  if (fetched.sequence < known.sequence) return refuse('bundle-sequence-lower');
  // Two contents of one number are two servers.
  const isSame = fetched.sequence > known.sequence || textOf(fetched) === textOf(known);
  return isSame ? accept(fetched) : refuse('bundle-changed-silently');
}

function knownBundle(text: string, name: string): TrustBundle | undefined {
  const trustDomain = parseTrustDomain(name);
  const bundle = trustDomain.ok ? parseTrustBundle(text, trustDomain.value) : undefined;
  return bundle?.ok ? bundle.value : undefined;
}

/** Only what the standard defines, in one spelling. */
function textOf(bundle: TrustBundle): string {
  return canonicalJson(JSON.parse(formatTrustBundle(bundle)));
}
