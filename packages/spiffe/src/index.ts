export {
  type AlgorithmIdentifier,
  type Certificate,
  type CertificateReason,
  MAX_CERTIFICATE_BYTES,
  parseCertificate,
} from './certificate.ts';
export {
  type CertificationPathInput,
  type CertificationPathReason,
  findCertificationPath,
  MAX_CHAIN,
  type VerifySignature,
} from './certification_path.ts';
export { EKU_CLIENT_AUTH, EKU_SERVER_AUTH, type KeyUsage } from './extensions.ts';
export type { SubjectAltName } from './general_name.ts';
export { isJsonObject, type JsonObject, type JsonObjectReason, parseJsonObjectBytes } from './json_object.ts';
export {
  JWT_SVID_ALGORITHMS,
  type JwtSvid,
  type JwtSvidAlgorithm,
  type JwtSvidReason,
  MAX_JWT_SVID_BYTES,
  parseJwtSvid,
} from './jwt_svid.ts';
export { isWithinConstraints, type UriConstraints } from './name_constraints.ts';
export {
  isMemberOf,
  MAX_SPIFFE_ID_BYTES,
  parseSpiffeId,
  type SpiffeId,
  type SpiffeIdReason,
  trustDomainId,
} from './spiffe_id.ts';
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
  type JwtSvidOptions,
  type JwtSvidVerificationReason,
  type VerifyJws,
  verifyJwtSvid,
} from './verify_jwt_svid.ts';
export {
  type VerifiedX509Svid,
  verifyX509Svid,
  type X509SvidInput,
  type X509SvidVerificationReason,
} from './verify_x509_svid.ts';
export {
  checkSigningCertificate,
  checkX509Svid,
  type SigningCertificateReason,
  type X509SvidReason,
} from './x509_svid.ts';
