/**
 * The one port through which Postern uses private keys. Implemented by the software signer here and by KMS in
 * `@postern/aws`; nothing else ever sees private key material of the control plane.
 */
import type { SignatureAlgorithm } from './algorithms.ts';

export interface Signer {
  /** RFC 7638 SHA-256 thumbprint of the public key, base64url. */
  readonly keyId: string;
  readonly algorithm: SignatureAlgorithm;
  /** SubjectPublicKeyInfo, DER. */
  readonly spki: Uint8Array;
  /**
   * Signs `message` (unhashed). ECDSA signatures come as DER `Ecdsa-Sig-Value`, as KMS and X.509 have them;
   * `joseSignature` turns them into the raw form. Throws `SignerUnavailable` when the key cannot be used now.
   * Cost: one KMS Sign when deployed.
   */
  sign(message: Uint8Array): Promise<Uint8Array>;
}

/** Authenticates stored items: whoever can merely write the table cannot mint an entry, a posture or a fact. */
export interface Mac {
  readonly keyId: string;
  compute(message: Uint8Array): Promise<Uint8Array>;
  /** Constant-time. */
  verify(message: Uint8Array, tag: Uint8Array): Promise<boolean>;
}

/** The signing key is out of reach or refuses (KMS down, denied, throttled): the caller answers 503, nothing is signed. */
export class SignerUnavailable extends Error {
  override readonly name = 'SignerUnavailable';
}

/** The control plane's signing keys; each is usable by exactly one function. */
export type SigningKeyName = 'root' | 'jwt' | 'release' | 'checkpoint' | 'assertion';

/** What each signs with, on every key store. */
export const SIGNING_ALGORITHMS: { readonly [Name in SigningKeyName]: SignatureAlgorithm } = {
  root: 'ES384',
  jwt: 'ES256',
  release: 'ES256',
  checkpoint: 'EdDSA',
  assertion: 'ES256',
};

/** Its MAC keys, by what they authenticate. */
export type MacKeyName = 'entries' | 'postures' | 'facts';

export interface KeyRing {
  signer(name: SigningKeyName): Promise<Signer>;
  /** SubjectPublicKeyInfo, DER: for whoever verifies with a key that it may not use. */
  publicKey(name: SigningKeyName): Promise<Uint8Array>;
  mac(name: MacKeyName): Promise<Mac>;
}
