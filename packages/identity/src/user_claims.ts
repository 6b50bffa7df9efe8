/** Claims of a token whose signature was verified → who the user is. RFC 9068 2.2 and 4, OpenID Connect Core 3.1.3.7. */
import { accept, type Result, refuse } from '@postern/result';
import type { UserIdentity, UserTokenIssuer } from './user_identity.ts';

export type UserClaimsReason =
  | 'token-claims'
  | 'token-type'
  | 'token-audience'
  | 'token-expired'
  | 'token-not-yet-valid'
  | 'token-bound';

/** OpenID Connect Core 2: at most 255 ASCII characters; some providers exceed it with URLs. */
const MAX_SUBJECT_LENGTH = 512;
const MAX_CLAIM_LENGTH = 256;
const MAX_AUDIENCES = 32;
const MAX_PROVIDER_GROUPS = 2000;
const MAX_AMR = 16;

type Claims = { readonly [name: string]: unknown };

/**
 * Checks the claims and maps them. Prevents use of a token meant for another audience, past or before its time, bound
 * to a key that a bearer does not show (RFC 9449 7.2, RFC 8705 3), and of a logout token as an identity.
 * `claims`: signed by `issuer`, otherwise untrusted. `kind`: as told by the header's `typ`.
 */
export function checkUserClaims(
  claims: Claims,
  input: {
    readonly issuer: UserTokenIssuer;
    readonly kind: 'access-token' | 'id-token';
    readonly tokenDigest: string;
    readonly nowMs: number;
    readonly skewMs: number;
  },
): Result<UserIdentity, UserClaimsReason> {
  const { issuer, kind, nowMs, skewMs } = input;
  if (claims['iss'] !== issuer.issuer) return refuse('token-claims', 'iss');
  if (claims['cnf'] !== undefined) return refuse('token-bound');
  // Back-channel logout 2.4 and RFC 8417: statements about a user, never made by one.
  if (claims['events'] !== undefined) return refuse('token-type', 'events');

  const audience = checkAudience(claims, issuer.audiences, kind);
  if (!audience.ok) return audience;
  const times = checkTimes(claims, nowMs, skewMs);
  if (!times.ok) return times;

  const subject = claims['sub'];
  if (!isText(subject, MAX_SUBJECT_LENGTH)) return refuse('token-claims', 'sub');
  const groups = mapGroups(issuer.groupsClaim === undefined ? undefined : claims[issuer.groupsClaim], issuer.groups);
  if (groups === undefined) return refuse('token-claims', 'groups');
  const amr = claims['amr'] ?? [];
  if (!isTexts(amr, MAX_AMR)) return refuse('token-claims', 'amr');
  const texts = checkTexts(claims, issuer.deviceClaim);
  if (!texts.ok) return texts;

  return accept({
    issuer: issuer.issuer,
    subject,
    groups,
    amr,
    ...times.value,
    ...texts.value,
    tokenDigest: input.tokenDigest,
  });
}

function checkAudience(
  claims: Claims,
  accepted: readonly string[],
  kind: 'access-token' | 'id-token',
): Result<void, 'token-claims' | 'token-audience'> {
  const { aud, azp } = claims;
  const audiences = typeof aud === 'string' ? [aud] : aud;
  if (!isTexts(audiences, MAX_AUDIENCES)) return refuse('token-claims', 'aud');
  if (!audiences.some((audience) => accepted.includes(audience))) return refuse('token-audience');
  if (kind === 'access-token') return accept(undefined);
  // An ID token made for several parties, or for another party than it names, is not ours to take (3.1.3.7, 4 and 5).
  if (azp === undefined ? audiences.length > 1 : !accepted.includes(azp as string))
    return refuse('token-audience', 'azp');
  return accept(undefined);
}

type Times = Pick<UserIdentity, 'issuedAtMs' | 'expiresAtMs' | 'authTimeMs'>;

/** `exp` and `iat` are required: without the first a token lives for ever, without the second no revocation reaches it. */
function checkTimes(
  claims: Claims,
  nowMs: number,
  skewMs: number,
): Result<Times, 'token-claims' | 'token-expired' | 'token-not-yet-valid'> {
  const { exp, iat, nbf, auth_time: authTime } = claims;
  if (!isNumericDate(exp)) return refuse('token-claims', 'exp');
  if (!isNumericDate(iat)) return refuse('token-claims', 'iat');
  if (nbf !== undefined && !isNumericDate(nbf)) return refuse('token-claims', 'nbf');
  if (authTime !== undefined && !isNumericDate(authTime)) return refuse('token-claims', 'auth_time');
  if (exp * 1000 + skewMs <= nowMs) return refuse('token-expired');
  if (Math.max(iat, nbf ?? 0) * 1000 - skewMs > nowMs) return refuse('token-not-yet-valid');
  // A sign-in that has yet to happen would look fresh for ever to a step-up rule.
  if (authTime !== undefined && authTime * 1000 - skewMs > nowMs) return refuse('token-not-yet-valid', 'auth_time');
  return accept({
    issuedAtMs: Math.floor(iat * 1000),
    expiresAtMs: Math.floor(exp * 1000),
    ...(authTime !== undefined && { authTimeMs: Math.floor(authTime * 1000) }),
  });
}

type Texts = Pick<UserIdentity, 'email' | 'acr' | 'deviceId' | 'tokenId' | 'sessionId'>;

function checkTexts(claims: Claims, deviceClaim: string | undefined): Result<Texts, 'token-claims'> {
  const { email, email_verified: isEmailVerified, acr, jti, sid } = claims;
  const deviceId = deviceClaim === undefined ? undefined : claims[deviceClaim];
  for (const [name, value] of Object.entries({ email, acr, jti, sid, deviceId })) {
    if (value !== undefined && !isText(value, MAX_CLAIM_LENGTH)) return refuse('token-claims', name);
  }
  return accept({
    ...(email !== undefined && isEmailVerified === true && { email: email as string }),
    ...(acr !== undefined && { acr: acr as string }),
    ...(deviceId !== undefined && { deviceId: deviceId as string }),
    ...(jti !== undefined && { tokenId: jti as string }),
    ...(sid !== undefined && { sessionId: sid as string }),
  });
}

/** `undefined` when the claim has another shape than a text or a list of texts. */
function mapGroups(
  claim: unknown,
  mapping: { readonly [providerGroup: string]: string },
): readonly string[] | undefined {
  const named = claim === undefined ? [] : typeof claim === 'string' ? [claim] : claim;
  if (!isTexts(named, MAX_PROVIDER_GROUPS)) return undefined;
  const groups = named.flatMap((name) => (Object.hasOwn(mapping, name) ? [mapping[name] as string] : []));
  return [...new Set(groups)].sort();
}

function isText(value: unknown, maxLength: number): value is string {
  return typeof value === 'string' && value.length > 0 && value.length <= maxLength && !/[\x00-\x1f\x7f]/.test(value);
}

function isTexts(value: unknown, maxCount: number): value is readonly string[] {
  return Array.isArray(value) && value.length <= maxCount && value.every((item) => isText(item, MAX_CLAIM_LENGTH * 2));
}

/** RFC 7519 2, NumericDate; up to the year 9999, so that milliseconds stay exact. */
function isNumericDate(value: unknown): value is number {
  return typeof value === 'number' && value >= 0 && value < 253_402_300_800;
}
