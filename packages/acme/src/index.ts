export {
  type AccountBinding,
  type BindingReason,
  keyIdOf,
  MAX_KEY_CHANGES,
  type VerifiedBinding,
  verifyBinding,
  verifyKeyChange,
} from './account_binding.ts';
export { type AcmeAccount, type AcmeAccountStore, createAcmeAccountStore } from './account_store.ts';
export type { AcmeAuthority, AcmeGrant, AcmeGrantReason, AcmeIssued, AcmeRenewal } from './authority_port.ts';
export { type CertificateId, parseCertificateId } from './certificate_id.ts';
export { type AcmeCertificate, type AcmeCertificateStore, createAcmeCertificateStore } from './certificate_store.ts';
export { isFitForAcme, isKnownByAcme } from './entry.ts';
export { type IdentifierReason, isSameList, namesOfCsr, parseIdentifiers } from './identifiers.ts';
export {
  type AcmeKey,
  type AcmeKeyStore,
  createAcmeKeyStore,
  isUser,
  MAX_ACME_KEY_TTL_SECONDS,
  MAX_ACME_KEYS,
} from './key_store.ts';
export { createNonces, type Nonces } from './nonces.ts';
export {
  type AcmeOrder,
  type Authorization,
  authorizationStatus,
  challengeStatus,
  isUnderWay,
  ORDER_LIFE_MS,
  type OrderProblem,
  type OrderStatus,
  statusOf,
  withAuthorization,
} from './order.ts';
export { type AcmeOrderStore, createAcmeOrderStore } from './order_store.ts';
export { type AcmeProblemType, type AcmeRefusal, renderAcmeProblem } from './problems.ts';
export { createRates, type Rates } from './rates.ts';
export { RENEWAL_RETRY_SECONDS, type RenewalWindow, renewalWindow } from './renewal.ts';
export {
  ACME_ALGORITHMS,
  ACME_MEDIA_TYPE,
  compactOf,
  isSameKey,
  type Jwk,
  MAX_SIGNED_BYTES,
  payloadObject,
  publicMembers,
  readSigned,
  type SignedRequest,
  type SignedRequestReason,
  verifySigned,
} from './signed_request.ts';
export { type AcmeUrls, createAcmeUrls } from './urls.ts';
