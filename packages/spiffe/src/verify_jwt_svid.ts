/** Verification of JWT-SVIDs (JWT-SVID 4), pure: the signature check is a parameter. */
import { accept, type Result, refuse } from '@postern/result';
import {
  JWT_SVID_ALGORITHMS,
  type JwtSvid,
  type JwtSvidAlgorithm,
  type JwtSvidReason,
  parseJwtSvid,
} from './jwt_svid.ts';
import type { JwtAuthority, TrustBundle } from './trust_bundle.ts';

/** `@postern/keys` has what it takes. Answers false for whatever cannot be verified. */
export type VerifyJws = (input: {
  readonly algorithm: JwtSvidAlgorithm;
  /** From the bundle; its type and curve fit the algorithm. */
  readonly jwk: JwtAuthority['jwk'];
  readonly message: Uint8Array;
  /** Raw r ‖ s for ECDSA. */
  readonly signature: Uint8Array;
}) => boolean;

export interface JwtSvidOptions {
  /** The verifier's own name: one of the token's audiences must equal it. */
  readonly audience: string;
  /** Trust domain name → bundle; only the one of the subject's own trust domain is used. */
  readonly bundles: ReadonlyMap<string, TrustBundle>;
  readonly nowMs: number;
  /** Clocks may differ by this much; 60 s unless said otherwise. */
  readonly skewMs?: number;
  readonly verifyJws: VerifyJws;
}

export type JwtSvidVerificationReason =
  | JwtSvidReason
  | 'jwt-svid-audience-mismatch'
  | 'jwt-svid-expired'
  | 'jwt-svid-not-yet-valid'
  | 'trust-domain-unknown'
  | 'jwt-svid-key-unknown'
  | 'jwt-svid-signature';

const DEFAULT_SKEW_MS = 60_000;

/**
 * Who a token speaks for to `audience`, or why nobody. A token for another service is worth nothing here, so that a
 * service cannot replay what it was given (JWT-SVID 3.2, 7.2); a key of another trust domain never vouches for this one's
 * IDs (4). `token`: untrusted. The algorithm is refused before a key is looked for (2.1), and a key serves only the
 * algorithms of its type. Cost: at most one signature check, and none for a token that is refused otherwise.
 */
export function verifyJwtSvid(token: string, options: JwtSvidOptions): Result<JwtSvid, JwtSvidVerificationReason> {
  const { audience, nowMs, skewMs = DEFAULT_SKEW_MS } = options;
  const parsed = parseJwtSvid(token);
  if (!parsed.ok) return parsed;
  const svid = parsed.value;
  if (!svid.audience.includes(audience)) return refuse('jwt-svid-audience-mismatch');
  // RFC 7519 4.1.4: at its end a token is expired. Written so that a time that is no number is outside.
  if (!(nowMs < svid.expiresAtMs + skewMs)) return refuse('jwt-svid-expired');
  if (svid.notBeforeMs !== undefined && !(nowMs >= svid.notBeforeMs - skewMs)) return refuse('jwt-svid-not-yet-valid');
  const { trustDomain } = svid.spiffeId;
  const bundle = options.bundles.get(trustDomain);
  // A bundle under another's name is a fault of wiring that must not become trust.
  if (bundle?.trustDomain !== trustDomain) return refuse('trust-domain-unknown');
  const authority = bundle.jwtAuthorities.find(({ keyId }) => keyId === svid.keyId);
  if (authority === undefined) return refuse('jwt-svid-key-unknown');
  if (!fitsAlgorithm(authority.jwk, svid.algorithm)) return refuse('jwt-svid-key-unknown', 'of another type');
  const { algorithm, signingInput: message, signature } = svid;
  const isGenuine = options.verifyJws({ algorithm, jwk: authority.jwk, message, signature });
  return isGenuine ? accept(svid) : refuse('jwt-svid-signature');
}

/** RFC 8725 3.1: without this, whoever holds one kind of key could pass it off as another. */
function fitsAlgorithm(jwk: JwtAuthority['jwk'], algorithm: JwtSvidAlgorithm): boolean {
  return Object.entries(JWT_SVID_ALGORITHMS[algorithm]).every(([member, value]) => jwk[member] === value);
}
