/**
 * Tokens of providers as proofs: a compact JWS by a key of a named issuer, for this deployment, now, and for nobody else.
 * Stricter than for users: a proof has one audience, an end, and an age.
 */
import { createHash } from 'node:crypto';
import { isSignatureAlgorithm, type ParsedJws, parseJws, verifyParsedJws } from '@postern/keys';
import { accept, type Result, refuse } from '@postern/result';
import { type JsonObject, parseJsonObjectBytes } from '@postern/spiffe';
import type { AttestationReason, AttestPorts } from './attestor.ts';
import { MAX_PROOF_AGE_SECONDS } from './attestor_instance.ts';

/** A service-account token has 1 KiB, a CI job's 2; above it nobody's claims are for us. */
export const MAX_PROOF_TOKEN_LENGTH = 16 * 1024;
const SKEW_MS = 60_000;
const DEFAULT_MAX_AGE_SECONDS = 3600;
/** RFC 7519 2, NumericDate; up to the year 9999, so that milliseconds stay exact. */
const MAX_NUMERIC_DATE = 253_402_300_800;

export interface ParsedToken {
  readonly jws: ParsedJws;
  /** Signed by somebody; nothing is verified. */
  readonly claims: JsonObject;
  /** Of what is signed: another spelling of the same signature is the same proof. */
  readonly id: string;
}

/** ID tokens and access tokens (RFC 9068 2.1); statements of other kinds (RFC 8725 3.11) are no proofs. */
const isTokenType = (typ: unknown): boolean =>
  typ === undefined || (typeof typ === 'string' && /^(?:application\/)?(?:at\+)?jwt$/i.test(typ));

export interface TokenTimes {
  /** Until when it could be shown to any instance, skew included. */
  readonly expiresAtMs: number;
}

/** Header members that bring a key along, point to one, or change what is signed (RFC 7515 4.1, RFC 7797, RFC 8725). */
const REFUSED_HEADERS = ['jku', 'jwk', 'x5u', 'x5c', 'b64', 'zip', 'enc'] as const;

/** `proof`: untrusted. Refused before any key is looked for: what is malformed, ambiguous, or brings a key along. */
export function parseToken(proof: string | undefined): Result<ParsedToken, AttestationReason> {
  if (proof === undefined || proof === '') return refuse('proof-missing');
  if (proof.length > MAX_PROOF_TOKEN_LENGTH) return refuse('token-too-large');
  const parsed = parseJws(proof, { maxBytes: MAX_PROOF_TOKEN_LENGTH });
  if (!parsed.ok) return refuse(parsed.reason === 'jws-critical' ? 'token-header' : 'token-malformed', parsed.reason);
  const { header, payload, signingInput } = parsed.value;
  const carried = REFUSED_HEADERS.find((name) => Object.hasOwn(header, name));
  if (carried !== undefined) return refuse('token-header', carried);
  if (!isTokenType(header.typ)) return refuse('token-header', 'typ');
  const claims = parseJsonObjectBytes(payload);
  if (!claims.ok) return refuse('token-malformed', claims.reason);
  const id = createHash('sha256').update(signingInput).digest('base64url');
  return accept({ jws: parsed.value, claims: claims.value, id });
}

/** The signature, by a key of `issuer`, of an algorithm on the instance's list: no `none`, no MAC with a public key. */
export async function verifyTokenSignature(
  { jws, claims }: ParsedToken,
  trust: { readonly issuer: string; readonly algorithms: readonly string[] },
  ports: Pick<AttestPorts, 'issuerKeys'>,
): Promise<Result<void, AttestationReason>> {
  if (claims['iss'] !== trust.issuer) return refuse('token-issuer');
  const { alg } = jws.header;
  if (!trust.algorithms.includes(alg) || !isSignatureAlgorithm(alg)) return refuse('token-algorithm');
  const key = await ports.issuerKeys.find(trust.issuer, jws.header);
  if (!key.ok) return key;
  const signed = verifyParsedJws(jws, { algorithms: [alg], key: () => key.value });
  return signed.ok ? accept(undefined) : refuse('token-signature');
}

/** `exp` and `iat` are required: without the first a proof lives for ever, without the second nobody knows its age. */
export function checkTokenTimes(
  claims: JsonObject,
  nowMs: number,
  maxAgeSeconds = DEFAULT_MAX_AGE_SECONDS,
): Result<TokenTimes, AttestationReason> {
  const { exp, iat, nbf = iat } = claims;
  if (!isNumericDate(exp)) return refuse('token-claims', 'exp');
  if (!isNumericDate(iat)) return refuse('token-claims', 'iat');
  if (!isNumericDate(nbf)) return refuse('token-claims', 'nbf');
  const oldestAtMs = (iat + maxAgeSeconds) * 1000 + SKEW_MS;
  if (exp * 1000 + SKEW_MS <= nowMs) return refuse('token-expired');
  if (Math.max(iat, nbf) * 1000 - SKEW_MS > nowMs) return refuse('token-not-yet-valid');
  if (oldestAtMs <= nowMs) return refuse('token-too-old');
  return accept({ expiresAtMs: Math.min(exp, iat + MAX_PROOF_AGE_SECONDS) * 1000 + SKEW_MS });
}

/** Exactly one audience: whoever else a token is for could show it here. */
export function audienceOf(claims: JsonObject): string | undefined {
  const { aud } = claims;
  const [audience, ...others] = Array.isArray(aud) ? (aud as unknown[]) : [aud];
  return typeof audience === 'string' && others.length === 0 ? audience : undefined;
}

/** What a token for one key only names: the deployment and the key's thumbprint (RFC 7638). */
export function boundAudience(audience: string, keyThumbprint: string): string {
  return `${audience}#${keyThumbprint}`;
}

/** Postern's own JWTs are never proofs: one identity of ours would make another. */
export function isOwnToken(claims: JsonObject, ports: Pick<AttestPorts, 'audience' | 'trustDomain'>): boolean {
  const { iss, sub } = claims;
  const ownId = `spiffe://${ports.trustDomain}`;
  const isOwnSubject = typeof sub === 'string' && (sub === ownId || sub.startsWith(`${ownId}/`));
  return isOwnSubject || (typeof iss === 'string' && (iss === ownId || originOf(iss) === ports.audience));
}

const originOf = (url: string) => (URL.canParse(url) ? new URL(url).origin : undefined);

function isNumericDate(value: unknown): value is number {
  return typeof value === 'number' && value >= 0 && value < MAX_NUMERIC_DATE;
}
