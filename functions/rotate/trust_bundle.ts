/** Keeps the trust bundle in the feed: it is a fact like any other, renewed long before it expires. */
import { canonicalJson } from '@postern/canonical-json';
import type { FeedLog } from '@postern/feed';
import { formatTrustBundle, type TrustBundle } from '@postern/spiffe';
import type { Clock } from '@postern/store';

/** A decision point that was away this long has no bundle, and so no workload identities to believe. */
const BUNDLE_LIFE_MS = 7 * 24 * 60 * 60 * 1000;

/** One tick: idempotent; writes only when the content changed or half of its life is over. */
export async function publishTrustBundle(ports: {
  readonly bundle: TrustBundle;
  readonly feedLog: FeedLog;
  readonly clock: Clock;
}): Promise<void> {
  const { bundle, feedLog, clock } = ports;
  const nowMs = clock.nowMs();
  const text = canonicalJson(JSON.parse(formatTrustBundle(bundle)));
  const known = await feedLog.latest('trust-bundle', bundle.trustDomain);
  const isCurrent =
    known?.kind === 'trust-bundle' && known.bundle === text && known.expiresAtMs - nowMs > BUNDLE_LIFE_MS / 2;
  if (isCurrent) return;
  const appended = await feedLog.append([
    {
      kind: 'trust-bundle',
      subject: bundle.trustDomain,
      observedAtMs: nowMs,
      expiresAtMs: nowMs + BUNDLE_LIFE_MS,
      bundle: text,
    },
  ]);
  if (!appended.ok) throw new Error(`the trust bundle is not in the feed: ${appended.reason}`);
}
