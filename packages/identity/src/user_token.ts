/** Bearer tokens of OpenID providers: JWT access tokens (RFC 9068) and, by configuration, ID tokens. */
import { hash } from 'node:crypto';
import { isSignatureAlgorithm, parseJws, verifyParsedJws } from '@postern/keys';
import { accept, type Result, refuse } from '@postern/result';
import { createDigestCache } from './digest_cache.ts';
import { findTokenKey, type TokenKeyReason } from './token_keys.ts';
import { checkUserClaims, type UserClaimsReason } from './user_claims.ts';
import type { TokenKeySet, UserIdentity, UserTokenIssuer } from './user_identity.ts';

/** A token with hundreds of groups has 6 KiB; larger ones do not fit common header limits either. */
export const MAX_USER_TOKEN_LENGTH = 8 * 1024;
const DEFAULT_SKEW_MS = 60_000;

export type UserTokenReason =
  | 'token-too-large'
  | 'token-malformed'
  | 'token-header'
  | 'token-issuer-unknown'
  | 'token-algorithm'
  | 'token-signature'
  | TokenKeyReason
  | UserClaimsReason;

export interface UserTokenInput {
  /** Those of the release; a token of any other issuer is refused before its signature is looked at. */
  readonly issuers: readonly UserTokenIssuer[];
  /** Live keys of one of them, as the feed delivered them. Never fetched from anything a token says. */
  readonly keysOf: (issuer: string) => TokenKeySet | undefined;
  readonly nowMs: number;
  /** 60 s when absent. */
  readonly skewMs?: number;
}

export interface UserTokenVerifier {
  /** As `verifyUserToken`; a token verified before costs a digest and the check of its claims. */
  verify(token: string, input: UserTokenInput): Result<UserIdentity, UserTokenReason>;
}

/**
 * Verifies one token and says who it names. Prevents identities that nobody vouched for: the algorithms are fixed per
 * issuer (RFC 8725 3.1; no `none`, no MAC with a public key), keys come only from the feed (a token that carries `jku`,
 * `x5u`, `jwk` or `x5c` is refused), the type is explicit (3.11), `crit` is refused. `token`: untrusted. Pure.
 */
export function verifyUserToken(token: string, input: UserTokenInput): Result<UserIdentity, UserTokenReason> {
  if (token.length > MAX_USER_TOKEN_LENGTH) return refuse('token-too-large');
  const verified = verifyTokenSignature(token, digestOf(token), input);
  return verified.ok ? checkClaims(verified.value, input) : verified;
}

/** `maxEntries`: verified tokens remembered, by digest. A signature is checked anew once its provider's keys change. */
export function createUserTokenVerifier(options: { readonly maxEntries: number }): UserTokenVerifier {
  const cache = createDigestCache<SignedToken>(options.maxEntries);
  return {
    verify(token, input) {
      if (token.length > MAX_USER_TOKEN_LENGTH) return refuse('token-too-large');
      const digest = digestOf(token);
      const known = cache.get(digest);
      if (known !== undefined && isStillSigned(known, input)) return checkClaims(known, input);
      const verified = verifyTokenSignature(token, digest, input);
      if (!verified.ok) return verified;
      const identity = checkClaims(verified.value, input);
      if (identity.ok) cache.set(digest, verified.value);
      return identity;
    },
  };
}

function digestOf(token: string): string {
  return hash('sha256', token, 'base64url');
}

/** A token whose signature is right, and what it was verified with. Its claims are checked at each use. */
interface SignedToken {
  readonly claims: { readonly [name: string]: unknown };
  readonly kind: 'access-token' | 'id-token';
  readonly issuer: UserTokenIssuer;
  readonly keys: TokenKeySet;
  readonly digest: string;
}

function isStillSigned(token: SignedToken, input: UserTokenInput): boolean {
  return input.issuers.includes(token.issuer) && input.keysOf(token.issuer.issuer) === token.keys;
}

function checkClaims(token: SignedToken, input: UserTokenInput): Result<UserIdentity, UserTokenReason> {
  const { issuer, kind, digest } = token;
  const skewMs = input.skewMs ?? DEFAULT_SKEW_MS;
  return checkUserClaims(token.claims, { issuer, kind, tokenDigest: digest, nowMs: input.nowMs, skewMs });
}

/** Header members that bring a key along, point to one, or change what is signed (RFC 7515 4.1, RFC 7797, RFC 8725). */
const REFUSED_HEADERS = ['jku', 'jwk', 'x5u', 'x5c', 'b64', 'zip', 'enc'] as const;

function verifyTokenSignature(
  token: string,
  digest: string,
  input: UserTokenInput,
): Result<SignedToken, UserTokenReason> {
  const parsed = parseJws(token, { maxBytes: MAX_USER_TOKEN_LENGTH });
  if (!parsed.ok) return refuse(parsed.reason === 'jws-critical' ? 'token-header' : 'token-malformed', parsed.reason);
  const { header, payload } = parsed.value;
  const claims = parseClaims(payload);
  if (claims === undefined) return refuse('token-malformed', 'claims');

  const issuer = input.issuers.find((candidate) => candidate.issuer === claims['iss']);
  if (issuer === undefined) return refuse('token-issuer-unknown');
  const carried = REFUSED_HEADERS.find((name) => Object.hasOwn(header, name));
  if (carried !== undefined) return refuse('token-header', carried);
  const kind = kindOf(header.typ);
  if (kind === undefined || !issuer.tokens.includes(kind)) return refuse('token-type');
  if (!issuer.algorithms.includes(header.alg) || !isSignatureAlgorithm(header.alg)) return refuse('token-algorithm');
  const keys = input.keysOf(issuer.issuer);
  if (keys === undefined) return refuse('token-keys-missing');
  const key = findTokenKey(keys, header);
  if (!key.ok) return key;
  const signed = verifyParsedJws(parsed.value, { algorithms: [header.alg], key: () => key.value });
  return signed.ok ? accept({ claims, kind, issuer, keys, digest }) : refuse('token-signature');
}

/** RFC 9068 2.1; an ID token has no type of its own: most providers write `JWT` or nothing. */
function kindOf(typ: unknown): 'access-token' | 'id-token' | undefined {
  if (typ === undefined) return 'id-token';
  if (typeof typ !== 'string') return undefined;
  const type = typ.toLowerCase().replace(/^application\//, '');
  return type === 'at+jwt' ? 'access-token' : type === 'jwt' ? 'id-token' : undefined;
}

function parseClaims(payload: Uint8Array): { readonly [name: string]: unknown } | undefined {
  try {
    const claims: unknown = JSON.parse(new TextDecoder('utf-8', { fatal: true }).decode(payload));
    const isObject = typeof claims === 'object' && claims !== null && !Array.isArray(claims);
    return isObject ? (claims as { readonly [name: string]: unknown }) : undefined;
  } catch {
    return undefined;
  }
}
