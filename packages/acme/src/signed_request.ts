/**
 * Requests as ACME signs them (RFC 8555 6.2 to 6.5): one flattened JWS, with its nonce, the URL that it is for, and either
 * the account's URL or the key itself in its protected header. What is wrong is one reason; nothing is believed before the
 * signature is verified.
 */
import { isPublicSigningKey, type JwsKey, type ParsedJws, parseJws, thumbprint, verifyParsedJws } from '@postern/keys';
import { accept, type Result, refuse } from '@postern/result';

/** What clients sign with; nobody needs more, and each is one more thing to verify wrongly. */
export const ACME_ALGORITHMS = ['ES256', 'ES384', 'EdDSA', 'RS256'] as const;
type AcmeAlgorithm = (typeof ACME_ALGORITHMS)[number];

/** A request of the largest CSR, in base64url twice over, with an RSA-4096 key and its signature. */
export const MAX_SIGNED_BYTES = 32 * 1024;
export const ACME_MEDIA_TYPE = 'application/jose+json';

export type Jwk = { readonly [name: string]: string };

export type SignedRequestReason = 'jws-form' | 'jws-header' | 'jws-algorithm' | 'jws-key' | 'jws-url' | 'jws-signature';

export interface SignedRequest {
  /** The same JWS in its compact form; what is kept of it, where it is. */
  readonly compact: string;
  readonly algorithm: AcmeAlgorithm;
  readonly url: string;
  /** Of the inner JWS of a key change, and of an account binding, there is none. */
  readonly nonce: string | undefined;
  /** One of the two. */
  readonly kid: string | undefined;
  readonly jwk: Jwk | undefined;
  /** UTF-8; empty of POST-as-GET. */
  readonly payload: Uint8Array;
  readonly parsed: ParsedJws;
}

/** RFC 7515 7.2.2: of `header` and `signatures` ACME has none (6.2). `value`: JSON, untrusted. */
export function compactOf(value: unknown): Result<string, 'jws-form'> {
  if (typeof value !== 'object' || value === null || Array.isArray(value)) return refuse('jws-form');
  const members = value as { readonly [name: string]: unknown };
  const { protected: header, payload, signature } = members;
  const isFlat = Object.keys(members).every((name) => ['protected', 'payload', 'signature'].includes(name));
  const parts = [header, payload, signature];
  if (!isFlat || !parts.every((part) => typeof part === 'string' && !part.includes('.'))) return refuse('jws-form');
  return accept(parts.join('.'));
}

/** `compact`: untrusted. Not verified yet: see `verifySigned`. */
export function readSigned(compact: string): Result<SignedRequest, SignedRequestReason> {
  const parsed = parseJws(compact, { maxBytes: MAX_SIGNED_BYTES });
  if (!parsed.ok) return refuse('jws-form', parsed.reason);
  const { header, payload } = parsed.value;
  const { alg, url, nonce, kid, jwk } = header as { readonly [member: string]: unknown };
  if (!isAcmeAlgorithm(alg)) return refuse('jws-algorithm');
  if (typeof url !== 'string') return refuse('jws-header', 'url');
  if (nonce !== undefined && typeof nonce !== 'string') return refuse('jws-header', 'nonce');
  // RFC 8555 6.2: one of them, and never both.
  if ((kid === undefined) === (jwk === undefined)) return refuse('jws-header', 'one of jwk and kid');
  if (kid !== undefined && typeof kid !== 'string') return refuse('jws-header', 'kid');
  // RFC 7797: a payload that is not encoded would be another signing input. `parseJws` refuses it by `crit`.
  if ('b64' in header) return refuse('jws-header', 'b64');
  if (jwk !== undefined && !isSigningJwk(jwk, alg)) return refuse('jws-key');
  return accept({ compact, algorithm: alg, url, nonce, kid, jwk, payload, parsed: parsed.value });
}

/** `key`: the request's own `jwk`, or that of the account which its `kid` names. */
export function verifySigned(request: SignedRequest, key: JwsKey): Result<void, 'jws-signature'> {
  const verified = verifyParsedJws(request.parsed, { algorithms: [request.algorithm], key: () => key });
  return verified.ok ? verified : refuse('jws-signature', verified.reason);
}

/** Its members of RFC 7638 alone: what else a client wrote beside them is no part of the key. */
export function publicMembers(jwk: Jwk): Jwk {
  const names = { EC: ['kty', 'crv', 'x', 'y'], RSA: ['kty', 'e', 'n'], OKP: ['kty', 'crv', 'x'] }[String(jwk['kty'])];
  return Object.fromEntries((names ?? []).map((name) => [name, String(jwk[name])]));
}

export const isSameKey = (a: Jwk, b: Jwk): boolean => thumbprint(a) === thumbprint(b);

function isSigningJwk(jwk: unknown, algorithm: AcmeAlgorithm): jwk is Jwk {
  return (
    typeof jwk === 'object' &&
    jwk !== null &&
    !Array.isArray(jwk) &&
    isPublicSigningKey(jwk as { readonly [name: string]: unknown }, algorithm)
  );
}

const isAcmeAlgorithm = (name: unknown): name is AcmeAlgorithm =>
  (ACME_ALGORITHMS as readonly unknown[]).includes(name);

/** `undefined` for what is no JSON object. */
export function payloadObject(payload: Uint8Array): { readonly [name: string]: unknown } | undefined {
  try {
    const value: unknown = JSON.parse(new TextDecoder('utf-8', { fatal: true }).decode(payload));
    return typeof value === 'object' && value !== null && !Array.isArray(value)
      ? (value as { readonly [name: string]: unknown })
      : undefined;
  } catch {
    return undefined;
  }
}
