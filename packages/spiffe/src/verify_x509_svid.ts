/** Path validation of X.509-SVIDs (RFC 5280 6.1 as X509-SVID 5 asks for it), pure: the signature check is a parameter. */
import { accept, type Result, refuse } from '@postern/result';
import { type AlgorithmIdentifier, type Certificate, type CertificateReason, equalBytes, parseCertificate } from './certificate.ts';
import type { SpiffeId } from './spiffe_id.ts';
import type { TrustBundle } from './trust_bundle.ts';
import { checkSigningCertificate, checkX509Svid, type X509SvidReason } from './x509_svid.ts';

/** `@postern/keys` implements it. Answers false for whatever cannot be verified. */
export type VerifySignature = (input: {
  readonly spki: Uint8Array;
  readonly algorithm: AlgorithmIdentifier;
  readonly message: Uint8Array;
  readonly signature: Uint8Array;
}) => boolean;

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

export const MAX_CHAIN = 4;
const DEFAULT_SKEW_MS = 60_000;
/** Signature checks per leaf: bounds the work that a crafted set of equally named issuers causes. */
const MAX_SIGNATURE_CHECKS = 16;

/** Every reason leaves the caller without an identity: there is no half-verified SVID. */
export function verifyX509Svid(input: X509SvidInput): Result<VerifiedX509Svid, X509SvidVerificationReason> {
  if (input.chain.length === 0) return refuse('svid-chain-empty');
  if (input.chain.length > MAX_CHAIN) return refuse('svid-chain-too-long');
  const chain: Certificate[] = [];
  for (const der of input.chain) {
    const certificate = parseCertificate(der);
    if (!certificate.ok) return certificate;
    chain.push(certificate.value);
  }
  const leaf = chain[0] as Certificate;
  const spiffeId = checkX509Svid(leaf);
  if (!spiffeId.ok) return spiffeId;
  const skewMs = input.skewMs ?? DEFAULT_SKEW_MS;
  if (input.nowMs > leaf.notAfterMs + skewMs) return refuse('svid-expired');
  if (input.nowMs < leaf.notBeforeMs - skewMs) return refuse('svid-not-yet-valid');
  const bundle = input.bundles.get(spiffeId.value.trustDomain);
  if (bundle === undefined) return refuse('trust-domain-unknown');

  const authorities = bundle.x509Authorities.flatMap((der) => {
    const authority = parseCertificate(der);
    return authority.ok ? [authority.value] : [];
  });
  const search = new PathSearch(input, spiffeId.value, authorities, [...chain.slice(1), ...(input.issuers ?? [])], skewMs);
  const path = search.from([leaf]);
  if (path === undefined) return refuse('svid-untrusted');
  return accept({
    spiffeId: spiffeId.value,
    serial: leaf.serial,
    leaf,
    path,
    notAfterMs: Math.min(...path.map((certificate) => certificate.notAfterMs)),
  });
}

class PathSearch {
  readonly #input: X509SvidInput;
  readonly #spiffeId: SpiffeId;
  readonly #authorities: readonly Certificate[];
  readonly #intermediates: readonly Certificate[];
  readonly #skewMs: number;
  #checks = 0;

  constructor(
    input: X509SvidInput,
    spiffeId: SpiffeId,
    authorities: readonly Certificate[],
    intermediates: readonly Certificate[],
    skewMs: number,
  ) {
    this.#input = input;
    this.#spiffeId = spiffeId;
    this.#authorities = authorities;
    this.#intermediates = intermediates;
    this.#skewMs = skewMs;
  }

  /** `path`: verified so far, leaf first. Answers the whole path to an authority. */
  from(path: readonly Certificate[]): readonly Certificate[] | undefined {
    const last = path[path.length - 1] as Certificate;
    for (const authority of this.#authorities) {
      if (this.#mayIssue(authority, last, path.length - 1) && this.#signed(authority, last)) return [...path, authority];
    }
    if (path.length >= MAX_CHAIN) return undefined;
    for (const intermediate of this.#intermediates) {
      if (path.includes(intermediate) || !this.#mayIssue(intermediate, last, path.length - 1)) continue;
      if (!this.#signed(intermediate, last)) continue;
      const whole = this.from([...path, intermediate]);
      if (whole !== undefined) return whole;
    }
    return undefined;
  }

  /** RFC 5280 6.1.3 and 6.1.4, but for the signature. `below`: intermediates under this issuer. */
  #mayIssue(issuer: Certificate, subject: Certificate, below: number): boolean {
    if (!equalBytes(issuer.subject, subject.issuer)) return false;
    if (subject.authorityKeyId !== undefined && issuer.subjectKeyId !== undefined) {
      if (subject.authorityKeyId !== issuer.subjectKeyId) return false;
    }
    if (!checkSigningCertificate(issuer).ok) return false;
    const { nowMs } = this.#input;
    if (nowMs > issuer.notAfterMs + this.#skewMs || nowMs < issuer.notBeforeMs - this.#skewMs) return false;
    const pathLength = issuer.basicConstraints?.pathLength;
    if (pathLength !== undefined && below > pathLength) return false;
    return isWithinConstraints(issuer, this.#spiffeId);
  }

  #signed(issuer: Certificate, subject: Certificate): boolean {
    this.#checks += 1;
    if (this.#checks > MAX_SIGNATURE_CHECKS) return false;
    const { signatureAlgorithm: algorithm, tbs: message, signature } = subject;
    return this.#input.verifySignature({ spki: issuer.spki, algorithm, message, signature });
  }
}

/** RFC 5280 4.2.1.10: a URI's host, exactly, or below a name that begins with a dot. Other kinds: refused, not ignored. */
function isWithinConstraints(issuer: Certificate, spiffeId: SpiffeId): boolean {
  const constraints = issuer.uriConstraints;
  if (constraints === undefined) return true;
  if (constraints.hasOtherKinds) return false;
  const matches = (base: string) =>
    base.startsWith('.') ? spiffeId.trustDomain.endsWith(base) : spiffeId.trustDomain === base;
  if (constraints.excluded.some(matches)) return false;
  return constraints.permitted.length === 0 || constraints.permitted.some(matches);
}
