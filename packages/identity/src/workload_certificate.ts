/** Which workload calls: its leaf certificate, verified by us, since a proxy's word for it loses the SAN's type (X2). */
import { hash } from 'node:crypto';
import { verifyX509Signature } from '@postern/keys';
import { accept, type Result, refuse } from '@postern/result';
import {
  type Certificate,
  checkX509Svid,
  parseCertificate,
  parseSpiffeId,
  type TrustBundle,
  type VerifiedX509Svid,
  verifyX509Svid,
  type X509SvidVerificationReason,
} from '@postern/spiffe';
import { createDigestCache } from './digest_cache.ts';
import { isDistrusted, isRevoked, type Revocations } from './revocation.ts';

export interface WorkloadIdentity {
  readonly spiffeId: string;
  readonly trustDomain: string;
  readonly path: string;
  /** `certificate`: the leaf itself; `xfcc-certificate`: the leaf from a sanitised header; `xfcc-uri`: only its name. */
  readonly assurance: 'certificate' | 'xfcc-certificate' | 'xfcc-uri';
  /** Absent for `xfcc-uri`. */
  readonly serial?: string;
  /** Hex subject key id of the issuing certificate. */
  readonly issuerKeyId?: string;
  /** Earliest end of any certificate on the path; absent for `xfcc-uri`. */
  readonly notAfterMs?: number;
}

/** What a decision point knows of trust; the feed's `DecisionState` has it. */
export interface WorkloadTrust {
  /** Trust domain name → bundle. */
  readonly bundles: ReadonlyMap<string, TrustBundle>;
  /** Ephemeral issuers, since proxies pass on the leaf alone. */
  readonly issuers: readonly Certificate[];
  readonly revocations: Revocations;
}

export type WorkloadReason =
  | 'svid-malformed'
  | 'svid-not-an-svid'
  | 'svid-untrusted'
  | 'svid-expired'
  | 'svid-not-yet-valid'
  | 'svid-revoked';

export interface WorkloadVerifier {
  /**
   * Verifies a leaf, DER, untrusted. `assurance`: how it came here. `detail` of a refusal is the exact rule. A leaf
   * verified before costs a digest, a look-up and the revocation check.
   */
  verify(
    leaf: Uint8Array,
    assurance: 'certificate' | 'xfcc-certificate',
    trust: WorkloadTrust,
    nowMs: number,
  ): Result<WorkloadIdentity, WorkloadReason>;
  /** Takes a proxy's word for a name, where a service accepts that (`xfcc-uri`): a SPIFFE ID of a known trust domain. */
  acceptName(uri: string, trust: WorkloadTrust, nowMs: number): Result<WorkloadIdentity, WorkloadReason>;
}

/** Clocks may differ by this much. */
const SKEW_MS = 60_000;

/**
 * `maxEntries`: verified leaves remembered, by digest. `onUnknownAuthority`: told of a leaf, well-formed and in its time, of a
 * known trust domain whose authorities do not vouch for it; they may have been changed since.
 */
export function createWorkloadVerifier(options: {
  readonly maxEntries: number;
  readonly onUnknownAuthority?: ((trustDomain: string) => void) | undefined;
}): WorkloadVerifier {
  const cache = createDigestCache<Remembered>(options.maxEntries);
  function tellUnknownAuthority(leaf: Uint8Array): void {
    const certificate = parseCertificate(leaf);
    const id = certificate.ok ? checkX509Svid(certificate.value) : certificate;
    if (id.ok) options.onUnknownAuthority?.(id.value.trustDomain);
  }
  return {
    verify(leaf, assurance, trust, nowMs) {
      const digest = hash('sha256', leaf, 'base64url');
      let known = cache.get(digest);
      if (known === undefined || !isStillTrusted(known, trust, nowMs)) {
        const verified = verifyX509Svid({
          chain: [leaf],
          bundles: trust.bundles,
          issuers: trust.issuers,
          nowMs,
          skewMs: SKEW_MS,
          verifySignature: verifyX509Signature,
        });
        if (!verified.ok) {
          if (verified.reason === 'svid-untrusted') tellUnknownAuthority(leaf);
          return refuse(WORKLOAD_REASONS[verified.reason], verified.reason);
        }
        known = { svid: verified.value, bundle: trust.bundles.get(verified.value.spiffeId.trustDomain) };
        cache.set(digest, known);
      }
      const { svid } = known;
      if (isSvidRevoked(svid, trust.revocations, nowMs)) return refuse('svid-revoked');
      const { uri: spiffeId, trustDomain, path } = svid.spiffeId;
      const issuerKeyId = svid.path[1]?.subjectKeyId;
      return accept({
        spiffeId,
        trustDomain,
        path,
        assurance,
        serial: svid.serial,
        ...(issuerKeyId !== undefined && { issuerKeyId }),
        notAfterMs: svid.notAfterMs,
      });
    },

    acceptName(uri, trust, nowMs) {
      const id = parseSpiffeId(uri);
      if (!id.ok) return refuse('svid-not-an-svid', id.reason);
      const { trustDomain, path } = id.value;
      if (path === '') return refuse('svid-not-an-svid', 'svid-no-path');
      if (!trust.bundles.has(trustDomain)) return refuse('svid-untrusted', 'trust-domain-unknown');
      // Without a certificate nobody knows when it was issued: a revoked name stays revoked.
      if (isDistrusted(trust.revocations, `spiffe-id:${uri}`, nowMs)) return refuse('svid-revoked');
      return accept({ spiffeId: uri, trustDomain, path, assurance: 'xfcc-uri' });
    },
  };
}

interface Remembered {
  readonly svid: VerifiedX509Svid;
  readonly bundle: TrustBundle | undefined;
}

/** Nothing it was verified with has changed: neither the bundle nor an issuer on the path, nor has any of them expired. */
function isStillTrusted({ svid, bundle }: Remembered, trust: WorkloadTrust, nowMs: number): boolean {
  if (trust.bundles.get(svid.spiffeId.trustDomain) !== bundle) return false;
  if (nowMs > svid.notAfterMs + SKEW_MS || nowMs < svid.leaf.notBeforeMs - SKEW_MS) return false;
  return svid.path.slice(1, -1).every((issuer) => trust.issuers.includes(issuer));
}

function isSvidRevoked(svid: VerifiedX509Svid, revocations: Revocations, nowMs: number): boolean {
  if (revocations.size === 0) return false;
  if (isDistrusted(revocations, `svid:${svid.serial}`, nowMs)) return true;
  if (isRevoked(revocations, `spiffe-id:${svid.spiffeId.uri}`, svid.leaf.notBeforeMs, nowMs)) return true;
  return svid.path.some(
    (issuer, index) =>
      index > 0 &&
      issuer.subjectKeyId !== undefined &&
      isDistrusted(revocations, `issuer:${issuer.subjectKeyId}`, nowMs),
  );
}

/** Many rules, few things an operator does about them; the exact rule is the refusal's `detail`. */
const WORKLOAD_REASONS: { readonly [R in X509SvidVerificationReason]: WorkloadReason } = {
  'certificate-too-large': 'svid-malformed',
  'certificate-malformed': 'svid-malformed',
  'svid-chain-empty': 'svid-malformed',
  'svid-chain-too-long': 'svid-malformed',
  'svid-uri-count': 'svid-not-an-svid',
  'svid-spiffe-id': 'svid-not-an-svid',
  'svid-no-path': 'svid-not-an-svid',
  'svid-is-ca': 'svid-not-an-svid',
  'svid-key-usage': 'svid-not-an-svid',
  'svid-extended-key-usage': 'svid-not-an-svid',
  'svid-subject-alt-name': 'svid-not-an-svid',
  'svid-critical-extension': 'svid-not-an-svid',
  'svid-expired': 'svid-expired',
  'svid-not-yet-valid': 'svid-not-yet-valid',
  'trust-domain-unknown': 'svid-untrusted',
  'svid-untrusted': 'svid-untrusted',
};
