/** Keeps the trust bundle in the feed: it is a fact like any other, renewed long before it expires. */
import { canonicalJson } from '@postern/canonical-json';
import { type FeedLog, isStillLatest } from '@postern/feed';
import { formatTrustBundle, parseTrustBundle, type TrustBundle, type TrustDomain } from '@postern/spiffe';
import type { Clock } from '@postern/store';

/** A decision point that was away this long has no bundle, and so no workload identities to believe. */
const BUNDLE_LIFE_MS = 7 * 24 * 60 * 60 * 1000;

/**
 * One tick: idempotent; writes only when the content changed or half of its life is over, and nothing once a later bundle is
 * there: another process moved the authority on since `bundle` was read, and published what came of that.
 */
export async function publishTrustBundle(ports: {
  readonly bundle: TrustBundle;
  readonly feedLog: FeedLog;
  readonly clock: Clock;
}): Promise<void> {
  const { bundle, feedLog, clock } = ports;
  const nowMs = clock.nowMs();
  const text = canonicalJson(JSON.parse(formatTrustBundle(bundle)));
  const about = { kind: 'trust-bundle', subject: bundle.trustDomain } as const;
  const known = await feedLog.latest(about.kind, about.subject);
  if (known?.kind === 'trust-bundle' && sequenceOf(known.bundle, bundle.trustDomain) > (bundle.sequence ?? 0)) return;
  const isCurrent =
    known?.kind === 'trust-bundle' && known.bundle === text && known.expiresAtMs - nowMs > BUNDLE_LIFE_MS / 2;
  if (isCurrent) return;
  const fact = { ...about, observedAtMs: nowMs, expiresAtMs: nowMs + BUNDLE_LIFE_MS, bundle: text };
  const appended = await feedLog.append([fact], isStillLatest(feedLog, about, known));
  if (!appended.ok && appended.reason !== 'fact-outdated')
    throw new Error(`the trust bundle is not in the feed: ${appended.reason}`);
}

function sequenceOf(text: string, trustDomain: TrustDomain): number {
  const bundle = parseTrustBundle(text, trustDomain);
  return bundle.ok ? (bundle.value.sequence ?? 0) : 0;
}
