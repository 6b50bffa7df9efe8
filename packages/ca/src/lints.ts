/** Every rule of a certificate as a row: what it is called, where it comes from, for which certificates, and whether it holds. */
import { TAG } from '@postern/der';
import { algorithmOfX509Oid, algorithmRow } from '@postern/keys';
import {
  type Certificate,
  checkSigningCertificate,
  checkX509Svid,
  EKU_CLIENT_AUTH,
  EKU_SERVER_AUTH,
  isWithinConstraints,
  parseSpiffeId,
} from '@postern/spiffe';
import { createName, keyIdOf } from './certificate_der.ts';
import { isLdhName } from './dns_name.ts';
import { MAX_NO_REV_AVAIL_SECONDS } from './profile.ts';

/** `leaf`: an SVID; `server`: of a TLS server by DNS names alone, which is none. */
export type CertificateKind = 'leaf' | 'server' | 'issuer' | 'root';

interface Lint {
  /** Stable; named in records and tests. */
  readonly name: string;
  readonly source: string;
  readonly kinds: readonly CertificateKind[];
  readonly holds: (certificate: Certificate, issuer: Certificate | undefined) => boolean;
}

const LEAF_SUBJECT = createName();
/** How the SubjectPublicKeyInfo of each kind begins: P-256, P-384, Ed25519, and RSA behind a length of two octets. */
const KEY_KINDS = [
  { at: 0, octets: Buffer.from('3059301306072a8648ce3d020106082a8648ce3d03010703420004', 'hex') },
  { at: 0, octets: Buffer.from('3076301006072a8648ce3d020106052b8104002203620004', 'hex') },
  { at: 0, octets: Buffer.from('302a300506032b6570032100', 'hex') },
  { at: 4, octets: Buffer.from('300d06092a864886f70d0101010500', 'hex') },
];
const ALL = ['leaf', 'server', 'issuer', 'root'] as const;
const LEAVES = ['leaf', 'server'] as const;
const BELOW_ROOT = ['leaf', 'server', 'issuer'] as const;
const lifeSeconds = (certificate: Certificate) => (certificate.notAfterMs - certificate.notBeforeMs) / 1000;

export const LINTS: readonly Lint[] = [
  { name: 'svid-profile', source: 'X509-SVID 2 to 4', kinds: ['leaf'], holds: (c) => checkX509Svid(c).ok },
  {
    name: 'server-no-svid',
    source: 'decision 0019: what is no identity has no URI that could be read as one',
    kinds: ['server'],
    holds: ({ subjectAltName, basicConstraints, unknownCritical }) =>
      subjectAltName?.uris.length === 0 &&
      subjectAltName.dnsNames.length > 0 &&
      basicConstraints?.isCa === false &&
      unknownCritical.length === 0,
  },
  {
    name: 'server-key-usage',
    source: 'x509.md P3',
    kinds: ['server'],
    holds: ({ keyUsage }) => keyUsage?.isCritical === true && keyUsage.usages.has('digitalSignature'),
  },
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
    kinds: BELOW_ROOT,
    holds: (c, issuer) =>
      issuer !== undefined && c.notAfterMs <= issuer.notAfterMs && c.notBeforeMs >= issuer.notBeforeMs,
  },
  {
    name: 'issuer-name',
    source: 'RFC 5280 4.1.2.4',
    kinds: BELOW_ROOT,
    holds: (c, issuer) => issuer !== undefined && sameBytes(c.issuer, issuer.subject),
  },
  {
    name: 'authority-key-id',
    source: 'RFC 5280 4.2.1.1',
    kinds: BELOW_ROOT,
    holds: (c, issuer) => issuer?.subjectKeyId !== undefined && c.authorityKeyId === issuer.subjectKeyId,
  },
  {
    name: 'subject-key-id',
    source: 'RFC 5280 4.2.1.2 method 1, x509.md P3',
    kinds: ALL,
    holds: (c) => c.subjectKeyId === Buffer.from(keyIdOf(c.spki)).toString('hex'),
  },
  {
    name: 'signature-algorithm',
    source: 'RFC 5758 3.2, RFC 8410 3, RFC 4055 5; x509.md P2',
    kinds: ALL,
    holds: ({ signatureAlgorithm: { oid, parameters } }) => {
      const algorithm = algorithmOfX509Oid(oid);
      if (algorithm === undefined) return false;
      return algorithmRow(algorithm).keyType === 'RSA' ? isNull(parameters) : parameters === undefined;
    },
  },
  {
    name: 'subject-key-kind',
    source: 'RFC 5480 2, RFC 8410 4, RFC 3279 2.3.1; x509.md P2',
    kinds: ALL,
    holds: (c) => KEY_KINDS.some(({ at, octets }) => sameBytes(c.spki.subarray(at, at + octets.length), octets)),
  },
  {
    name: 'subject-not-empty',
    source: 'Linkerd refuses an empty Subject',
    kinds: ALL,
    holds: (c) => !c.isSubjectEmpty,
  },
  {
    name: 'subject-says-nothing',
    source: 'x509.md P6: no text of anybody else is ever in a Subject',
    kinds: LEAVES,
    holds: (c) => sameBytes(c.subject, LEAF_SUBJECT),
  },
  {
    name: 'subject-alt-name-not-critical',
    source: 'RFC 5280 4.2.1.6: critical exactly where the Subject is empty',
    kinds: ALL,
    holds: (c) => c.subjectAltName?.isCritical !== true,
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
    kinds: LEAVES,
    holds: (c) => c.keyUsage?.usages.size === 1,
  },
  {
    name: 'key-usage-only-signing',
    source: 'x509.md P3',
    kinds: ['issuer', 'root'],
    holds: ({ keyUsage }) =>
      keyUsage?.usages.size === 2 && keyUsage.usages.has('keyCertSign') && keyUsage.usages.has('cRLSign'),
  },
  {
    name: 'signer-may-certify',
    source: 'RFC 5280 4.2.1.3, 4.2.1.9',
    kinds: BELOW_ROOT,
    holds: (c, signer) => {
      if (signer?.basicConstraints?.isCa !== true || !signer.keyUsage?.usages.has('keyCertSign')) return false;
      return c.basicConstraints?.isCa !== true || (signer.basicConstraints.pathLength ?? 1) >= 1;
    },
  },
  {
    name: 'within-name-constraints',
    source: 'RFC 5280 4.2.1.10, x509.md P7',
    kinds: BELOW_ROOT,
    holds: ({ subjectAltName }, signer) =>
      signer?.uriConstraints === undefined || isWithinConstraints(signer.uriConstraints, subjectAltName?.uris ?? []),
  },
  {
    name: 'extended-key-usage-both',
    source: 'X509-SVID 4.4; these two and no other',
    kinds: ['leaf'],
    holds: ({ extendedKeyUsage = [] }) =>
      extendedKeyUsage.length === 2 &&
      extendedKeyUsage.includes(EKU_SERVER_AUTH) &&
      extendedKeyUsage.includes(EKU_CLIENT_AUTH),
  },
  {
    name: 'extended-key-usage-server',
    source: 'decision 0019: no client shows it, to a server that looks at nothing but the chain',
    kinds: ['server'],
    holds: ({ extendedKeyUsage = [] }) => extendedKeyUsage.length === 1 && extendedKeyUsage[0] === EKU_SERVER_AUTH,
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
    source: 'X509-SVID 3.2; what a company certified as its intermediate may be without an ID',
    kinds: ['leaf', 'issuer'],
    holds: (c, signer) => {
      const isNameless = c.basicConstraints?.isCa === true && (signer?.subjectAltName?.uris ?? []).length === 0;
      const trustDomain = trustDomainOf(c);
      return trustDomain !== undefined && signer !== undefined && (isNameless || trustDomain === trustDomainOf(signer));
    },
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
    source: 'RFC 9608 4; neither pkilint nor zlint looks for it',
    kinds: ALL,
    holds: (c) =>
      c.noRevAvail !== true || (c.hasCrlDistributionPoints !== true && c.hasFreshestCrl !== true && c.hasOcsp !== true),
  },
  {
    name: 'revocation-stated',
    source: 'x509.md P9: there are lists, or it is said that there are none',
    kinds: LEAVES,
    holds: (c) => c.noRevAvail === true || c.hasCrlDistributionPoints === true,
  },
  {
    name: 'no-rev-avail-short-lived',
    source: 'x509.md P9',
    kinds: LEAVES,
    holds: (c) => c.noRevAvail !== true || lifeSeconds(c) <= MAX_NO_REV_AVAIL_SECONDS + 300,
  },
  {
    name: 'no-rev-avail-not-on-authority',
    source: 'RFC 9608 2',
    kinds: ['issuer', 'root'],
    holds: (c) => c.noRevAvail !== true,
  },
];

/** Of the one URI; a second one is another lint's finding. */
function trustDomainOf(certificate: Certificate): string | undefined {
  const id = parseSpiffeId(certificate.subjectAltName?.uris[0] ?? '');
  return id.ok ? id.value.trustDomain : undefined;
}

function isNull(parameters: Uint8Array | undefined): boolean {
  return parameters?.length === 2 && parameters[0] === TAG.null && parameters[1] === 0;
}

function sameBytes(a: Uint8Array, b: Uint8Array): boolean {
  return Buffer.compare(a, b) === 0;
}
