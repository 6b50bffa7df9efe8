/**
 * The keys that most have, P-256, P-384 and Ed25519, read from the octets of their SubjectPublicKeyInfo: each has one
 * canonical spelling, of one length, that begins alike (RFC 5480 2, RFC 8410 4). OpenSSL is left to check that the point
 * lies on the curve; asking it for the parts of a key costs more than verifying a signature.
 */
import type { SignatureAlgorithm } from './algorithms.ts';

interface Spelling {
  readonly algorithm: SignatureAlgorithm;
  readonly head: Buffer;
  readonly keyType: 'EC' | 'OKP';
  readonly curve: string;
  /** Of a coordinate; an Edwards key is one. */
  readonly coordinateBytes: number;
}

const SPELLINGS: readonly Spelling[] = [
  {
    algorithm: 'ES256',
    head: Buffer.from('3059301306072a8648ce3d020106082a8648ce3d03010703420004', 'hex'),
    keyType: 'EC',
    curve: 'P-256',
    coordinateBytes: 32,
  },
  {
    algorithm: 'ES384',
    head: Buffer.from('3076301006072a8648ce3d020106052b8104002203620004', 'hex'),
    keyType: 'EC',
    curve: 'P-384',
    coordinateBytes: 48,
  },
  {
    algorithm: 'EdDSA',
    head: Buffer.from('302a300506032b6570032100', 'hex'),
    keyType: 'OKP',
    curve: 'Ed25519',
    coordinateBytes: 32,
  },
];

export interface PlainKey {
  /** What a key of this kind signs with; the key has its type and curve. */
  readonly algorithm: SignatureAlgorithm;
  /** The members that RFC 7638 hashes, in their order. */
  readonly members: { readonly [name: string]: string };
}

/** `undefined` for any other kind or spelling. `spki`: untrusted; whether the key is one is still to be checked. */
export function plainKeyOf(spki: Uint8Array): PlainKey | undefined {
  const octets = Buffer.from(spki.buffer, spki.byteOffset, spki.byteLength);
  for (const { algorithm, head, keyType, curve, coordinateBytes } of SPELLINGS) {
    const coordinates = keyType === 'EC' ? 2 : 1;
    if (octets.length !== head.length + coordinates * coordinateBytes) continue;
    if (octets.compare(head, 0, head.length, 0, head.length) !== 0) continue;
    const at = (index: number) =>
      octets.toString('base64url', head.length + index * coordinateBytes, head.length + (index + 1) * coordinateBytes);
    const members = { crv: curve, kty: keyType, x: at(0) };
    return { algorithm, members: coordinates === 2 ? { ...members, y: at(1) } : members };
  }
  return undefined;
}
