export type { Attestation } from './attestation.ts';
export {
  type Authority,
  createAuthority,
  type Issuance,
  type IssuanceAudit,
  type IssuedCertificate,
  type IssueReason,
  type IssueRequest,
  type Issuer,
} from './authority.ts';
export { createAuthorityCsr } from './authority_csr.ts';
export { keyIdOf } from './certificate_der.ts';
export { createCsr } from './create_csr.ts';
export { type CheckedCsr, type CsrNamesReason, type CsrReason, checkCsrNames, MAX_CSR_BYTES, parseCsr } from './csr.ts';
export { isLdhName } from './dns_name.ts';
export type { EntryFilter } from './entry_filter.ts';
export type { EntryListing, EntryPage } from './entry_list.ts';
export type { MatchedEntry, UnfilledEntry } from './entry_match.ts';
export { createEntryStore, type EntryStore } from './entry_store.ts';
export { type FillReason, isTemplate } from './entry_template.ts';
export { type CertifyIssuerKey, createEphemeralIssuer } from './ephemeral_issuer.ts';
export { cacheHeaders } from './federation/cached_document.ts';
export {
  checkEndpointUrl,
  checkFederationInput,
  type EndpointProfile,
  type FederationInput,
  type FederationReason,
  type FederationRelationship,
} from './federation/relationship.ts';
export { createFederationStore, type FederationStore } from './federation/relationship_store.ts';
export type { IsIssuerDistrusted } from './held_issuer.ts';
export { checkIntermediate, type Intermediate, type IntermediateReason } from './intermediate.ts';
export { createJoinTokenStore, type JoinGrant, type JoinTokenReason, type JoinTokenStore } from './join_token.ts';
export { type AudienceReason, checkAudience, MAX_AUDIENCE_LENGTH, MAX_AUDIENCES } from './jwt_audience.ts';
export {
  createJwtSvidIssuer,
  type IssuedJwtSvid,
  type JwtIssuance,
  type JwtIssuanceAudit,
  type JwtIssueReason,
  type JwtIssueRequest,
  type JwtKeys,
  type JwtSvidIssuer,
  MAX_JWT_TTL_SECONDS,
  MIN_JWT_TTL_SECONDS,
} from './jwt_svid.ts';
export { createKmsIssuer, readIssuer, type StoredIssuerCertificate } from './kms_issuer.ts';
export { createLineageStore, type LineageReason, type LineageStore } from './lineage.ts';
export { type LintedCertificate, lintCertificate } from './lint.ts';
export { LINTS } from './lints.ts';

export {
  AGENT_PROFILE,
  clampTtl,
  createLeafProfile,
  ENTRY_PROFILES,
  EPHEMERAL_ISSUER_SECONDS,
  findEntryProfile,
  type IssuerMode,
  KMS_ISSUER_SECONDS,
  KMS_PROFILE,
  type LeafProfile,
  LONG_LIVED_PROFILE,
  PROFILES,
  WORKLOAD_PROFILE,
} from './profile.ts';
export {
  ACME_ATTESTOR,
  AGENT_PATH,
  ATTESTOR_PATH,
  agentSpiffeId,
  attestorNameOf,
  attestorSpiffeId,
  checkEntryInput,
  type EntryInput,
  type EntryReason,
  MAX_ENTRY_DNS_NAMES,
  MAX_ENTRY_FEDERATES_WITH,
  MAX_ENTRY_SELECTORS,
  MAX_ENTRY_TTL_SECONDS,
  MAX_HINT_BYTES,
  MAX_SELECTOR_LENGTH,
  maxEntryTtlSeconds,
  RESERVED_PATH,
  type RegistrationEntry,
} from './registration_entry.ts';
export * from './revocation/index.ts';
export * from './rollover/index.ts';
export { certifyIssuer, checkNameConstraint, createRootCertificate, readOwnCertificate } from './root.ts';
export { signCertificate } from './sign.ts';
export { createLeafTbs, type LeafTemplate } from './template.ts';
export { createTrustBundle, REFRESH_HINT_SECONDS, type TrustBundleContent } from './trust_bundle.ts';
