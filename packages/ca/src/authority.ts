/**
 * Issues X.509-SVIDs: CSR checks → template → lint → record `begin` → sign → record `complete` → chain. An honest
 * authority signs nothing without its record: when `begin` cannot be made durable, nothing is signed; when the process
 * ends between the two, the open `begin` shows it.
 *
 * Cost: one signature by the issuer, two durable records; no KMS call with an ephemeral issuer.
 */
import { type Signer, SignerUnavailable } from '@postern/keys';
import { accept, type Result, refuse } from '@postern/result';
import { type Certificate, EKU_CLIENT_AUTH, EKU_SERVER_AUTH, type SpiffeId } from '@postern/spiffe';
import type { Clock } from '@postern/store';
import { createName, createTbsCertificate, keyIdOf } from './certificate_der.ts';
import { type CsrReason, parseCsr } from './csr.ts';
import { authorityKeyId, basicConstraints, extendedKeyUsage, keyUsage, noRevAvail, subjectAltName, subjectKeyId } from './extension_der.ts';
import { type LintReason, lintCertificate } from './lint.ts';
import { clampTtl, type LeafProfile } from './profile.ts';
import { createSerial } from './serial.ts';
import { signCertificate, x509AlgorithmOf } from './sign.ts';

/** A key that signs leaves, with the certificates that lead from it to the root (its own first, never the root). */
export interface Issuer {
  readonly signer: Signer;
  readonly certificate: Certificate;
  readonly chain: readonly Uint8Array[];
}

export interface Issuance {
  readonly spiffeId: string;
  readonly serial: string;
  readonly dnsNames: readonly string[];
  readonly keyThumbprint: string;
  readonly issuerKeyId: string;
  readonly notBeforeMs: number;
  readonly notAfterMs: number;
  /** SPIFFE ID of the agent, or what proved the identity. */
  readonly requester: string;
  readonly entryId?: string;
}

/** Durable when they resolve. `begin` throwing means that nothing is signed. */
export interface IssuanceAudit {
  begin(issuance: Issuance): Promise<void>;
  complete(issuance: Issuance): Promise<void>;
  failed(issuance: Issuance, reason: string): Promise<void>;
}

export interface IssueRequest {
  /** From the entry or the join token; never from the CSR. */
  readonly spiffeId: SpiffeId;
  readonly dnsNames: readonly string[];
  readonly ttlSeconds?: number;
  readonly profile: LeafProfile;
  /** DER, untrusted. */
  readonly csr: Uint8Array;
  readonly requester: string;
  readonly entryId?: string;
}

export interface IssuedCertificate extends Issuance {
  /** DER, leaf first, never the root. */
  readonly chain: readonly Uint8Array[];
}

export type IssueReason = CsrReason | LintReason | 'csr-extra-name' | 'issuer-life-too-short' | 'authority-unavailable';

export interface Authority {
  issueX509Svid(request: IssueRequest): Promise<Result<IssuedCertificate, IssueReason>>;
}

export function createAuthority(ports: {
  readonly issuer: () => Promise<Issuer>;
  readonly audit: IssuanceAudit;
  readonly clock: Clock;
}): Authority {
  return {
    async issueX509Svid(request) {
      const csr = parseCsr(request.csr);
      if (!csr.ok) return csr;
      const hasOnlyGranted =
        csr.value.uris.every((uri) => uri === request.spiffeId.uri) &&
        csr.value.dnsNames.every((name) => request.dnsNames.includes(name));
      if (!hasOnlyGranted) return refuse('csr-extra-name');
      let issuer: Issuer;
      try {
        issuer = await ports.issuer();
      } catch (fault) {
        if (fault instanceof SignerUnavailable) return refuse('authority-unavailable');
        throw fault;
      }
      const nowMs = ports.clock.nowMs();
      const ttlMs = clampTtl(request.profile, request.ttlSeconds) * 1000;
      const notAfterMs = wholeSeconds(Math.min(nowMs + ttlMs, issuer.certificate.notAfterMs));
      if (notAfterMs - nowMs < request.profile.minTtlSeconds * 1000) return refuse('issuer-life-too-short');

      const serial = createSerial();
      const notBeforeMs = wholeSeconds(nowMs - request.profile.backdateSeconds * 1000);
      const tbs = leafTbs(request, csr.value.spki, issuer, { serial, notBeforeMs, notAfterMs });
      const linted = lintCertificate('leaf', tbs, x509AlgorithmOf(issuer.signer), issuer.certificate);
      if (!linted.ok) return linted;

      const issuance: Issuance = {
        spiffeId: request.spiffeId.uri,
        serial: Buffer.from(serial).toString('hex'),
        dnsNames: request.dnsNames,
        keyThumbprint: csr.value.keyThumbprint,
        issuerKeyId: issuer.certificate.subjectKeyId as string,
        notBeforeMs,
        notAfterMs,
        requester: request.requester,
        ...(request.entryId === undefined ? {} : { entryId: request.entryId }),
      };
      await ports.audit.begin(issuance);
      let leaf: Uint8Array;
      try {
        leaf = await signCertificate(linted.value, issuer.signer);
      } catch (fault) {
        const isUnavailable = fault instanceof SignerUnavailable;
        await ports.audit.failed(issuance, isUnavailable ? 'authority-unavailable' : 'signer-fault');
        if (isUnavailable) return refuse('authority-unavailable');
        throw fault;
      }
      await ports.audit.complete(issuance);
      return accept({ ...issuance, chain: [leaf, ...issuer.chain] });
    },
  };
}

function leafTbs(
  request: IssueRequest,
  spki: Uint8Array,
  issuer: Issuer,
  fields: { readonly serial: Uint8Array; readonly notBeforeMs: number; readonly notAfterMs: number },
): Uint8Array {
  const extensions = [
    basicConstraints({ isCa: false }),
    keyUsage('digitalSignature'),
    extendedKeyUsage(EKU_SERVER_AUTH, EKU_CLIENT_AUTH),
    subjectAltName({ uris: [request.spiffeId.uri], dnsNames: request.dnsNames }),
    subjectKeyId(keyIdOf(spki)),
    authorityKeyId(Buffer.from(issuer.certificate.subjectKeyId ?? '', 'hex')),
  ];
  if (request.profile.noRevAvail) extensions.push(noRevAvail());
  return createTbsCertificate({
    ...fields,
    issuer: issuer.certificate.subject,
    subject: createName(),
    spki,
    signatureAlgorithm: x509AlgorithmOf(issuer.signer),
    extensions,
  });
}

/** Certificates know seconds only: what is recorded is what is in them. */
function wholeSeconds(ms: number): number {
  return Math.floor(ms / 1000) * 1000;
}
