/**
 * Serves the feed: signs its head with a key made in this instance's memory, which the assertion key certified.
 * Cost: one certification an hour and instance; one read and at most one query per page.
 */
import { generateSoftwareSigner, jwkFromSpki, type Signer, signJws } from '@postern/keys';
import type { Clock } from '@postern/store';
import type { CertifyFeedKey } from './feed_key.ts';
import type { FeedLog, StoredHead } from './feed_log.ts';
import { FEED_HEAD_TYPE, type FeedHead, type FeedPage } from './wire.ts';

export interface FeedPublisher {
  /** The page after `after`; from the beginning when `epoch` is not the present one. `undefined` before the feed was opened. */
  page(request: { readonly epoch?: string; readonly after: number }): Promise<FeedPage | undefined>;
  /** A short text that changes whenever a page asked at the head would; the validator of conditional requests. */
  version(): Promise<string | undefined>;
}

export function createFeedPublisher(ports: {
  readonly trustDomain: string;
  readonly log: FeedLog;
  readonly certify: CertifyFeedKey;
  readonly clock: Clock;
}): FeedPublisher {
  const { trustDomain, log, certify, clock } = ports;
  let current: { signer: Signer; certificate: string; renewAtMs: number; notAfterMs: number } | undefined;

  /** Renewed when a quarter of its life is left. While nobody certifies, the present feed key goes on until it ends. */
  async function feedKey() {
    const nowMs = clock.nowMs();
    if (current !== undefined && nowMs < current.renewAtMs) return current;
    try {
      current = await createFeedKey(nowMs);
    } catch (fault) {
      if (current === undefined || nowMs >= current.notAfterMs) throw fault;
    }
    return current;
  }

  async function createFeedKey(nowMs: number) {
    const signer = generateSoftwareSigner('ES256');
    const { certificate, notAfterMs } = await certify(jwkFromSpki(signer.spki));
    return { signer, certificate, renewAtMs: nowMs + ((notAfterMs - nowMs) * 3) / 4, notAfterMs };
  }

  async function signHead(stored: StoredHead): Promise<{ head: string; keyCertificate: string }> {
    const { signer, certificate } = await feedKey();
    const { epoch, sequence, chain, releaseNumber, releaseDigest } = stored;
    const atMs = clock.nowMs();
    const payload: FeedHead = { trustDomain, epoch, sequence, chain, releaseNumber, releaseDigest, atMs };
    return { head: await signJws(signer, { typ: FEED_HEAD_TYPE, payload }), keyCertificate: certificate };
  }

  return {
    async page({ epoch, after }) {
      const stored = await log.head();
      if (stored === undefined) return undefined;
      const from = epoch === stored.epoch && after <= stored.sequence ? after : 0;
      // Entries written after the head was read are left for the next page, so that every page fits its head.
      const entries = from === stored.sequence ? [] : await log.readEntries(from);
      return { ...(await signHead(stored)), entries: entries.filter((entry) => entry.sequence <= stored.sequence) };
    },
    async version() {
      const stored = await log.head();
      return stored && `${stored.epoch}/${stored.sequence}/${stored.releaseNumber}`;
    },
  };
}
