/**
 * Issues JWT-SVIDs: bearer tokens of minutes, for one or a few named services (JWT-SVID 2, 3, 5.1). Whoever holds one is
 * the workload until it expires, so each is recorded before it is signed: when that cannot be made durable, nothing is.
 *
 * Cost: one use of the `jwt` key (one KMS Sign when deployed) and one durable record for each token; a second record where
 * the key fails, which takes the first one back.
 */
import { randomUUID } from 'node:crypto';
import { type PublicJwk, type Signer, SignerUnavailable, signJws } from '@postern/keys';
import { accept, type Result, refuse } from '@postern/result';
import { JWT_SVID_ALGORITHMS, type SpiffeId, type TrustDomain } from '@postern/spiffe';
import type { Clock } from '@postern/store';
import { type AudienceReason, checkAudience } from './jwt_audience.ts';

/** Long enough to be used and short enough to be lost: a stolen one is worth minutes. */
export const DEFAULT_JWT_TTL_SECONDS = 5 * 60;
/** Below this, clocks that differ by the skew allowed refuse it at once. */
export const MIN_JWT_TTL_SECONDS = 60;
/** A token cannot be taken back from verifiers outside that know no revocation. */
export const MAX_JWT_TTL_SECONDS = 60 * 60;

/** The keys of JWT-SVIDs: one signs, all that are published verify. */
export interface JwtKeys {
  /** Throws `SignerUnavailable` as the key store does. */
  readonly signer: () => Promise<Signer>;
  /** With `kid`; the signer's own among them, before it signs anything (Federation 4.1). */
  readonly published: readonly PublicJwk[];
}

export interface JwtIssuance {
  /** Tells tokens apart in the record; in the token as `jti`. */
  readonly tokenId: string;
  readonly spiffeId: string;
  readonly audience: readonly string[];
  readonly keyId: string;
  readonly issuedAtMs: number;
  readonly expiresAtMs: number;
  /** SPIFFE ID of the agent, or what proved the identity. */
  readonly requester: string;
  readonly entryId?: string;
}

/** Durable when they resolve. `issued` throwing means that nothing is signed; `failed` says that after all nothing was. */
export interface JwtIssuanceAudit {
  issued(issuance: JwtIssuance): Promise<void>;
  failed(issuance: JwtIssuance, reason: string): Promise<void>;
}

export interface JwtIssueRequest {
  /** From the entry; never from the caller. */
  readonly spiffeId: SpiffeId;
  /** Untrusted. */
  readonly audience: readonly string[];
  /** Clamped to the bounds above; the default when absent. */
  readonly ttlSeconds?: number | undefined;
  /** When the entry ends: no token outlives it. */
  readonly notAfterMs?: number | undefined;
  readonly requester: string;
  readonly entryId?: string;
}

export interface IssuedJwtSvid extends JwtIssuance {
  /** Compact serialization. A secret until it expires. */
  readonly token: string;
}

/**
 * `subject-not-ours`: of another trust domain, or the trust domain itself · `entry-ending`: the entry ends before the
 * shortest token would · `issuance-revoked`: its entry or its agent was revoked · `authority-unavailable`: the key cannot be used now.
 */
export type JwtIssueReason =
  | AudienceReason
  | 'subject-not-ours'
  | 'entry-ending'
  | 'issuance-revoked'
  | 'authority-unavailable';

export interface JwtSvidIssuer {
  issueJwtSvid(request: JwtIssueRequest): Promise<Result<IssuedJwtSvid, JwtIssueReason>>;
}

/** `issuer`: the OpenID issuer, an origin, in every token as `iss`: relying parties that know no SPIFFE find the keys by it. */
export function createJwtSvidIssuer(ports: {
  readonly trustDomain: TrustDomain;
  readonly issuer: string;
  readonly jwtKeys: () => Promise<JwtKeys>;
  readonly audit: JwtIssuanceAudit;
  /** False when its entry or its agent was revoked. */
  readonly admit?: (issuance: JwtIssuance) => Promise<boolean>;
  readonly clock: Clock;
}): JwtSvidIssuer {
  const { trustDomain, issuer, jwtKeys, audit, clock } = ports;
  return {
    async issueJwtSvid(request) {
      const { spiffeId, audience, requester, entryId } = request;
      const checked = checkAudience(audience);
      if (!checked.ok) return checked;
      if (spiffeId.trustDomain !== trustDomain || spiffeId.path === '') return refuse('subject-not-ours');
      const life = lifeOf(request, clock.nowMs());
      if (!life.ok) return life;
      let signer: Signer;
      try {
        signer = await signerOf(await jwtKeys());
      } catch (fault) {
        if (fault instanceof SignerUnavailable) return refuse('authority-unavailable');
        throw fault;
      }
      const issuance: JwtIssuance = {
        tokenId: randomUUID(),
        spiffeId: spiffeId.uri,
        audience,
        keyId: signer.keyId,
        ...life.value,
        requester,
        ...(entryId === undefined ? {} : { entryId }),
      };
      if ((await ports.admit?.(issuance)) === false) return refuse('issuance-revoked');
      await audit.issued(issuance);
      let token: string;
      try {
        token = await signJws(signer, { typ: 'JWT', payload: claimsOf(issuance, issuer) });
      } catch (fault) {
        const isUnavailable = fault instanceof SignerUnavailable;
        await audit.failed(issuance, isUnavailable ? 'authority-unavailable' : 'signer-fault');
        if (isUnavailable) return refuse('authority-unavailable');
        throw fault;
      }
      return accept({ ...issuance, token });
    },
  };
}

/** Throws for a key that verifiers do not know yet, or that the standard does not allow: its tokens would be nobody's. */
async function signerOf({ signer: openSigner, published }: JwtKeys): Promise<Signer> {
  const signer = await openSigner();
  if (!Object.hasOwn(JWT_SVID_ALGORITHMS, signer.algorithm))
    throw new TypeError(`JWT-SVIDs are not signed with ${signer.algorithm}`);
  if (!published.some(({ kid }) => kid === signer.keyId))
    throw new TypeError('the key that would sign JWT-SVIDs is not in the trust bundle');
  return signer;
}

function lifeOf(
  { ttlSeconds = DEFAULT_JWT_TTL_SECONDS, notAfterMs = Number.POSITIVE_INFINITY }: JwtIssueRequest,
  nowMs: number,
): Result<Pick<JwtIssuance, 'issuedAtMs' | 'expiresAtMs'>, 'entry-ending'> {
  const ttl = Math.min(MAX_JWT_TTL_SECONDS, Math.max(MIN_JWT_TTL_SECONDS, Math.floor(ttlSeconds)));
  const issuedAt = Math.floor(nowMs / 1000);
  const expiresAt = Math.min(issuedAt + ttl, Math.floor(notAfterMs / 1000));
  if (expiresAt - issuedAt < MIN_JWT_TTL_SECONDS) return refuse('entry-ending');
  return accept({ issuedAtMs: issuedAt * 1000, expiresAtMs: expiresAt * 1000 });
}

/** JWT-SVID 3 and RFC 7519 4.1. A list of one stays a list, as in Kubernetes' and SPIRE's tokens, which every cloud reads. */
function claimsOf({ spiffeId, audience, expiresAtMs, issuedAtMs, tokenId }: JwtIssuance, issuer: string): object {
  return {
    iss: issuer,
    sub: spiffeId,
    aud: audience,
    exp: expiresAtMs / 1000,
    iat: issuedAtMs / 1000,
    jti: tokenId,
  };
}
