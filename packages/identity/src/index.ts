export { attest } from './attest/attest.ts';
export type { AttestationReason, AttestPorts, Evidence, JoinTokens, SvidTrust } from './attest/attestor.ts';
export {
  ATTESTOR_KINDS,
  type AttestorInput,
  type AttestorInstance,
  type AttestorKind,
  type AttestorReason,
  checkAttestorInput,
} from './attest/attestor_instance.ts';
export { type AttestorStore, createAttestorStore } from './attest/attestor_store.ts';
export { ATTESTORS } from './attest/attestors.ts';
export { fillClaimNames } from './attest/claim_names.ts';
export { createIssuerKeys, type FetchIssuerKeys, type IssuerKeys } from './attest/issuer_keys.ts';
export { joinTokenSubject } from './attest/join_token.ts';
export { createRenewalStore, type Renewal, type RenewalStore } from './attest/renewal_store.ts';
export { createTokenReviews, type TokenReviews } from './attest/token_review.ts';
export { parseClientAddress } from './client_address.ts';
export {
  createPosture,
  type ObservedPosture,
  type PostureReport,
  type PostureReportReason,
  parsePostureReport,
  supersedesPosture,
} from './posture_report.ts';
export {
  formatWebhookSignature,
  MAX_POSTURE_WEBHOOK_BYTES,
  POSTURE_SIGNATURE_HEADER,
  type PostureWebhookReason,
  verifyPostureWebhook,
} from './posture_webhook.ts';
export { createReplayGuard, type ReplayGuard } from './replay_guard.ts';
export {
  createRequestProof,
  MAX_REQUEST_PROOF_LENGTH,
  type ProvenCall,
  type ProvenCaller,
  REQUEST_PROOF_HEADER,
  type RequestProofReason,
  verifyRequestProof,
} from './request_proof.ts';
export { isDistrusted, isRevoked, type Revocation, type Revocations } from './revocation.ts';
export { parseUrlEncodedCertificate, type UrlEncodedPemReason } from './url_encoded_pem.ts';
export type { TokenKeySet, UserIdentity, UserTokenIssuer } from './user_identity.ts';
export {
  createUserTokenVerifier,
  MAX_USER_TOKEN_LENGTH,
  type UserTokenInput,
  type UserTokenReason,
  type UserTokenVerifier,
  verifyUserToken,
} from './user_token.ts';
export {
  createWorkloadVerifier,
  type WorkloadIdentity,
  type WorkloadReason,
  type WorkloadTrust,
  type WorkloadVerifier,
} from './workload_certificate.ts';
export { type ForwardedClientCert, parseForwardedClientCert, type XfccReason } from './xfcc.ts';
