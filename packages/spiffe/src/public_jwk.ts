/** Public keys as JWK members (RFC 7518 6, RFC 8037 2), from a bundle or a SubjectPublicKeyInfo, without cryptography. */
import { encodeBase64Url, readBitString, readOid, readSequence, readUnsigned } from '@postern/der';
import { Fields, must, only } from './strict_fields.ts';

/** Public members only, each a text. */
export type PublicJwk = { readonly kty: string; readonly [member: string]: string };

/** What makes a public key, by `kty`; all else in a JWK says how to use it, or is secret. */
const MEMBERS: { readonly [keyType: string]: readonly string[] } = {
  EC: ['crv', 'x', 'y'],
  RSA: ['n', 'e'],
  OKP: ['crv', 'x'],
};

const RSA = '1.2.840.113549.1.1.1';
const EC = '1.2.840.10045.2.1';
const ED25519 = '1.3.101.112';
const CURVES: { readonly [oid: string]: { readonly name: string; readonly coordinateBytes: number } } = {
  '1.2.840.10045.3.1.7': { name: 'P-256', coordinateBytes: 32 },
  '1.3.132.0.34': { name: 'P-384', coordinateBytes: 48 },
  '1.3.132.0.35': { name: 'P-521', coordinateBytes: 66 },
};
const UNCOMPRESSED = 0x04;

/** Whether `kty` is one that a bundle here can use; others are ignored (Trust Domain and Bundle 4.2.1). */
export function isKnownKeyType(kty: unknown): kty is string {
  return typeof kty === 'string' && Object.hasOwn(MEMBERS, kty);
}

/** `jwk`: untrusted, of a known key type. Only public members are taken; `undefined` when one is missing or no text. */
export function publicMembersOf(jwk: { readonly [member: string]: unknown }): PublicJwk | undefined {
  const kty = jwk['kty'];
  if (!isKnownKeyType(kty)) return undefined;
  const members: { kty: string; [member: string]: string } = { kty };
  for (const name of MEMBERS[kty] ?? []) {
    const value = jwk[name];
    if (typeof value !== 'string' || value === '') return undefined;
    members[name] = value;
  }
  return members;
}

/** `spki`: DER. Throws `Malformed` on what is none, a TypeError on a kind of key that a bundle cannot carry. */
export function publicJwkFromSpki(spki: Uint8Array): PublicJwk {
  const fields = new Fields(must(readSequence(only(spki, 'spki')), 'spki'));
  const algorithm = new Fields(must(readSequence(fields.next('algorithm')), 'algorithm'));
  const oid = must(readOid(algorithm.next('algorithm')), 'algorithm');
  const { bytes } = must(readBitString(fields.next('subjectPublicKey')), 'subjectPublicKey');
  if (oid === ED25519) return { kty: 'OKP', crv: 'Ed25519', x: encodeBase64Url(bytes) };
  if (oid === RSA) {
    const key = new Fields(must(readSequence(only(bytes, 'rsa key')), 'rsa key'));
    const [n, e] = [must(readUnsigned(key.next('n')), 'n'), must(readUnsigned(key.next('e')), 'e')];
    return { kty: 'RSA', n: encodeBase64Url(n), e: encodeBase64Url(e) };
  }
  const curve = oid === EC ? CURVES[must(readOid(algorithm.next('curve')), 'curve')] : undefined;
  if (curve === undefined || bytes[0] !== UNCOMPRESSED || bytes.length !== 1 + 2 * curve.coordinateBytes)
    throw new TypeError('the key is none that a bundle can carry');
  const [x, y] = [bytes.subarray(1, 1 + curve.coordinateBytes), bytes.subarray(1 + curve.coordinateBytes)];
  return { kty: 'EC', crv: curve.name, x: encodeBase64Url(x), y: encodeBase64Url(y) };
}
