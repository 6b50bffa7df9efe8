/** The X509-SVID profile: what a leaf and a signing certificate must be (X509-SVID 2 to 5). */
import { accept, type Result, refuse } from '@postern/result';
import type { Certificate } from './certificate.ts';
import { EKU_CLIENT_AUTH, EKU_SERVER_AUTH } from './extensions.ts';
import { parseSpiffeId, type SpiffeId } from './spiffe_id.ts';

export type X509SvidReason =
  | 'svid-uri-count'
  | 'svid-spiffe-id'
  | 'svid-no-path'
  | 'svid-is-ca'
  | 'svid-key-usage'
  | 'svid-extended-key-usage'
  | 'svid-subject-alt-name'
  | 'svid-critical-extension';

/**
 * The rules for a leaf (X509-SVID 2, 4, 5.2): without them an authority's own certificate, or one with two names, could
 * speak for a workload. `certificate`: read, not verified. `detail` of `svid-spiffe-id` is the ID's own reason, that of
 * `svid-critical-extension` the extension's OID. Names of other kinds are not looked at, and never become an identity.
 */
export function checkX509Svid(certificate: Certificate): Result<SpiffeId, X509SvidReason> {
  const { subjectAltName, keyUsage, extendedKeyUsage, basicConstraints } = certificate;
  if (certificate.unknownCritical.length > 0) return refuse('svid-critical-extension', certificate.unknownCritical[0]);
  if (basicConstraints?.isCa === true) return refuse('svid-is-ca');
  // RFC 5280 4.2.1.10: only in a CA certificate.
  if (certificate.uriConstraints !== undefined) return refuse('svid-is-ca', 'name constraints');
  if (keyUsage === undefined || !keyUsage.isCritical || !keyUsage.usages.has('digitalSignature'))
    return refuse('svid-key-usage');
  if (keyUsage.usages.has('keyCertSign') || keyUsage.usages.has('cRLSign'))
    return refuse('svid-key-usage', 'signs certificates');
  if (subjectAltName === undefined || subjectAltName.uris.length !== 1) return refuse('svid-uri-count');
  // RFC 5280 4.2.1.6, X509-SVID 3.1.
  if (certificate.isSubjectEmpty && !subjectAltName.isCritical) return refuse('svid-subject-alt-name', 'not critical');
  const id = parseSpiffeId(subjectAltName.uris[0] as string);
  if (!id.ok) return refuse('svid-spiffe-id', id.reason);
  if (id.value.path === '') return refuse('svid-no-path');
  if (extendedKeyUsage !== undefined) {
    const isBoth = extendedKeyUsage.includes(EKU_SERVER_AUTH) && extendedKeyUsage.includes(EKU_CLIENT_AUTH);
    if (!isBoth) return refuse('svid-extended-key-usage');
  }
  return accept(id.value);
}

export type SigningCertificateReason =
  | 'issuer-not-ca'
  | 'issuer-key-usage'
  | 'issuer-critical-extension'
  | 'issuer-subject-empty'
  | 'issuer-uri-count'
  | 'issuer-has-path';

/**
 * What a verifier asks of whoever signed (X509-SVID 3.2, 4; RFC 5280 4.1.2.6, 4.2.1.9, 6.1.4). An issuer may carry one
 * SPIFFE ID; that one has no path, so that no workload's certificate signs another. `certificate`: read, not verified.
 */
export function checkIssuer(certificate: Certificate): Result<void, SigningCertificateReason> {
  const { basicConstraints, keyUsage } = certificate;
  if (certificate.unknownCritical.length > 0)
    return refuse('issuer-critical-extension', certificate.unknownCritical[0]);
  if (basicConstraints?.isCa !== true || !basicConstraints.isCritical) return refuse('issuer-not-ca');
  if (!keyUsage?.usages.has('keyCertSign')) return refuse('issuer-key-usage');
  if (certificate.isSubjectEmpty) return refuse('issuer-subject-empty');
  const uris = certificate.subjectAltName?.uris ?? [];
  if (uris.length > 1) return refuse('issuer-uri-count');
  for (const uri of uris) {
    const id = parseSpiffeId(uri);
    if (!id.ok || id.value.path !== '') return refuse('issuer-has-path', id.ok ? undefined : id.reason);
  }
  return accept(undefined);
}

/**
 * The profile of a signing certificate that we would make (X509-SVID 4): what a verifier asks, and the key usage marked
 * critical, which authorities of others leave out and verifiers do not insist on.
 */
export function checkSigningCertificate(certificate: Certificate): Result<void, SigningCertificateReason> {
  if (certificate.keyUsage?.isCritical === false) return refuse('issuer-key-usage', 'not critical');
  return checkIssuer(certificate);
}
