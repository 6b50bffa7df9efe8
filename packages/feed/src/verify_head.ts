/** Verifies a feed page's head: assertion key → feed key certificate → head. */
import { type JwsReason, verifyJws } from '@postern/keys';
import { accept, type Result, refuse } from '@postern/result';
import type { FeedTrust } from './follower.ts';
import { FEED_HEAD_TYPE, FEED_KEY_TYPE, type FeedHead, type FeedKeyCertificate, type FeedPage } from './wire.ts';

const MAX_JWS_BYTES = 4096;
const SKEW_MS = 60_000;
/** No feed key lives longer, whatever its certificate says. */
const MAX_KEY_LIFE_MS = 2 * 60 * 60 * 1000;

export type HeadReason =
  | 'feed-key-signature'
  | 'feed-key-malformed'
  | 'feed-key-life'
  | 'feed-head-signature'
  | 'feed-head-malformed'
  | 'feed-head-future'
  | 'feed-head-outside-key-life'
  | 'feed-trust-domain';

/**
 * The key must have been valid when the head was made, not now: a follower that starts offline verifies an old head and
 * then knows how old it is. A thief of an expired feed key can only make heads that already count as stale.
 */
export function verifyFeedHead(
  page: Pick<FeedPage, 'head' | 'keyCertificate'>,
  trust: FeedTrust,
  nowMs: number,
): Result<FeedHead, HeadReason> {
  const certified = read(page.keyCertificate, FEED_KEY_TYPE, trust.assertionKeys);
  if (!certified.ok) return refuse('feed-key-signature', certified.reason);
  const certificate = certified.value as FeedKeyCertificate;
  if (!isKeyCertificate(certificate)) return refuse('feed-key-malformed');
  if (certificate.trustDomain !== trust.trustDomain) return refuse('feed-trust-domain');
  if (certificate.notAfterMs - certificate.notBeforeMs > MAX_KEY_LIFE_MS) return refuse('feed-key-life');

  const signed = read(page.head, FEED_HEAD_TYPE, [{ ...certificate.jwk, kid: certificate.keyId }]);
  if (!signed.ok) return refuse('feed-head-signature', signed.reason);
  const head = signed.value as FeedHead;
  if (!isHead(head)) return refuse('feed-head-malformed');
  if (head.trustDomain !== trust.trustDomain) return refuse('feed-trust-domain');
  if (head.atMs > nowMs + SKEW_MS) return refuse('feed-head-future');
  if (head.atMs < certificate.notBeforeMs || head.atMs > certificate.notAfterMs)
    return refuse('feed-head-outside-key-life');
  return accept(head);
}

function read(
  jws: unknown,
  typ: string,
  keys: readonly { readonly [name: string]: string }[],
): Result<unknown, JwsReason> {
  if (typeof jws !== 'string') return refuse('jws-malformed');
  const verified = verifyJws(jws, {
    typ,
    algorithms: ['ES256'],
    maxBytes: MAX_JWS_BYTES,
    key: (header) => keys.find((jwk) => jwk['kid'] === header.kid),
  });
  if (!verified.ok) return verified;
  try {
    return accept(JSON.parse(Buffer.from(verified.value.payload).toString('utf8')));
  } catch {
    return refuse('jws-malformed');
  }
}

const isTime = (value: unknown) => Number.isSafeInteger(value) && (value as number) >= 0;
const isText = (value: unknown) => typeof value === 'string' && value.length > 0 && value.length <= 255;

function isKeyCertificate(value: FeedKeyCertificate | null): boolean {
  return (
    isText(value?.trustDomain) &&
    isText(value?.keyId) &&
    typeof value?.jwk === 'object' &&
    value.jwk !== null &&
    isTime(value.notBeforeMs) &&
    isTime(value.notAfterMs)
  );
}

function isHead(value: FeedHead | null): boolean {
  return (
    isText(value?.trustDomain) &&
    isText(value?.epoch) &&
    isText(value?.chain) &&
    /^[0-9a-f]{64}$/.test(value?.chain ?? '') &&
    isTime(value?.sequence) &&
    isTime(value?.releaseNumber) &&
    /^(?:[0-9a-f]{64})?$/.test(value?.releaseDigest ?? '-') &&
    isTime(value?.atMs)
  );
}
