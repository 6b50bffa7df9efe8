/** A release as it travels: a compact JWS, named by the digest that the feed's head carries. */
import { createHash } from 'node:crypto';
import { type Signer, signJws, verifyJws } from '@postern/keys';
import { formatRelease, MAX_RELEASE_BYTES, parseRelease, RELEASE_JWS_TYPE, type Release } from '@postern/policy-engine';
import { type Result, refuse } from '@postern/result';
import type { FeedTrust } from './follower.ts';

/** base64url of the payload, header and signature. */
const MAX_RELEASE_JWS_BYTES = Math.ceil((MAX_RELEASE_BYTES * 4) / 3) + 1024;

export type ReleaseJwsReason =
  | 'release-signature'
  | 'release-malformed'
  | 'release-trust-domain'
  | 'release-number-lower';

/** One use of the release key (KMS Sign when deployed). */
export async function signRelease(release: Release, signer: Signer): Promise<string> {
  return signJws(signer, { typ: RELEASE_JWS_TYPE, payload: formatRelease(release) });
}

/** SHA-256 over the compact JWS, hex. */
export function digestOfRelease(jws: string): string {
  return createHash('sha256').update(jws).digest('hex');
}

/**
 * `current`: the release in force. Its `nextSigners` say who may sign what follows, so that signers roll over; the
 * pinned keys count only until there is a first release. A lower number is refused: rolling back is publishing older
 * content under a new number.
 */
export function verifyRelease(
  jws: string,
  trust: Pick<FeedTrust, 'trustDomain' | 'releaseKeys'>,
  current: Release | undefined,
): Result<Release, ReleaseJwsReason> {
  const keys =
    current === undefined
      ? trust.releaseKeys
      : current.nextSigners.map((signer) => ({ ...signer.jwk, kid: signer.keyId }) as { [name: string]: string });
  const verified = verifyJws(jws, {
    typ: RELEASE_JWS_TYPE,
    algorithms: ['ES256', 'ES384'],
    maxBytes: MAX_RELEASE_JWS_BYTES,
    key: (header) => keys.find((jwk) => jwk['kid'] === header.kid),
  });
  if (!verified.ok) return refuse('release-signature', verified.reason);
  const parsed = parseRelease(verified.value.payload);
  if (!parsed.ok) return refuse('release-malformed', parsed.reason);
  if (parsed.value.trustDomain !== trust.trustDomain) return refuse('release-trust-domain');
  if (current !== undefined && parsed.value.number < current.number) return refuse('release-number-lower');
  return parsed;
}
