/** Vouches for the key that signs the feed's head: short-lived, made in one instance's memory, certified by the assertion key. */
import { type PublicJwk, type Signer, signJws } from '@postern/keys';
import type { Clock } from '@postern/store';
import { FEED_KEY_TYPE, type FeedKeyCertificate } from './wire.ts';

/** Short, so that a leaked feed key is worth little. */
const KEY_LIFE_MS = 60 * 60 * 1000;
const SKEW_MS = 60_000;

export interface CertifiedFeedKey {
  /** Compact JWS. */
  readonly certificate: string;
  readonly notAfterMs: number;
}

/** `jwk`: public, with its `kid`. Throws `SignerUnavailable` when the assertion key cannot be used now. */
export type CertifyFeedKey = (jwk: PublicJwk) => Promise<CertifiedFeedKey>;

/** Cost: one assertion signature (KMS) per key. */
export function createFeedKeyCertifier(ports: {
  readonly trustDomain: string;
  readonly assertionSigner: () => Promise<Signer>;
  readonly clock: Clock;
}): CertifyFeedKey {
  return async (jwk) => {
    const nowMs = ports.clock.nowMs();
    const payload: FeedKeyCertificate = {
      trustDomain: ports.trustDomain,
      keyId: jwk['kid'] as string,
      jwk,
      notBeforeMs: nowMs - SKEW_MS,
      notAfterMs: nowMs + KEY_LIFE_MS,
    };
    const certificate = await signJws(await ports.assertionSigner(), { typ: FEED_KEY_TYPE, payload });
    return { certificate, notAfterMs: payload.notAfterMs };
  };
}
