export {
  type AlgorithmIdentifier,
  type Certificate,
  type CertificateReason,
  MAX_CERTIFICATE_BYTES,
  parseCertificate,
} from './certificate.ts';
export { EKU_CLIENT_AUTH, EKU_SERVER_AUTH, type KeyUsage, type SubjectAltName } from './extensions.ts';
export { MAX_SPIFFE_ID_BYTES, parseSpiffeId, type SpiffeId, type SpiffeIdReason, trustDomainId } from './spiffe_id.ts';
export {
  type BundleReason,
  formatTrustBundle,
  type JwtAuthority,
  MAX_BUNDLE_BYTES,
  parseTrustBundle,
  type TrustBundle,
} from './trust_bundle.ts';
export { MAX_TRUST_DOMAIN_BYTES, parseTrustDomain, type TrustDomain, type TrustDomainReason } from './trust_domain.ts';
export {
  MAX_CHAIN,
  type VerifiedX509Svid,
  type VerifySignature,
  verifyX509Svid,
  type X509SvidInput,
  type X509SvidVerificationReason,
} from './verify_x509_svid.ts';
export { checkSigningCertificate, checkX509Svid, type SigningCertificateReason, type X509SvidReason } from './x509_svid.ts';
