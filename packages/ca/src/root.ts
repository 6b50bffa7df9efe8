/** Certificates of authorities: the root, and the issuers it certifies. */
import { readSpki, type Signer } from '@postern/keys';
import { type Certificate, parseCertificate, type TrustDomain, trustDomainId } from '@postern/spiffe';
import { createName, createTbsCertificate, keyIdOf } from './certificate_der.ts';
import { checkCsrKey } from './csr_key.ts';
import { isLdhName } from './dns_name.ts';
import {
  authorityKeyId,
  basicConstraints,
  keyUsage,
  subjectAltName,
  subjectKeyId,
  uriNameConstraint,
} from './extension_der.ts';
import { lintCertificate } from './lint.ts';
import type { CertificateKind } from './lints.ts';
import { EPHEMERAL_ISSUER_SECONDS, ROOT_SECONDS } from './profile.ts';
import { createSerial } from './serial.ts';
import { signCertificate, x509AlgorithmOf } from './sign.ts';

/** Clocks that are behind accept the certificate at once. */
const BACKDATE_MS = 60_000;

/**
 * Self-signed, DER; the caller keeps it, since each call answers another certificate of the same key. Cost: one use of
 * the root key. Throws `SignerUnavailable` as the signer does.
 */
export async function createRootCertificate(input: {
  readonly signer: Signer;
  readonly trustDomain: TrustDomain;
  readonly nowMs: number;
  /** Ten years unless said otherwise. */
  readonly lifeSeconds?: number;
  /** Which root it is, when not the first: two in one bundle have two names, for verifiers that look for them by name. */
  readonly generation?: number;
}): Promise<Uint8Array> {
  const number = (input.generation ?? 1) === 1 ? '' : ` ${input.generation}`;
  const name = createName(`Postern root${number} of ${input.trustDomain}`);
  return createAuthorityCertificate('root', {
    ...input,
    subject: name,
    issuerName: name,
    issuerKeyId: keyIdOf(input.signer.spki),
    spki: input.signer.spki,
    notAfterMs: input.nowMs + (input.lifeSeconds ?? ROOT_SECONDS) * 1000,
  });
}

/**
 * Certifies the key of an issuer: no further authority below it. Only the function that may use the root key calls this.
 * Cost: one use of the root key. Throws for a key that no issuer of ours would have, for a signer
 * that is not the root's, and `SignerUnavailable` as the signer does.
 */
export async function certifyIssuer(input: {
  readonly rootSigner: Signer;
  /** Of that key: its own certificate, or the one by which a company's authority made it an intermediate. */
  readonly root: Certificate;
  /** SubjectPublicKeyInfo of the issuer's key. */
  readonly spki: Uint8Array;
  readonly trustDomain: TrustDomain;
  readonly nowMs: number;
  /** That of an instance's own key unless said otherwise. */
  readonly lifeSeconds?: number;
  /** Says in the certificate too that it names this trust domain alone; off unless told (docs/decisions/0015). */
  readonly isNameConstrained?: boolean;
}): Promise<Uint8Array> {
  const algorithm = checkCsrKey(readSpki(input.spki));
  if (!algorithm.ok) throw new TypeError(`the issuer key is refused: ${algorithm.reason}`);
  if (Buffer.compare(input.rootSigner.spki, input.root.spki) !== 0) throw new Error('the signer is not the root key');
  if (Buffer.compare(input.spki, input.root.spki) === 0) throw new Error('an issuer has a key of its own');
  if (input.isNameConstrained) checkNameConstraint(input.trustDomain);
  const keyId = keyIdOf(input.spki);
  return createAuthorityCertificate('issuer', {
    signer: input.rootSigner,
    trustDomain: input.trustDomain,
    nowMs: input.nowMs,
    subject: createName(`Postern issuer ${Buffer.from(keyId).toString('hex').slice(0, 16)}`),
    issuerName: input.root.subject,
    issuerKeyId: Buffer.from(input.root.subjectKeyId ?? '', 'hex'),
    spki: input.spki,
    notAfterMs: Math.min(input.nowMs + (input.lifeSeconds ?? EPHEMERAL_ISSUER_SECONDS) * 1000, input.root.notAfterMs),
    issuer: input.root,
    isNameConstrained: input.isNameConstrained === true,
  });
}

/**
 * Throws for a trust domain that verifiers do not take for a host: Envoy refuses what a constraint with an underscore or
 * an address permits, and go-spiffe one with an address (docs/decisions/0015). Nobody could use what was issued.
 */
export function checkNameConstraint(trustDomain: TrustDomain): void {
  if (!isLdhName(trustDomain))
    throw new TypeError(`\`${trustDomain}\` is no host name: issuers cannot be constrained to it`);
}

async function createAuthorityCertificate(
  kind: CertificateKind,
  input: {
    readonly signer: Signer;
    readonly trustDomain: TrustDomain;
    readonly nowMs: number;
    readonly subject: Uint8Array;
    readonly issuerName: Uint8Array;
    readonly issuerKeyId: Uint8Array;
    readonly spki: Uint8Array;
    readonly notAfterMs: number;
    readonly issuer?: Certificate;
    readonly isNameConstrained?: boolean;
  },
): Promise<Uint8Array> {
  const signatureAlgorithm = x509AlgorithmOf(input.signer);
  const tbs = createTbsCertificate({
    serial: createSerial(),
    issuer: input.issuerName,
    subject: input.subject,
    notBeforeMs: Math.max(input.nowMs - BACKDATE_MS, input.issuer?.notBeforeMs ?? 0),
    notAfterMs: input.notAfterMs,
    spki: input.spki,
    signatureAlgorithm,
    extensions: [
      basicConstraints(kind === 'issuer' ? { isCa: true, pathLength: 0 } : { isCa: true }),
      keyUsage('keyCertSign', 'cRLSign'),
      // The authority carries the trust domain's own ID (SPIFFE-ID 3.1).
      subjectAltName({ uris: [trustDomainId(input.trustDomain).uri], dnsNames: [] }),
      subjectKeyId(keyIdOf(input.spki)),
      authorityKeyId(input.issuerKeyId),
      ...(input.isNameConstrained ? [uriNameConstraint(input.trustDomain)] : []),
    ],
  });
  const linted = lintCertificate(kind, tbs, signatureAlgorithm, input.issuer);
  if (!linted.ok) throw new Error(`an authority's certificate does not pass: ${linted.detail}`);
  return signCertificate(linted.value, input.signer);
}

/** Reads back a certificate of our own; a fault when it cannot be read. */
export function readOwnCertificate(der: Uint8Array): Certificate {
  const parsed = parseCertificate(der);
  if (!parsed.ok) throw new Error(`a certificate of our own cannot be read: ${parsed.detail ?? parsed.reason}`);
  return parsed.value;
}
