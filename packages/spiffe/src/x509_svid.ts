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

/** X509-SVID 2, 4 and 5.2. `detail` of `svid-spiffe-id` is the ID's own reason. */
export function checkX509Svid(certificate: Certificate): Result<SpiffeId, X509SvidReason> {
  const { subjectAltName, keyUsage, extendedKeyUsage, basicConstraints } = certificate;
  if (certificate.unknownCritical.length > 0) return refuse('svid-critical-extension', certificate.unknownCritical[0]);
  if (subjectAltName === undefined || subjectAltName.uris.length !== 1) return refuse('svid-uri-count');
  if (certificate.isSubjectEmpty && !subjectAltName.isCritical) return refuse('svid-subject-alt-name', 'not critical');
  const id = parseSpiffeId(subjectAltName.uris[0] as string);
  if (!id.ok) return refuse('svid-spiffe-id', id.reason);
  if (id.value.path === '') return refuse('svid-no-path');
  if (basicConstraints?.isCa === true) return refuse('svid-is-ca');
  if (keyUsage === undefined || !keyUsage.isCritical || !keyUsage.usages.has('digitalSignature')) return refuse('svid-key-usage');
  if (keyUsage.usages.has('keyCertSign') || keyUsage.usages.has('cRLSign')) return refuse('svid-key-usage', 'signs certificates');
  if (extendedKeyUsage !== undefined) {
    const isBoth = extendedKeyUsage.includes(EKU_SERVER_AUTH) && extendedKeyUsage.includes(EKU_CLIENT_AUTH);
    if (!isBoth) return refuse('svid-extended-key-usage');
  }
  return accept(id.value);
}

export type SigningCertificateReason = 'issuer-not-ca' | 'issuer-key-usage' | 'issuer-critical-extension' | 'issuer-has-path';

/** X509-SVID 3.2 and 4. A signing certificate may carry a SPIFFE ID; that one has no path. */
export function checkSigningCertificate(certificate: Certificate): Result<void, SigningCertificateReason> {
  if (certificate.unknownCritical.length > 0) return refuse('issuer-critical-extension', certificate.unknownCritical[0]);
  if (certificate.basicConstraints?.isCa !== true || !certificate.basicConstraints.isCritical) return refuse('issuer-not-ca');
  if (!certificate.keyUsage?.usages.has('keyCertSign')) return refuse('issuer-key-usage');
  for (const uri of certificate.subjectAltName?.uris ?? []) {
    const id = parseSpiffeId(uri);
    if (!id.ok || id.value.path !== '') return refuse('issuer-has-path');
  }
  return accept(undefined);
}
