/** Public keys as SubjectPublicKeyInfo and as JWK; the members that RFC 7638 hashes, and nothing else. */
import { createHash, createPublicKey, type KeyObject } from 'node:crypto';
import { ALGORITHMS, algorithmRow, type SignatureAlgorithm } from './algorithms.ts';

export type PublicJwk = { readonly [name: string]: string };

/** RFC 7638 3.2: required members by key type, in the order of their names. */
const THUMBPRINT_MEMBERS: { readonly [keyType: string]: readonly string[] } = {
  EC: ['crv', 'kty', 'x', 'y'],
  RSA: ['e', 'kty', 'n'],
  OKP: ['crv', 'kty', 'x'],
};

/** With `kid` set to the thumbprint. `spki`: DER. Throws on what is no public key. */
export function jwkFromSpki(spki: Uint8Array): PublicJwk {
  const jwk = createPublicKey({ key: Buffer.from(spki), format: 'der', type: 'spki' }).export({ format: 'jwk' });
  const members = requiredMembers(jwk as PublicJwk);
  return { ...members, kid: thumbprint(members) };
}

/** SHA-256 thumbprint, base64url (RFC 7638). */
export function thumbprint(jwk: { readonly [name: string]: unknown }): string {
  return createHash('sha256').update(JSON.stringify(requiredMembers(jwk))).digest('base64url');
}

export function thumbprintOfSpki(spki: Uint8Array): string {
  return jwkFromSpki(spki)['kid'] as string;
}

function requiredMembers(jwk: { readonly [name: string]: unknown }): PublicJwk {
  const names = THUMBPRINT_MEMBERS[String(jwk['kty'])];
  if (names === undefined) throw new TypeError(`key type \`${String(jwk['kty']).slice(0, 16)}\` is not supported`);
  return Object.fromEntries(names.map((name) => [name, String(jwk[name])]));
}

/** From a JWK's public members only: a private or symmetric member never reaches node:crypto. Throws on a bad key. */
export function publicKeyFromJwk(jwk: { readonly [name: string]: unknown }): KeyObject {
  return createPublicKey({ key: requiredMembers(jwk), format: 'jwk' });
}

/** Whether a key of this type and curve may be used with the algorithm (RFC 8725 3.1). */
export function fitsAlgorithm(key: KeyObject, algorithm: SignatureAlgorithm): boolean {
  const row = algorithmRow(algorithm);
  if (row.keyType === 'RSA') {
    // Below 2,048 bits an RSA signature proves nothing (RFC 7518 3.3).
    return key.asymmetricKeyType === 'rsa' && (key.asymmetricKeyDetails?.modulusLength ?? 0) >= 2048;
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
