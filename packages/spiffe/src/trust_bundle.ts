/** SPIFFE trust bundles as JWK Sets (Trust Domain and Bundle 4, X509-SVID 6, JWT-SVID 6). */
import { decodeBase64, encodeBase64, encodeBase64Url } from '@postern/der';
import { accept, type Result, refuse } from '@postern/result';
import { parseCertificate } from './certificate.ts';
import { publicKeyMembers } from './jwk_members.ts';
import type { TrustDomain } from './trust_domain.ts';

export interface JwtAuthority {
  readonly keyId: string;
  /** Public members only. */
  readonly jwk: { readonly [name: string]: unknown };
}

export interface TrustBundle {
  readonly trustDomain: TrustDomain;
  /** Grows with every change of content; below 2^53. */
  readonly sequence?: number;
  readonly refreshHintSeconds?: number;
  /** CA certificates, DER. None: no X.509-SVID of this trust domain is valid. */
  readonly x509Authorities: readonly Uint8Array[];
  readonly jwtAuthorities: readonly JwtAuthority[];
}

export const MAX_BUNDLE_BYTES = 1024 * 1024;
const MAX_KEYS = 1000;

export type BundleReason = 'bundle-too-large' | 'bundle-malformed' | 'bundle-keys-absent' | 'bundle-sequence';

/**
 * `text`: untrusted; `trustDomain`: from configuration, never from the document. Keys of an unknown use or type, and
 * X.509 entries without a certificate, are passed over (4.2.2, X509-SVID 6.2); the rest counts.
 */
export function parseTrustBundle(text: string, trustDomain: TrustDomain): Result<TrustBundle, BundleReason> {
  if (text.length > MAX_BUNDLE_BYTES) return refuse('bundle-too-large');
  let document: { readonly [name: string]: unknown };
  try {
    document = JSON.parse(text);
  } catch {
    return refuse('bundle-malformed');
  }
  if (typeof document !== 'object' || document === null) return refuse('bundle-malformed');
  const { keys, spiffe_sequence: sequence, spiffe_refresh_hint: hint } = document;
  if (!Array.isArray(keys) || keys.length > MAX_KEYS) return refuse('bundle-keys-absent');
  if (sequence !== undefined && !isCount(sequence)) return refuse('bundle-sequence');
  const x509Authorities: Uint8Array[] = [];
  const jwtAuthorities: JwtAuthority[] = [];
  for (const key of keys) {
    if (typeof key !== 'object' || key === null || typeof key.kty !== 'string') continue;
    if (key.use === 'x509-svid') {
      const der = firstCertificate(key.x5c);
      if (der !== undefined) x509Authorities.push(der);
    } else if (key.use === 'jwt-svid' && typeof key.kid === 'string' && key.kid !== '') {
      jwtAuthorities.push({ keyId: key.kid, jwk: key });
    }
  }
  return accept({
    trustDomain,
    ...(isCount(sequence) ? { sequence } : {}),
    ...(isCount(hint) ? { refreshHintSeconds: hint } : {}),
    x509Authorities,
    jwtAuthorities,
  });
}

const isCount = (value: unknown): value is number => Number.isSafeInteger(value) && (value as number) >= 0;

/** X509-SVID 6.2: all but the first are ignored. */
function firstCertificate(x5c: unknown): Uint8Array | undefined {
  if (!Array.isArray(x5c) || typeof x5c[0] !== 'string') return undefined;
  const der = decodeBase64(x5c[0]);
  return der.ok && parseCertificate(der.value).ok ? der.value : undefined;
}

/** JSON text. Only members that the standard defines (4.2): no `alg`, no `key_ops`. */
export function formatTrustBundle(bundle: TrustBundle): string {
  const x509 = bundle.x509Authorities.map((der) => {
    const certificate = parseCertificate(der);
    if (!certificate.ok) throw new TypeError(`an authority of ${bundle.trustDomain} cannot be read: ${certificate.reason}`);
    return { use: 'x509-svid', ...publicKeyMembers(certificate.value.spki, encodeBase64Url), x5c: [encodeBase64(der)] };
  });
  const jwt = bundle.jwtAuthorities.map(({ keyId, jwk }) => ({ ...jwk, use: 'jwt-svid', kid: keyId }));
  return JSON.stringify({
    keys: [...x509, ...jwt],
    ...(bundle.sequence === undefined ? {} : { spiffe_sequence: bundle.sequence }),
    ...(bundle.refreshHintSeconds === undefined ? {} : { spiffe_refresh_hint: bundle.refreshHintSeconds }),
  });
}
