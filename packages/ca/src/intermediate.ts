/**
 * A company's own root above ours: our root key becomes an intermediate by the company's certificate for it. What comes in
 * is whatever their authority made of our request, so that it is checked as strictly as verifiers will, before anything
 * is signed below it: a chain that some of them refuse is an outage of everybody.
 */
import { verifyX509Signature } from '@postern/keys';
import { accept, type Result, refuse } from '@postern/result';
import {
  type Certificate,
  type CertificationPathReason,
  checkSigningCertificate,
  EKU_CLIENT_AUTH,
  EKU_SERVER_AUTH,
  findCertificationPath,
  parseCertificate,
  type TrustDomain,
  trustDomainId,
} from '@postern/spiffe';
import { KMS_ISSUER_SECONDS } from './profile.ts';

/** In the terms of `Generation`: what signs, what its chains carry besides, and what the bundle has. */
export interface Intermediate {
  /** DER of the company's certificate for our key. */
  readonly certificate: Uint8Array;
  /** DER, upwards from the one that signed it; without the root. Sent along with every SVID. */
  readonly chain: readonly Uint8Array[];
  /** DER of the company's root. */
  readonly anchors: readonly [Uint8Array];
  /** Earliest end of any of them. */
  readonly notAfterMs: number;
}

/**
 * `intermediate-malformed`: one cannot be read · `intermediate-count`: more than there can be · `intermediate-key`: none is
 * for our key, or two are · `intermediate-root`: no self-signed one to lead to, or of another trust domain ·
 * `intermediate-unused`: one is on no path from our certificate to the root · `intermediate-profile`: it may not sign
 * certificates and lists, or is marked in a way that verifiers refuse · `intermediate-trust-domain`: it bears another
 * SPIFFE ID than ours · `intermediate-path`: what would be issued below would be refused; `detail` is the verifier's reason,
 * such as `issuer-path-length` or `issuer-name-constraints` · `intermediate-life-too-short`.
 */
export type IntermediateReason =
  | 'intermediate-malformed'
  | 'intermediate-count'
  | 'intermediate-key'
  | 'intermediate-root'
  | 'intermediate-unused'
  | 'intermediate-profile'
  | 'intermediate-trust-domain'
  | 'intermediate-path'
  | 'intermediate-life-too-short';

/** Below ours there is an issuer and a leaf; what verifiers take in all leaves room for one between ours and the root. */
const MAX_CERTIFICATES = 3;
/** As everywhere: the company's clock may be ahead of ours by this much. */
const SKEW_MS = 60_000;
/** Whoever has less left has no time to renew it either. */
const MIN_LEFT_MS = 2 * KMS_ISSUER_SECONDS * 1000;

/**
 * Pure, no signature by our key. `certificates`: DER in any order, untrusted; the root among them is trusted from then on,
 * because the operator named it. `spki`: of our root key, from the key store.
 */
export function checkIntermediate(input: {
  readonly certificates: readonly Uint8Array[];
  readonly spki: Uint8Array;
  readonly trustDomain: TrustDomain;
  readonly nowMs: number;
}): Result<Intermediate, IntermediateReason> {
  const { certificates, spki, trustDomain, nowMs } = input;
  if (certificates.length > MAX_CERTIFICATES) return refuse('intermediate-count', `${certificates.length}`);
  const all: Certificate[] = [];
  for (const der of certificates) {
    const parsed = parseCertificate(der);
    if (!parsed.ok) return refuse('intermediate-malformed', parsed.detail ?? parsed.reason);
    all.push(parsed.value);
  }
  const forOurKey = all.filter((certificate) => Buffer.compare(certificate.spki, spki) === 0);
  const [ours] = forOurKey;
  if (ours === undefined || forOurKey.length > 1) return refuse('intermediate-key', `${forOurKey.length} certificates`);
  const root = all.find((certificate) => certificate !== ours && isSelfSigned(certificate));
  if (root === undefined) return refuse('intermediate-root', 'none is self-signed');

  const profile = checkProfile(ours);
  if (!profile.ok) return profile;
  for (const certificate of all) {
    const [id, ...more] = certificate.subjectAltName?.uris ?? [];
    const isOurs = (id === undefined || id === trustDomainId(trustDomain).uri) && more.length === 0;
    if (!isOurs) return refuse('intermediate-trust-domain', id);
  }
  const path = findPathBelow(ours, { all, root, trustDomain, nowMs });
  if (!path.ok) return refuse('intermediate-path', path.reason);
  if (path.value.length < all.length) return refuse('intermediate-unused');
  const notAfterMs = Math.min(...path.value.map((certificate) => certificate.notAfterMs));
  if (notAfterMs - nowMs < MIN_LEFT_MS) return refuse('intermediate-life-too-short');
  const between = path.value.slice(1, -1);
  // By it decision points find it in the feed.
  if (between.some(({ subjectKeyId }) => subjectKeyId === undefined))
    return refuse('intermediate-profile', 'no subject key id');
  const chain = between.map(({ der }) => der);
  return accept({ certificate: ours.der, chain, anchors: [root.der], notAfterMs });
}

/** What verifiers ask of it, and what we need of it ourselves. */
function checkProfile(ours: Certificate): Result<void, 'intermediate-profile'> {
  const checked = checkSigningCertificate(ours);
  if (!checked.ok) return refuse('intermediate-profile', checked.reason);
  if (!ours.keyUsage?.usages.has('cRLSign')) return refuse('intermediate-profile', 'no cRLSign');
  if (ours.subjectKeyId === undefined) return refuse('intermediate-profile', 'no subject key id');
  // RFC 9608 2.
  if (ours.noRevAvail === true) return refuse('intermediate-profile', 'noRevAvail');
  return accept(undefined);
}

/**
 * Whether a leaf by an issuer of ours would be believed: the verifier itself says so, of a leaf and an issuer as they will
 * be, whose signatures are taken for good. Answers the real ones of its path, ours first.
 */
function findPathBelow(
  ours: Certificate,
  given: {
    readonly all: readonly Certificate[];
    readonly root: Certificate;
    readonly trustDomain: TrustDomain;
    readonly nowMs: number;
  },
): Result<readonly Certificate[], CertificationPathReason> {
  const { all, root, trustDomain, nowMs } = given;
  const always = { notBeforeMs: 0, notAfterMs: Number.POSITIVE_INFINITY };
  const plain = { ...ours, ...always, uriConstraints: undefined, unknownCritical: [] };
  const { uri } = trustDomainId(trustDomain);
  const named = (id: string) => ({ isCritical: false, uris: [id], dnsNames: [], emails: [], ips: [], others: 0 });
  const issuer: Certificate = {
    ...plain,
    basicConstraints: { isCritical: true, isCa: true, pathLength: 0 },
    extendedKeyUsage: undefined,
    subjectAltName: named(uri),
    issuer: ours.subject,
    authorityKeyId: ours.subjectKeyId,
    subject: Uint8Array.of(1),
    subjectKeyId: 'issuer',
    tbs: new Uint8Array(),
  };
  const leaf: Certificate = {
    ...plain,
    basicConstraints: { isCritical: true, isCa: false },
    extendedKeyUsage: [EKU_SERVER_AUTH, EKU_CLIENT_AUTH],
    subjectAltName: named(`${uri}/workload`),
    issuer: issuer.subject,
    authorityKeyId: issuer.subjectKeyId,
    subject: Uint8Array.of(2),
    tbs: new Uint8Array(),
  };
  const path = findCertificationPath({
    leaf,
    authorities: [root],
    intermediates: [issuer, ...all.filter((certificate) => certificate !== root)],
    nowMs,
    skewMs: SKEW_MS,
    verifySignature: (check) => check.message.length === 0 || verifyX509Signature(check),
  });
  return path.ok ? accept(path.value.slice(2)) : path;
}

function isSelfSigned({ issuer, subject, spki, tbs: message, signature, signatureAlgorithm }: Certificate): boolean {
  const isSelfIssued = Buffer.compare(issuer, subject) === 0;
  return isSelfIssued && verifyX509Signature({ spki, algorithm: signatureAlgorithm, message, signature });
}
