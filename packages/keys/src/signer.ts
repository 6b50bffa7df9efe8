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

/**
 * The control plane's signing keys. Each is usable by one function, but for `issuer`: `issue` signs leaves with it, `rotate`
 * their revocation lists (docs/decisions/0017).
 */
export type SigningKeyName = 'root' | 'issuer' | 'jwt' | 'release' | 'checkpoint' | 'assertion';

/** What each signs with, on every key store. */
export const SIGNING_ALGORITHMS: { readonly [Name in SigningKeyName]: SignatureAlgorithm } = {
  root: 'ES384',
  issuer: 'ES256',
  jwt: 'ES256',
  release: 'ES256',
  checkpoint: 'EdDSA',
  assertion: 'ES256',
};

/** Its MAC keys, by what they authenticate. */
export type MacKeyName = 'entries' | 'postures' | 'facts' | 'acme';

/** Keys whose roll-over every consumer of the bundle has to follow. */
export type RolledKeyName = 'root' | 'jwt';

/** Keys that have successors: each generation is a key of its own, and 1 is there from the beginning. */
export type SuccessorKeyName = RolledKeyName | 'issuer';

export interface KeyRing {
  /**
   * `generation`: 1 when absent, and of keys that have no successors always. One that was not made throws
   * `SignerUnavailable`: who names it has read of a key that this store does not have yet, or no more.
   */
  signer(name: SigningKeyName, generation?: number): Promise<Signer>;
  /** SubjectPublicKeyInfo, DER: for whoever verifies with a key that it may not use. */
  publicKey(name: SigningKeyName, generation?: number): Promise<Uint8Array>;
  /**
   * Makes the key of a generation above 1; does nothing when it is there, so that it is asked for again after a crash.
   * Throws `SignerUnavailable` when it cannot be made now.
   */
  create(name: SuccessorKeyName, generation: number): Promise<void>;
  mac(name: MacKeyName): Promise<Mac>;
}

/** Thrown by `KeyRing.create` and its kin for a number that is no generation, a bug of the caller. */
export function checkGeneration(name: SigningKeyName, generation: number): void {
  const isRolled = name === 'root' || name === 'issuer' || name === 'jwt';
  if (!Number.isSafeInteger(generation) || generation < 1 || generation > MAX_GENERATION)
    throw new RangeError(`generation ${generation} of the key \`${name}\``);
  if (generation > 1 && !isRolled) throw new RangeError(`the key \`${name}\` has no successors`);
}

/** More roll-overs than a deployment lives to see; bounds what a name of a key may become. */
const MAX_GENERATION = 9999;
