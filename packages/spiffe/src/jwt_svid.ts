/** JWT-SVIDs as text (JWT-SVID 2, 3, 5.1): read and held against the profile. Nothing here is verified. */
import { decodeBase64Url } from '@postern/der';
import { accept, type Result, refuse } from '@postern/result';
import { type JsonObject, parseJsonObjectBytes } from './json_object.ts';
import { parseSpiffeId, type SpiffeId } from './spiffe_id.ts';

/** JWT-SVID 2.1: these nine and no others, each with the keys it may be checked with (RFC 7518 3.1). */
export const JWT_SVID_ALGORITHMS = {
  RS256: { kty: 'RSA' },
  RS384: { kty: 'RSA' },
  RS512: { kty: 'RSA' },
  ES256: { kty: 'EC', crv: 'P-256' },
  ES384: { kty: 'EC', crv: 'P-384' },
  ES512: { kty: 'EC', crv: 'P-521' },
  PS256: { kty: 'RSA' },
  PS384: { kty: 'RSA' },
  PS512: { kty: 'RSA' },
} as const;

export type JwtSvidAlgorithm = keyof typeof JWT_SVID_ALGORITHMS;

export interface JwtSvid {
  readonly spiffeId: SpiffeId;
  /** At least one. */
  readonly audience: readonly string[];
  readonly expiresAtMs: number;
  readonly notBeforeMs?: number;
  readonly issuedAtMs?: number;
  /** All claims, for applications. */
  readonly claims: JsonObject;
  readonly algorithm: JwtSvidAlgorithm;
  readonly keyId: string;
  readonly signingInput: Uint8Array;
  /** Raw r ‖ s for ECDSA (RFC 7518 3.4). */
  readonly signature: Uint8Array;
}

/** More than any header or request field would carry. */
export const MAX_JWT_SVID_BYTES = 16 * 1024;
const MAX_AUDIENCES = 100;
/** The year 9999: beyond, a number is not a date. */
const MAX_NUMERIC_DATE = 253_402_300_799;

export type JwtSvidReason =
  | 'jwt-svid-too-large'
  | 'jwt-svid-malformed'
  | 'jwt-svid-header'
  | 'jwt-svid-algorithm'
  | 'jwt-svid-type'
  | 'jwt-svid-key-id'
  | 'jwt-svid-subject'
  | 'jwt-svid-audience'
  | 'jwt-svid-expiry'
  | 'jwt-svid-time';

/** JWT-SVID 2: another header (`jwk`, `jku`, `x5c`, `crit`) is an attempt to choose the key or the rules. */
const HEADERS: ReadonlySet<string> = new Set(['alg', 'kid', 'typ']);
/** JWT-SVID 2.3. */
const TYPES: ReadonlySet<unknown> = new Set(['JWT', 'JOSE']);

const encoder = new TextEncoder();

/**
 * Reads a token in compact serialization; the JSON serializations do not exist here (JWT-SVID 5.1). `token`: untrusted,
 * at most `MAX_JWT_SVID_BYTES`, ASCII. Refusals, header before claims, one per rule: `jwt-svid-malformed` (parts,
 * base64url, JSON, a member named twice), `-header` (another header than `alg`, `kid`, `typ`), `-algorithm`, `-type`,
 * `-key-id` (absent: without it every key of the bundle would have to be tried), `-subject` (no SPIFFE ID of a workload),
 * `-audience` (absent, empty, more than 100), `-expiry` (absent, no number), `-time` (`nbf` or `iat` is no number).
 */
export function parseJwtSvid(token: string): Result<JwtSvid, JwtSvidReason> {
  if (token.length > MAX_JWT_SVID_BYTES) return refuse('jwt-svid-too-large', `${token.length} characters`);
  const parts = token.split('.');
  if (parts.length !== 3) return refuse('jwt-svid-malformed', 'not three parts');
  const [headerText, claimsText, signatureText] = parts as [string, string, string];
  const header = readObject(headerText);
  if (!header.ok) return header;
  const checked = checkHeader(header.value);
  if (!checked.ok) return checked;
  const claims = readObject(claimsText);
  if (!claims.ok) return claims;
  const registered = readClaims(claims.value);
  if (!registered.ok) return registered;
  const signature = decodeBase64Url(signatureText);
  if (!signature.ok || signature.value.length === 0) return refuse('jwt-svid-malformed', 'signature');
  const signingInput = encoder.encode(`${headerText}.${claimsText}`);
  const { value: times } = registered;
  return accept({ ...times, ...checked.value, claims: claims.value, signingInput, signature: signature.value });
}

function readObject(text: string): Result<JsonObject, 'jwt-svid-malformed'> {
  const bytes = decodeBase64Url(text);
  if (!bytes.ok) return refuse('jwt-svid-malformed', 'base64url');
  const object = parseJsonObjectBytes(bytes.value);
  return object.ok ? object : refuse('jwt-svid-malformed', object.reason);
}

function checkHeader(header: JsonObject): Result<Pick<JwtSvid, 'algorithm' | 'keyId'>, JwtSvidReason> {
  const { alg, kid, typ } = header;
  if (!isJwtSvidAlgorithm(alg)) return refuse('jwt-svid-algorithm');
  if (Object.keys(header).some((name) => !HEADERS.has(name))) return refuse('jwt-svid-header');
  if (typ !== undefined && !TYPES.has(typ)) return refuse('jwt-svid-type');
  if (typeof kid !== 'string' || kid === '') return refuse('jwt-svid-key-id');
  return accept({ algorithm: alg, keyId: kid });
}

function isJwtSvidAlgorithm(name: unknown): name is JwtSvidAlgorithm {
  return typeof name === 'string' && Object.hasOwn(JWT_SVID_ALGORITHMS, name);
}

type RegisteredClaims = Pick<JwtSvid, 'spiffeId' | 'audience' | 'expiresAtMs' | 'notBeforeMs' | 'issuedAtMs'>;

function readClaims(claims: JsonObject): Result<RegisteredClaims, JwtSvidReason> {
  const { sub, aud, exp, nbf, iat } = claims;
  if (typeof sub !== 'string') return refuse('jwt-svid-subject', 'absent');
  const spiffeId = parseSpiffeId(sub);
  if (!spiffeId.ok) return refuse('jwt-svid-subject', spiffeId.reason);
  if (spiffeId.value.path === '') return refuse('jwt-svid-subject', 'no path');
  const audience = typeof aud === 'string' ? [aud] : aud;
  if (!isAudience(audience)) return refuse('jwt-svid-audience');
  if (!isNumericDate(exp)) return refuse('jwt-svid-expiry');
  if (nbf !== undefined && !isNumericDate(nbf)) return refuse('jwt-svid-time', 'nbf');
  if (iat !== undefined && !isNumericDate(iat)) return refuse('jwt-svid-time', 'iat');
  return accept({
    spiffeId: spiffeId.value,
    audience,
    expiresAtMs: exp * 1000,
    ...(nbf === undefined ? {} : { notBeforeMs: nbf * 1000 }),
    ...(iat === undefined ? {} : { issuedAtMs: iat * 1000 }),
  });
}

function isAudience(value: unknown): value is readonly string[] {
  if (!Array.isArray(value) || value.length === 0 || value.length > MAX_AUDIENCES) return false;
  return value.every((name) => typeof name === 'string' && name !== '');
}

/** RFC 7519 2: seconds since the epoch, fractions allowed. */
function isNumericDate(value: unknown): value is number {
  return typeof value === 'number' && value >= 0 && value <= MAX_NUMERIC_DATE;
}
