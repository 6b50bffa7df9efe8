export {
  ALGORITHMS,
  algorithmOfX509Oid,
  algorithmRow,
  isSignatureAlgorithm,
  type SignatureAlgorithm,
} from './algorithms.ts';
export { constantTimeEqual } from './constant_time.ts';
export { derFromRaw, rawFromDer } from './ecdsa_signature.ts';
export { verifyJoseSignature } from './jose_signature.ts';
export {
  type JwsHeader,
  type JwsKey,
  type JwsReason,
  joseSignature,
  type ParsedJws,
  parseJws,
  signJws,
  type VerifyJwsOptions,
  verifyJws,
  verifyParsedJws,
} from './jws.ts';
export {
  algorithmOfKey,
  fitsAlgorithm,
  isCanonicalSpki,
  isPublicSigningKey,
  jwkFromSpki,
  MIN_RSA_BITS,
  type PublicJwk,
  publicKeyFromJwk,
  publicKeyFromSpki,
  type ReadKey,
  readSpki,
  spkiFromJwk,
  thumbprint,
  thumbprintOfSpki,
} from './public_key.ts';
export { rememberX509Signatures } from './remembered_signatures.ts';
export { isRocaModulus } from './roca.ts';
export {
  checkGeneration,
  type KeyRing,
  type Mac,
  type MacKeyName,
  type RolledKeyName,
  SIGNING_ALGORITHMS,
  type Signer,
  SignerUnavailable,
  type SigningKeyName,
  type SuccessorKeyName,
} from './signer.ts';
export { createSoftwareMac, openSoftwareKeyRing } from './software_key_ring.ts';
export { createSoftwareSigner, generatePrivateKey, generateSoftwareSigner } from './software_signer.ts';
export { verifySignature, verifyX509Signature, type X509SignatureInput } from './verify.ts';
