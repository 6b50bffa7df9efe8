/** JWK members of a SubjectPublicKeyInfo (RFC 7518 6, RFC 8037 2), without any cryptography. */
import { parseDer, readBitString, readOid, readSequence, readUnsigned } from '@postern/der';
import { must } from './certificate.ts';

const RSA = '1.2.840.113549.1.1.1';
const EC = '1.2.840.10045.2.1';
const ED25519 = '1.3.101.112';
const CURVES: { readonly [oid: string]: string } = {
  '1.2.840.10045.3.1.7': 'P-256',
  '1.3.132.0.34': 'P-384',
  '1.3.132.0.35': 'P-521',
};
const MAX_SPKI_BYTES = 4096;

export type PublicKeyMembers =
  | { readonly kty: 'EC'; readonly crv: string; readonly x: string; readonly y: string }
  | { readonly kty: 'RSA'; readonly n: string; readonly e: string }
  | { readonly kty: 'OKP'; readonly crv: 'Ed25519'; readonly x: string };

/** Throws on a key that is none of ours: bundles are made from certificates of our own. */
export function publicKeyMembers(spki: Uint8Array, base64url: (bytes: Uint8Array) => string): PublicKeyMembers {
  const parts = must(readSequence(must(parseDer(spki, { maxBytes: MAX_SPKI_BYTES }), 'spki')), 'spki');
  const [algorithm, parameters] = must(readSequence(parts[0] as never), 'algorithm');
  const { bytes } = must(readBitString(parts[1] as never), 'subjectPublicKey');
  const oid = must(readOid(algorithm as never), 'algorithm');
  if (oid === ED25519) return { kty: 'OKP', crv: 'Ed25519', x: base64url(bytes) };
  if (oid === RSA) {
    const [n, e] = must(readSequence(must(parseDer(bytes, { maxBytes: MAX_SPKI_BYTES }), 'rsa key')), 'rsa key');
    return { kty: 'RSA', n: base64url(must(readUnsigned(n as never), 'n')), e: base64url(must(readUnsigned(e as never), 'e')) };
  }
  const curve = oid === EC && parameters ? CURVES[must(readOid(parameters), 'curve')] : undefined;
  if (curve === undefined || bytes[0] !== 0x04) throw new TypeError('the key is none that a bundle can carry');
  const size = (bytes.length - 1) / 2;
  return { kty: 'EC', crv: curve, x: base64url(bytes.subarray(1, 1 + size)), y: base64url(bytes.subarray(1 + size)) };
}
