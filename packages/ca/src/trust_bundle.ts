/** The trust domain's own bundle: what its SVIDs are verified with, by us and by whoever federates with us. */
import type { PublicJwk } from '@postern/keys';
import { checkSigningCertificate, parseSpiffeId, type TrustBundle, type TrustDomain } from '@postern/spiffe';
import { readOwnCertificate } from './root.ts';

/** Consumers poll this often (Federation 4.1): what is added is everywhere in minutes. */
export const REFRESH_HINT_SECONDS = 300;

export interface TrustBundleContent {
  readonly trustDomain: TrustDomain;
  /** Root certificates, DER; the one that signs last. None: no X.509-SVID is valid. */
  readonly roots: readonly Uint8Array[];
  /** Keys of JWT-SVIDs, each with its `kid`. */
  readonly jwtKeys: readonly PublicJwk[];
  readonly refreshHintSeconds?: number;
}

/**
 * `previous`: as published last; the sequence grows exactly when the content changes (Trust Domain and Bundle 4.1.2), so
 * that a consumer can tell a newer bundle from an older one. Throws for what must never be published: a root that may not
 * sign or that names another trust domain, a key without `kid`, two keys with one.
 */
export function createTrustBundle(content: TrustBundleContent, previous?: TrustBundle): TrustBundle {
  for (const der of content.roots) checkRoot(der, content.trustDomain);
  const keyIds = content.jwtKeys.map(({ kid }) => kid);
  if (keyIds.some((kid) => kid === undefined || kid === '') || new Set(keyIds).size !== keyIds.length)
    throw new TypeError('each key of a bundle has its own `kid`');
  const bundle = {
    trustDomain: content.trustDomain,
    refreshHintSeconds: content.refreshHintSeconds ?? REFRESH_HINT_SECONDS,
    x509Authorities: content.roots,
    jwtAuthorities: content.jwtKeys.map((jwk) => ({ keyId: jwk['kid'] as string, jwk })),
  };
  if (previous === undefined) return { ...bundle, sequence: 1 };
  if (previous.trustDomain !== bundle.trustDomain)
    throw new TypeError('the previous bundle is of another trust domain');
  const { sequence = 0 } = previous;
  return { ...bundle, sequence: fingerprint(bundle) === fingerprint(previous) ? sequence : sequence + 1 };
}

function checkRoot(der: Uint8Array, trustDomain: TrustDomain): void {
  const root = readOwnCertificate(der);
  const checked = checkSigningCertificate(root);
  if (!checked.ok) throw new TypeError(`a root of the bundle may not sign: ${checked.reason}`);
  const id = parseSpiffeId(root.subjectAltName?.uris[0] ?? '');
  if (!id.ok || id.value.trustDomain !== trustDomain)
    throw new TypeError('a root of the bundle is of another trust domain');
}

/** Everything but the sequence; two bundles with one fingerprint say the same. */
function fingerprint(bundle: TrustBundle): string {
  const roots = bundle.x509Authorities.map((der) => Buffer.from(der).toString('base64'));
  const keys = bundle.jwtAuthorities.map(({ keyId, jwk }) => [
    keyId,
    ...['kty', 'crv', 'x', 'y', 'n', 'e'].map((name) => jwk[name]),
  ]);
  return JSON.stringify([bundle.refreshHintSeconds, roots, keys]);
}
