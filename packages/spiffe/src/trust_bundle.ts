/** SPIFFE trust bundles as JWK Sets (Trust Domain and Bundle 4, X509-SVID 6, JWT-SVID 6). */
import { decodeBase64, encodeBase64 } from '@postern/der';
import { accept, type Result, refuse } from '@postern/result';
import { parseCertificate } from './certificate.ts';
import { isJsonObject, type JsonObject, parseJsonObject } from './json_object.ts';
import { isKnownKeyType, type PublicJwk, publicJwkFromSpki, publicMembersOf } from './public_jwk.ts';
import type { TrustDomain } from './trust_domain.ts';

export interface JwtAuthority {
  readonly keyId: string;
  /** Public members only: `kty` and what makes the key. */
  readonly jwk: { readonly [name: string]: unknown };
}

export interface TrustBundle {
  readonly trustDomain: TrustDomain;
  /** Grows with every change of content; below 2^53. */
  readonly sequence?: number;
  readonly refreshHintSeconds?: number;
  /** CA certificates, DER. None: no X.509-SVID of this trust domain is valid. */
  readonly x509Authorities: readonly Uint8Array[];
  /** None: no JWT-SVID of this trust domain is valid. Key ids are unique. */
  readonly jwtAuthorities: readonly JwtAuthority[];
}

export const MAX_BUNDLE_BYTES = 1024 * 1024;
const MAX_KEYS = 1000;
const MAX_KEY_ID_LENGTH = 512;

export type BundleReason =
  | 'bundle-too-large'
  | 'bundle-malformed'
  | 'bundle-keys-absent'
  | 'bundle-sequence'
  | 'bundle-refresh-hint'
  | 'bundle-key';

/**
 * Reads a bundle: whoever can slip a key in here is every workload of that trust domain. `text`: untrusted, at most
 * `MAX_BUNDLE_BYTES`; `trustDomain`: from configuration, never from the document. JWKs of an unknown use or type, and
 * X.509 ones without a certificate, are ignored and the rest counts (4.2.1, 4.2.2, X509-SVID 6.2). Refusals:
 * `bundle-malformed` (no JSON object, or a member named twice), `bundle-keys-absent` (none, or more than 1,000),
 * `bundle-sequence`, `bundle-refresh-hint`, and `bundle-key` for a key of ours that cannot be read: a document damaged in
 * one place is not believed in another, and its reader keeps the bundle it has.
 */
export function parseTrustBundle(text: string, trustDomain: TrustDomain): Result<TrustBundle, BundleReason> {
  if (text.length > MAX_BUNDLE_BYTES) return refuse('bundle-too-large', `${text.length} characters`);
  const document = parseJsonObject(text);
  if (!document.ok) return refuse('bundle-malformed', document.reason);
  const { keys, spiffe_sequence: sequence, spiffe_refresh_hint: hint } = document.value;
  if (!Array.isArray(keys) || keys.length > MAX_KEYS) return refuse('bundle-keys-absent');
  if (sequence !== undefined && !isCount(sequence)) return refuse('bundle-sequence');
  if (hint !== undefined && !isCount(hint)) return refuse('bundle-refresh-hint');
  const x509Authorities: Uint8Array[] = [];
  const jwtAuthorities = new Map<string, JwtAuthority>();
  for (const jwk of keys) {
    if (!isJsonObject(jwk) || !isKnownKeyType(jwk['kty'])) continue;
    if (jwk['use'] === 'x509-svid') {
      const certificate = readX509Authority(jwk);
      if (!certificate.ok) return certificate;
      if (certificate.value !== undefined) x509Authorities.push(certificate.value);
    } else if (jwk['use'] === 'jwt-svid') {
      const authority = readJwtAuthority(jwk);
      if (!authority.ok) return authority;
      // Two keys under one id: which one verifies would be the reader's choice.
      if (jwtAuthorities.has(authority.value.keyId)) return refuse('bundle-key', 'kid twice');
      jwtAuthorities.set(authority.value.keyId, authority.value);
    }
  }
  return accept({
    trustDomain,
    ...(sequence === undefined ? {} : { sequence }),
    ...(hint === undefined ? {} : { refreshHintSeconds: hint }),
    x509Authorities,
    jwtAuthorities: [...jwtAuthorities.values()],
  });
}

const isCount = (value: unknown): value is number => Number.isSafeInteger(value) && (value as number) >= 0;

/** X509-SVID 6.2: an entry without `x5c` is ignored, and so are all but the first of its certificates. */
function readX509Authority(jwk: JsonObject): Result<Uint8Array | undefined, 'bundle-key'> {
  const x5c = jwk['x5c'];
  if (x5c === undefined || (Array.isArray(x5c) && x5c.length === 0)) return accept(undefined);
  if (!Array.isArray(x5c) || typeof x5c[0] !== 'string') return refuse('bundle-key', 'x5c');
  const der = decodeBase64(x5c[0]);
  if (!der.ok) return refuse('bundle-key', 'x5c: base64');
  const certificate = parseCertificate(der.value);
  return certificate.ok ? accept(der.value) : refuse('bundle-key', `x5c: ${certificate.detail ?? certificate.reason}`);
}

/** JWT-SVID 6.1: `kid` is there. */
function readJwtAuthority(jwk: JsonObject): Result<JwtAuthority, 'bundle-key'> {
  const keyId = jwk['kid'];
  if (typeof keyId !== 'string' || keyId === '' || keyId.length > MAX_KEY_ID_LENGTH) return refuse('bundle-key', 'kid');
  const members = publicMembersOf(jwk);
  return members === undefined ? refuse('bundle-key', 'members of the key') : accept({ keyId, jwk: members });
}

/**
 * JSON text, with only those members that the standard defines (4.2): no `alg`, no `key_ops`, nothing private. The
 * bundle is our own: an authority that cannot be written is a fault and throws.
 */
export function formatTrustBundle(bundle: TrustBundle): string {
  return JSON.stringify({
    keys: [...bundle.x509Authorities.map(renderX509Authority), ...bundle.jwtAuthorities.map(renderJwtAuthority)],
    ...(bundle.sequence === undefined ? {} : { spiffe_sequence: bundle.sequence }),
    ...(bundle.refreshHintSeconds === undefined ? {} : { spiffe_refresh_hint: bundle.refreshHintSeconds }),
  });
}

type RenderedJwk = PublicJwk | { readonly x5c: readonly string[] };

/** X509-SVID 6.1: `x509-svid`, no `kid`, one certificate in base64. */
function renderX509Authority(der: Uint8Array): RenderedJwk {
  const certificate = parseCertificate(der);
  if (!certificate.ok) throw new TypeError(`an authority of the bundle cannot be read: ${certificate.detail}`);
  return { use: 'x509-svid', ...publicJwkFromSpki(certificate.value.spki), x5c: [encodeBase64(der)] };
}

function renderJwtAuthority({ keyId, jwk }: JwtAuthority): RenderedJwk {
  const members = publicMembersOf(jwk);
  if (members === undefined) throw new TypeError('a JWT authority of the bundle is no public key');
  return { use: 'jwt-svid', kid: keyId, ...members };
}
