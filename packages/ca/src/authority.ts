/**
 * Issues X.509-SVIDs: CSR checks → template → lint → record `begin` → sign → record `complete` → chain. An honest
 * authority signs nothing without its record: when `begin` cannot be made durable, nothing is signed; when the process
 * ends between the two, the open `begin` shows it.
 *
 * Cost: one signature by the issuer, two durable records; no KMS call with an ephemeral issuer, one with the profile's
 * issuer in KMS.
 */
import { createHash } from 'node:crypto';
import { type Signer, SignerUnavailable } from '@postern/keys';
import { accept, type Result, refuse } from '@postern/result';
import type { Certificate, SpiffeId } from '@postern/spiffe';
import type { Clock } from '@postern/store';
import { type CsrNamesReason, type CsrReason, checkCsrNames, parseCsr } from './csr.ts';
import { type LintReason, lintCertificate } from './lint.ts';
import { clampTtl, type IssuerMode, type LeafProfile } from './profile.ts';
import type { ListedCertificate } from './revocation/list_slots.ts';
import { createSerial } from './serial.ts';
import { signCertificate, x509AlgorithmOf } from './sign.ts';
import { createLeafTbs } from './template.ts';

/** A key that signs leaves, with the certificates that lead from it to the root (its own first, never the root). */
export interface Issuer {
  readonly signer: Signer;
  readonly certificate: Certificate;
  readonly chain: readonly Uint8Array[];
}

export interface Issuance {
  readonly spiffeId: string;
  /** Name of the profile. */
  readonly profile: string;
  readonly serial: string;
  /** SHA-256 of what is signed, hex: a certificate with this serial and other content was not issued here. */
  readonly tbsDigest: string;
  readonly dnsNames: readonly string[];
  readonly keyThumbprint: string;
  readonly issuerKeyId: string;
  /** By DNS names alone: for the SPIFFE ID, which it does not have, and so no SVID. */
  readonly isServer?: true;
  readonly notBeforeMs: number;
  readonly notAfterMs: number;
  /** SPIFFE ID of the agent, or what proved the identity. */
  readonly requester: string;
  readonly entryId?: string;
  /** What was verified of a workload that showed a proof of its own; for the record. */
  readonly selectors?: readonly string[];
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
  /** Of a server's certificate at least one. */
  readonly dnsNames: readonly string[];
  /** For the DNS names alone: the certificate is on record for the SPIFFE ID and does not have it. */
  readonly isServer?: true;
  readonly ttlSeconds?: number;
  /** When the entry ends: no certificate outlives it. */
  readonly notAfterMs?: number | undefined;
  readonly profile: LeafProfile;
  /** DER, untrusted. */
  readonly csr: Uint8Array;
  readonly requester: string;
  readonly entryId?: string;
  readonly selectors?: readonly string[];
}

export interface IssuedCertificate extends Issuance {
  /** DER, leaf first, never the root. */
  readonly chain: readonly Uint8Array[];
}

export type IssueReason =
  | CsrReason
  | CsrNamesReason
  | LintReason
  | 'issuance-revoked'
  | 'issuer-life-too-short'
  | 'entry-ending'
  | 'authority-unavailable';

export interface Authority {
  issueX509Svid(request: IssueRequest): Promise<Result<IssuedCertificate, IssueReason>>;
}

export function createAuthority(ports: {
  /** By who signs; asked for each leaf. Each throws `SignerUnavailable` when there is none now. */
  readonly issuers: { readonly [M in IssuerMode]: () => Promise<Issuer> };
  readonly audit: IssuanceAudit;
  /**
   * Takes a place in a list for a certificate that says where it would be on one; `undefined`, and no place is used up, when
   * its entry or its agent was revoked. Rejects when there is none to be had.
   */
  readonly assignList?: (
    issuerKeyId: string,
    certificate: Omit<ListedCertificate, 'distributionPoint'>,
  ) => Promise<string | undefined>;
  /** Last before it is signed: false when its entry or its agent was revoked. */
  readonly admit?: (issuance: Issuance) => Promise<boolean>;
  readonly clock: Clock;
}): Authority {
  return {
    async issueX509Svid(request) {
      const csr = parseCsr(request.csr);
      if (!csr.ok) return csr;
      const { spiffeId, dnsNames, isServer } = request;
      const names = checkCsrNames(csr.value, isServer ? { dnsNames } : { spiffeId, dnsNames });
      if (!names.ok) return names;
      let issuer: Issuer;
      try {
        issuer = await ports.issuers[request.profile.issuer]();
      } catch (fault) {
        if (fault instanceof SignerUnavailable) return refuse('authority-unavailable');
        throw fault;
      }
      const validity = validityOf(request, issuer.certificate, ports.clock.nowMs());
      if (!validity.ok) return validity;

      const serial = createSerial();
      const signatureAlgorithm = x509AlgorithmOf(issuer.signer);
      const hexSerial = Buffer.from(serial).toString('hex');
      const issuerKeyId = issuer.certificate.subjectKeyId as string;
      const { profile, entryId, requester } = request;
      const crlDistributionPoint = profile.noRevAvail
        ? undefined
        : await ports.assignList?.(issuerKeyId, {
            serial: hexSerial,
            spiffeId: spiffeId.uri,
            requester,
            ...(entryId !== undefined && { entryId }),
            ...validity.value,
          });
      if (ports.assignList && !profile.noRevAvail && crlDistributionPoint === undefined)
        return refuse('issuance-revoked');
      const tbs = createLeafTbs({
        ...validity.value,
        serial,
        signatureAlgorithm,
        ...(isServer !== true && { spiffeId }),
        dnsNames,
        spki: csr.value.spki,
        noRevAvail: request.profile.noRevAvail,
        ...(crlDistributionPoint !== undefined && { crlDistributionPoint }),
        issuer: issuer.certificate,
      });
      const linted = lintCertificate(isServer ? 'server' : 'leaf', tbs, signatureAlgorithm, issuer.certificate);
      if (!linted.ok) return linted;

      const issuance: Issuance = {
        spiffeId: spiffeId.uri,
        profile: request.profile.name,
        serial: hexSerial,
        tbsDigest: createHash('sha256').update(tbs).digest('hex'),
        dnsNames,
        ...(isServer && { isServer }),
        keyThumbprint: csr.value.keyThumbprint,
        issuerKeyId,
        ...validity.value,
        requester: request.requester,
        ...(request.entryId === undefined ? {} : { entryId: request.entryId }),
        ...(request.selectors === undefined ? {} : { selectors: request.selectors }),
      };
      if ((await ports.admit?.(issuance)) === false) return refuse('issuance-revoked');
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

/** Never beyond the issuer's own validity (x509.md P4) or the entry's end, and refused rather than cut below the profile's least. */
function validityOf(
  request: IssueRequest,
  issuer: Certificate,
  nowMs: number,
): Result<{ readonly notBeforeMs: number; readonly notAfterMs: number }, 'issuer-life-too-short' | 'entry-ending'> {
  const { profile, notAfterMs: endMs = Number.POSITIVE_INFINITY } = request;
  const ttlMs = clampTtl(profile, request.ttlSeconds) * 1000;
  const notAfterMs = wholeSeconds(Math.min(nowMs + ttlMs, issuer.notAfterMs, endMs));
  const notBeforeMs = wholeSeconds(Math.max(nowMs - profile.backdateSeconds * 1000, issuer.notBeforeMs));
  if (notAfterMs - wholeSeconds(nowMs) < profile.minTtlSeconds * 1000)
    return refuse(endMs < issuer.notAfterMs ? 'entry-ending' : 'issuer-life-too-short');
  return accept({ notBeforeMs, notAfterMs });
}

/** Certificates know seconds only: what is recorded is what is in them. */
function wholeSeconds(ms: number): number {
  return Math.floor(ms / 1000) * 1000;
}
