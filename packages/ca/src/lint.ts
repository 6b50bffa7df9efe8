/**
 * Lint before sign: every rule of the profile as a row, over the certificate as a reader will see it. What passes comes
 * back as a `LintedCertificate`, without which `signCertificate` does not type-check: nothing is signed unlinted.
 */
import { bitString, sequence } from '@postern/der';
import { accept, type Result, refuse } from '@postern/result';
import {
  type Certificate,
  checkSigningCertificate,
  checkX509Svid,
  EKU_CLIENT_AUTH,
  EKU_SERVER_AUTH,
  parseCertificate,
  parseSpiffeId,
} from '@postern/spiffe';
import { isLdhName } from './dns_name.ts';
import { MAX_NO_REV_AVAIL_SECONDS } from './profile.ts';

declare const brand: unique symbol;
/** A to-be-signed certificate that every lint of its kind accepted; good for one signature. */
export interface LintedCertificate {
  readonly tbs: Uint8Array;
  readonly signatureAlgorithm: Uint8Array;
  readonly certificate: Certificate;
  readonly [brand]: 'LintedCertificate';
}

export type CertificateKind = 'leaf' | 'issuer' | 'root';

interface Lint {
  /** Stable; named in records and tests. */
  readonly name: string;
  readonly source: string;
  readonly kinds: readonly CertificateKind[];
  readonly holds: (certificate: Certificate, issuer: Certificate | undefined) => boolean;
}

const ALL = ['leaf', 'issuer', 'root'] as const;
const lifeSeconds = (certificate: Certificate) => (certificate.notAfterMs - certificate.notBeforeMs) / 1000;

export const LINTS: readonly Lint[] = [
  { name: 'svid-profile', source: 'X509-SVID 2 to 4', kinds: ['leaf'], holds: (c) => checkX509Svid(c).ok },
  {
    name: 'signing-certificate-profile',
    source: 'X509-SVID 3.2, 4',
    kinds: ['issuer', 'root'],
    holds: (c) => checkSigningCertificate(c).ok,
  },
  {
    name: 'serial-entropy',
    source: 'x509.md P1',
    kinds: ALL,
    holds: (c) => c.serial.length >= 24 && c.serial.length <= 40,
  },
  { name: 'lifetime-positive', source: 'RFC 5280 4.1.2.5', kinds: ALL, holds: (c) => c.notAfterMs > c.notBeforeMs },
  {
    name: 'within-issuer-lifetime',
    source: 'x509.md P4',
    kinds: ['leaf', 'issuer'],
    holds: (c, issuer) => issuer !== undefined && c.notAfterMs <= issuer.notAfterMs,
  },
  {
    name: 'issuer-name',
    source: 'RFC 5280 4.1.2.4',
    kinds: ['leaf', 'issuer'],
    holds: (c, issuer) => issuer !== undefined && sameBytes(c.issuer, issuer.subject),
  },
  {
    name: 'authority-key-id',
    source: 'RFC 5280 4.2.1.1',
    kinds: ['leaf', 'issuer'],
    holds: (c, issuer) => issuer?.subjectKeyId !== undefined && c.authorityKeyId === issuer.subjectKeyId,
  },
  { name: 'subject-key-id', source: 'RFC 5280 4.2.1.2', kinds: ALL, holds: (c) => c.subjectKeyId !== undefined },
  {
    name: 'subject-not-empty',
    source: 'Linkerd refuses an empty Subject',
    kinds: ALL,
    holds: (c) => !c.isSubjectEmpty,
  },
  {
    name: 'basic-constraints-present',
    source: 'x509.md P3',
    kinds: ALL,
    holds: (c) => c.basicConstraints?.isCritical === true,
  },
  {
    name: 'path-length-zero',
    source: 'design, issuers',
    kinds: ['issuer'],
    holds: (c) => c.basicConstraints?.pathLength === 0,
  },
  {
    name: 'key-usage-only-digital-signature',
    source: 'x509.md P3',
    kinds: ['leaf'],
    holds: (c) => c.keyUsage?.usages.size === 1,
  },
  {
    name: 'extended-key-usage-both',
    source: 'X509-SVID 4.4',
    kinds: ['leaf'],
    holds: (c) =>
      c.extendedKeyUsage?.includes(EKU_SERVER_AUTH) === true && c.extendedKeyUsage.includes(EKU_CLIENT_AUTH),
  },
  {
    name: 'no-extended-key-usage-on-authority',
    source: 'X509-SVID 4.4',
    kinds: ['issuer', 'root'],
    holds: (c) => c.extendedKeyUsage === undefined,
  },
  {
    name: 'authority-has-trust-domain-id',
    source: 'SPIFFE-ID 3.1',
    kinds: ['issuer', 'root'],
    holds: (c) => c.subjectAltName?.uris.length === 1,
  },
  {
    name: 'same-trust-domain',
    source: 'X509-SVID 3.2',
    kinds: ['leaf', 'issuer'],
    holds: (c, issuer) =>
      issuer !== undefined && trustDomainOf(c) !== undefined && trustDomainOf(c) === trustDomainOf(issuer),
  },
  {
    name: 'self-issued',
    source: 'RFC 5280 3.2',
    kinds: ['root'],
    holds: (c) => sameBytes(c.issuer, c.subject) && c.authorityKeyId === c.subjectKeyId,
  },
  {
    name: 'dns-names-ldh',
    source: 'RFC 5280 4.2.1.6; a DNS name with `:` or `/` becomes a principal in Envoy',
    kinds: ALL,
    holds: (c) => (c.subjectAltName?.dnsNames ?? []).every(isLdhName),
  },
  {
    name: 'no-other-names',
    source: 'x509.md P6',
    kinds: ALL,
    holds: (c) =>
      (c.subjectAltName?.emails.length ?? 0) + (c.subjectAltName?.others ?? 0) + (c.subjectAltName?.ips.length ?? 0) ===
      0,
  },
  {
    name: 'no-rev-avail-alone',
    source: 'RFC 9608 4',
    kinds: ALL,
    holds: (c) => c.noRevAvail !== true || (c.hasCrlDistributionPoints !== true && c.hasOcsp !== true),
  },
  {
    name: 'no-rev-avail-short-lived',
    source: 'x509.md P9',
    kinds: ['leaf'],
    holds: (c) => c.noRevAvail !== true || lifeSeconds(c) <= MAX_NO_REV_AVAIL_SECONDS + 300,
  },
  {
    name: 'no-rev-avail-not-on-authority',
    source: 'RFC 9608 2',
    kinds: ['issuer', 'root'],
    holds: (c) => c.noRevAvail !== true,
  },
];

export type LintReason = 'lint-unreadable' | 'lint-failed';

/**
 * The only maker of a `LintedCertificate`. `tbs`: TBSCertificate, DER, of our own making; `signatureAlgorithm`: of the
 * key that will sign; `issuer`: absent for a root. `lint-unreadable`: a verifier could not read it; `lint-failed`: `detail`
 * names the lints. Either is a bug of ours: nothing from outside should get this far.
 */
export function lintCertificate(
  kind: CertificateKind,
  tbs: Uint8Array,
  signatureAlgorithm: Uint8Array,
  issuer: Certificate | undefined,
): Result<LintedCertificate, LintReason> {
  // Read as a verifier will read it, with an empty signature in place of the one to come.
  const parsed = parseCertificate(sequence(tbs, signatureAlgorithm, bitString(new Uint8Array())));
  if (!parsed.ok) return refuse('lint-unreadable', parsed.detail);
  const certificate = parsed.value;
  const failed = LINTS.filter((lint) => lint.kinds.includes(kind) && !lint.holds(certificate, issuer));
  if (failed.length > 0) return refuse('lint-failed', failed.map((lint) => lint.name).join(', '));
  return accept({ tbs, signatureAlgorithm, certificate } as LintedCertificate);
}

/** Of the one URI; a second one is another lint's finding. */
function trustDomainOf(certificate: Certificate): string | undefined {
  const id = parseSpiffeId(certificate.subjectAltName?.uris[0] ?? '');
  return id.ok ? id.value.trustDomain : undefined;
}

function sameBytes(a: Uint8Array, b: Uint8Array): boolean {
  return Buffer.compare(a, b) === 0;
}
