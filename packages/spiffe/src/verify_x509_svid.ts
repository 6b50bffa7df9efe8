/** Verification of X.509-SVIDs (X509-SVID 5): the profile, then a path to an authority of the ID's own trust domain. */
import { accept, type Result, refuse } from '@postern/result';
import { type Certificate, type CertificateReason, parseCertificate } from './certificate.ts';
import { checkValidity, findCertificationPath, MAX_CHAIN, type VerifySignature } from './certification_path.ts';
import type { SpiffeId } from './spiffe_id.ts';
import type { TrustBundle } from './trust_bundle.ts';
import { checkX509Svid, type X509SvidReason } from './x509_svid.ts';

export interface X509SvidInput {
  /** DER, leaf first, then intermediates as the peer sent them; untrusted, at most `MAX_CHAIN`. */
  readonly chain: readonly Uint8Array[];
  /** Trust domain name → bundle; only the one of the leaf's own trust domain is used. */
  readonly bundles: ReadonlyMap<string, TrustBundle>;
  /** Issuers known from elsewhere (the feed), since proxies pass on the leaf alone. Not trusted by being here. */
  readonly issuers?: readonly Certificate[];
  readonly nowMs: number;
  /** Clocks may differ by this much; 60 s unless said otherwise. */
  readonly skewMs?: number;
  readonly verifySignature: VerifySignature;
}

export interface VerifiedX509Svid {
  readonly spiffeId: SpiffeId;
  /** Lower-case hex. */
  readonly serial: string;
  readonly leaf: Certificate;
  /** From the leaf to the authority. */
  readonly path: readonly Certificate[];
  /** Earliest end of any certificate on the path. */
  readonly notAfterMs: number;
}

export type X509SvidVerificationReason =
  | CertificateReason
  | X509SvidReason
  | 'svid-chain-empty'
  | 'svid-chain-too-long'
  | 'svid-expired'
  | 'svid-not-yet-valid'
  | 'trust-domain-unknown'
  | 'svid-untrusted';

const DEFAULT_SKEW_MS = 60_000;

/**
 * Who a certificate speaks for, or why nobody (X509-SVID 5, RFC 5280 6.1). Every reason leaves the caller without an
 * identity: there is no half-verified SVID. An authority of another trust domain never vouches for this one's IDs.
 * `detail` of `svid-untrusted` is the `CertificationPathReason`, that of the others the field or rule. Cost: at most 16
 * signature checks; possession of the key is for the TLS stack to prove, revocation for the caller to look up.
 */
export function verifyX509Svid(input: X509SvidInput): Result<VerifiedX509Svid, X509SvidVerificationReason> {
  const { nowMs, verifySignature, skewMs = DEFAULT_SKEW_MS } = input;
  if (input.chain.length === 0) return refuse('svid-chain-empty');
  if (input.chain.length > MAX_CHAIN) return refuse('svid-chain-too-long', `${input.chain.length} certificates`);
  const chain: Certificate[] = [];
  for (const der of input.chain) {
    const certificate = parseCertificate(der);
    if (!certificate.ok) return certificate;
    chain.push(certificate.value);
  }
  const leaf = chain[0] as Certificate;
  const spiffeId = checkX509Svid(leaf);
  if (!spiffeId.ok) return spiffeId;
  const validity = checkValidity(leaf, nowMs, skewMs);
  if (!validity.ok) return refuse(`svid-${validity.reason}`);
  const bundle = input.bundles.get(spiffeId.value.trustDomain);
  // A bundle under another's name is a fault of wiring that must not become trust.
  if (bundle?.trustDomain !== spiffeId.value.trustDomain) return refuse('trust-domain-unknown');

  const authorities = authoritiesOf(bundle);
  const intermediates = [...chain.slice(1), ...(input.issuers ?? [])];
  const path = findCertificationPath({ leaf, authorities, intermediates, nowMs, skewMs, verifySignature });
  if (!path.ok) return refuse('svid-untrusted', path.reason);
  return accept({
    spiffeId: spiffeId.value,
    serial: leaf.serial,
    leaf,
    path: path.value,
    notAfterMs: Math.min(...path.value.map((certificate) => certificate.notAfterMs)),
  });
}

/** Bundles do not change, so each is read once and not with every certificate it vouches for. */
const AUTHORITIES = new WeakMap<TrustBundle, readonly Certificate[]>();

/** An authority that cannot be read vouches for nobody. */
function authoritiesOf(bundle: TrustBundle): readonly Certificate[] {
  const known = AUTHORITIES.get(bundle);
  if (known !== undefined) return known;
  const authorities = bundle.x509Authorities.flatMap((der) => {
    const authority = parseCertificate(der);
    return authority.ok ? [authority.value] : [];
  });
  AUTHORITIES.set(bundle, authorities);
  return authorities;
}
