/** The to-be-signed leaf: names from the grant, key from the request, everything else from profile and issuer. */
import { type Certificate, EKU_CLIENT_AUTH, EKU_SERVER_AUTH, type SpiffeId } from '@postern/spiffe';
import { createName, createTbsCertificate, keyIdOf } from './certificate_der.ts';
import {
  authorityKeyId,
  basicConstraints,
  crlDistributionPoint,
  extendedKeyUsage,
  keyUsage,
  noRevAvail,
  subjectAltName,
  subjectKeyId,
} from './extension_der.ts';

export interface LeafTemplate {
  /** Magnitude octets, positive. */
  readonly serial: Uint8Array;
  readonly notBeforeMs: number;
  readonly notAfterMs: number;
  /** Absent of a server's certificate: DNS names alone, for servers and not for clients, and so no SVID. */
  readonly spiffeId?: SpiffeId;
  readonly dnsNames: readonly string[];
  /** SubjectPublicKeyInfo, DER; of a checked request. */
  readonly spki: Uint8Array;
  /** RFC 9608. */
  readonly noRevAvail: boolean;
  /** URI of the list that it would be on, where there is one. */
  readonly crlDistributionPoint?: string;
  readonly issuer: Certificate;
  /** AlgorithmIdentifier, DER, of the issuer's key. */
  readonly signatureAlgorithm: Uint8Array;
}

/** The same in every leaf. */
const SUBJECT = createName();
const BASIC_CONSTRAINTS = basicConstraints({ isCa: false });
const KEY_USAGE = keyUsage('digitalSignature');
const SVID_PURPOSES = extendedKeyUsage(EKU_SERVER_AUTH, EKU_CLIENT_AUTH);
const SERVER_PURPOSE = extendedKeyUsage(EKU_SERVER_AUTH);
const NO_REV_AVAIL = noRevAvail();

/** TBSCertificate, DER, after X509-SVID 2 to 4 and x509.md P3: the same bytes for the same template. */
export function createLeafTbs(template: LeafTemplate): Uint8Array {
  const { issuer, spiffeId } = template;
  const extensions = [
    BASIC_CONSTRAINTS,
    KEY_USAGE,
    spiffeId === undefined ? SERVER_PURPOSE : SVID_PURPOSES,
    subjectAltName({ uris: spiffeId === undefined ? [] : [spiffeId.uri], dnsNames: template.dnsNames }),
    subjectKeyId(keyIdOf(template.spki)),
    authorityKeyId(Buffer.from(issuer.subjectKeyId ?? '', 'hex')),
  ];
  if (template.noRevAvail) extensions.push(NO_REV_AVAIL);
  if (template.crlDistributionPoint !== undefined) extensions.push(crlDistributionPoint(template.crlDistributionPoint));
  return createTbsCertificate({ ...template, issuer: issuer.subject, subject: SUBJECT, extensions });
}
