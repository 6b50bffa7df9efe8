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
export { keyIdOf } from './certificate_der.ts';
export { createCsr } from './create_csr.ts';
export { type CheckedCsr, type CsrNamesReason, type CsrReason, checkCsrNames, MAX_CSR_BYTES, parseCsr } from './csr.ts';
export { createEntryStore, type EntryPage, type EntryStore } from './entry_store.ts';
export { type CertifyIssuerKey, createEphemeralIssuer } from './ephemeral_issuer.ts';
export { createJoinTokenStore, type JoinTokenReason, type JoinTokenStore } from './join_token.ts';
export { createLineageStore, type LineageReason, type LineageStore } from './lineage.ts';
export { LINTS, type LintedCertificate, lintCertificate } from './lint.ts';
export { AGENT_PROFILE, clampTtl, createLeafProfile, type LeafProfile, WORKLOAD_PROFILE } from './profile.ts';
export {
  AGENT_PATH,
  agentSpiffeId,
  checkEntryInput,
  type EntryInput,
  type EntryReason,
  RESERVED_PATH,
  type RegistrationEntry,
} from './registration_entry.ts';
export { certifyIssuer, createRootCertificate, readOwnCertificate } from './root.ts';
export { signCertificate } from './sign.ts';
export { createLeafTbs, type LeafTemplate } from './template.ts';
export { createTrustBundle, REFRESH_HINT_SECONDS, type TrustBundleContent } from './trust_bundle.ts';
