/** Public keys as SubjectPublicKeyInfo and as JWK; the members that RFC 7638 hashes, and nothing else. */
import { createHash, createPublicKey, type KeyObject } from 'node:crypto';
import { ALGORITHMS, algorithmRow, type SignatureAlgorithm } from './algorithms.ts';
import { plainKeyOf } from './plain_spki.ts';
import { isRocaModulus } from './roca.ts';

export type PublicJwk = { readonly [name: string]: string };

/** RFC 7638 3.2: required members by key type, in the order of their names. */
const THUMBPRINT_MEMBERS: { readonly [keyType: string]: readonly string[] } = {
  EC: ['crv', 'kty', 'x', 'y'],
  RSA: ['e', 'kty', 'n'],
  OKP: ['crv', 'kty', 'x'],
};

/** Below 2,048 bits an RSA signature proves nothing (RFC 7518 3.3); far above, verifying one is a burden. */
export const MIN_RSA_BITS = 2048;
const MAX_RSA_BITS = 8192;
/** Smaller exponents have a history of broken verifiers; 1 verifies everything. */
const MIN_RSA_EXPONENT = 65537n;
/** The largest key above, as SPKI. */
const MAX_SPKI_BYTES = 2048;

/** A public key, read once for all that is asked of it. */
export interface ReadKey {
  readonly key: KeyObject;
  /** What it signs with, as `algorithmOfKey` says. */
  readonly algorithm: SignatureAlgorithm | undefined;
  /** RFC 7638, base64url; absent for a key that has no JWK, such as the point at infinity. */
  readonly thumbprint: string | undefined;
  /** See `isCanonicalSpki`. */
  readonly isCanonical: boolean;
}

/** `undefined` for what is no public key that we know. `spki`: DER, untrusted. Cost: one import by OpenSSL, of most. */
export function readSpki(spki: Uint8Array): ReadKey | undefined {
  const key = publicKeyFromSpki(spki);
  if (key === undefined) return undefined;
  const plain = plainKeyOf(spki);
  if (plain !== undefined) {
    return { key, algorithm: plain.algorithm, thumbprint: hashMembers(plain.members), isCanonical: true };
  }
  return {
    key,
    algorithm: algorithmOfKey(key),
    thumbprint: jwkOrNone(spki)?.['kid'],
    isCanonical: isCanonicalSpki(spki),
  };
}

function jwkOrNone(spki: Uint8Array): PublicJwk | undefined {
  try {
    return jwkFromSpki(spki);
  } catch {
    return undefined;
  }
}

/** With `kid` set to the thumbprint. `spki`: DER. Throws on what is no public key. */
export function jwkFromSpki(spki: Uint8Array): PublicJwk {
  const key = createPublicKey({ key: viewOf(spki), format: 'der', type: 'spki' });
  const members = plainKeyOf(spki)?.members ?? requiredMembers(key.export({ format: 'jwk' }) as PublicJwk);
  return { ...members, kid: hashMembers(members) };
}

/** SubjectPublicKeyInfo, DER. Throws on a bad key, as `publicKeyFromJwk` does. */
export function spkiFromJwk(jwk: { readonly [name: string]: unknown }): Uint8Array {
  return new Uint8Array(publicKeyFromJwk(jwk).export({ format: 'der', type: 'spki' }));
}

/** SHA-256 thumbprint, base64url (RFC 7638). Throws on a JWK without the members of its type. */
export function thumbprint(jwk: { readonly [name: string]: unknown }): string {
  return hashMembers(requiredMembers(jwk));
}

function hashMembers(members: PublicJwk): string {
  return createHash('sha256').update(JSON.stringify(members)).digest('base64url');
}

export function thumbprintOfSpki(spki: Uint8Array): string {
  return jwkFromSpki(spki)['kid'] as string;
}

function requiredMembers(jwk: { readonly [name: string]: unknown }): PublicJwk {
  const keyType = String(jwk['kty']);
  const names = Object.hasOwn(THUMBPRINT_MEMBERS, keyType) ? THUMBPRINT_MEMBERS[keyType] : undefined;
  if (names === undefined) throw new TypeError(`key type \`${keyType.slice(0, 16)}\` is not supported`);
  return Object.fromEntries(
    names.map((name) => {
      const member = jwk[name];
      if (typeof member !== 'string') throw new TypeError(`a key of type ${keyType} has no \`${name}\``);
      return [name, member];
    }),
  );
}

/** Good keys by their members: the few that sign tokens and segments come again and again, and importing one costs a signature. */
const importedJwks = new Map<string, KeyObject>();
const MAX_IMPORTED = 512;

/**
 * From a JWK's public members only: a private or symmetric member never reaches node:crypto. Throws on a key that is
 * malformed, not on its curve, spelled in any but the one way (RFC 7518 6), or known to be broken (ROCA).
 */
export function publicKeyFromJwk(jwk: { readonly [name: string]: unknown }): KeyObject {
  const members = requiredMembers(jwk);
  const text = JSON.stringify(members);
  const known = importedJwks.get(text);
  if (known !== undefined) return known;
  const key = createPublicKey({ key: members, format: 'jwk' });
  // Node reads short coordinates and stray characters too; then one key would have several thumbprints.
  const canonical = key.export({ format: 'jwk' }) as PublicJwk;
  if (Object.keys(members).some((name) => members[name] !== canonical[name]))
    throw new TypeError('the key is not in its canonical spelling');
  if (members['kty'] === 'RSA' && isRocaModulus(Buffer.from(members['n'] as string, 'base64url')))
    throw new TypeError('the key is of a kind whose private half can be computed');
  const [oldest] = importedJwks.keys();
  if (importedJwks.size >= MAX_IMPORTED && oldest !== undefined) importedJwks.delete(oldest);
  importedJwks.set(text, key);
  return key;
}

/** `undefined` for what is no public key that we know. `spki`: DER, untrusted. */
export function publicKeyFromSpki(spki: Uint8Array): KeyObject | undefined {
  if (spki.length > MAX_SPKI_BYTES) return undefined;
  try {
    return createPublicKey({ key: viewOf(spki), format: 'der', type: 'spki' });
  } catch {
    return undefined;
  }
}

/** The same octets, as what `node:crypto` takes: copying them costs more than reading the key's head. */
const viewOf = (octets: Uint8Array): Buffer => Buffer.from(octets.buffer, octets.byteOffset, octets.byteLength);

/**
 * Whether this is the one SPKI of its key: a named curve, an uncompressed point, the parameters that RFC 3279 and 8410
 * say. A curve spelled out instead of named is how CVE-2020-0601 passed for another key.
 */
export function isCanonicalSpki(spki: Uint8Array): boolean {
  try {
    return Buffer.compare(spkiFromJwk(jwkFromSpki(spki)), spki) === 0;
  } catch {
    return false; // such as the point at infinity, which has no coordinates
  }
}

/** Whether a key of this type, size and curve may be used with the algorithm (RFC 8725 3.1). */
export function fitsAlgorithm(key: KeyObject, algorithm: SignatureAlgorithm): boolean {
  const row = algorithmRow(algorithm);
  if (row.keyType === 'RSA') {
    const { modulusLength = 0, publicExponent = 0n } = key.asymmetricKeyDetails ?? {};
    const isSized = modulusLength >= MIN_RSA_BITS && modulusLength <= MAX_RSA_BITS;
    return key.asymmetricKeyType === 'rsa' && isSized && publicExponent >= MIN_RSA_EXPONENT;
  }
  if (row.keyType === 'OKP') return key.asymmetricKeyType === 'ed25519';
  return key.asymmetricKeyType === 'ec' && key.asymmetricKeyDetails?.namedCurve === row.curve?.node;
}

/** The algorithm that a key of ours signs with. */
export function algorithmOfKey(key: KeyObject): SignatureAlgorithm | undefined {
  if (key.asymmetricKeyType === 'rsa') return 'RS256';
  const names = Object.keys(ALGORITHMS) as SignatureAlgorithm[];
  return names.find((name) => fitsAlgorithm(key, name));
}

/** Whether this is a public key, and nothing but one, that fits the algorithm. `jwk`: untrusted. */
export function isPublicSigningKey(jwk: { readonly [name: string]: unknown }, algorithm: SignatureAlgorithm): boolean {
  if ('d' in jwk || 'k' in jwk) return false;
  try {
    return fitsAlgorithm(publicKeyFromJwk(jwk), algorithm);
  } catch {
    return false;
  }
}
