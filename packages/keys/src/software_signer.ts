/** A `Signer` on a key in this process: for ephemeral keys, the embedded default and tests. */
import { createPublicKey, generateKeyPairSync, type KeyObject, sign as nodeSign } from 'node:crypto';
import { algorithmRow, type SignatureAlgorithm } from './algorithms.ts';
import { fitsAlgorithm, thumbprintOfSpki } from './public_key.ts';
import type { Signer } from './signer.ts';

export function createSoftwareSigner(privateKey: KeyObject, algorithm: SignatureAlgorithm): Signer {
  const publicKey = createPublicKey(privateKey);
  if (!fitsAlgorithm(publicKey, algorithm)) throw new TypeError(`the key does not fit ${algorithm}`);
  const { digest, padding } = algorithmRow(algorithm);
  // As in `verify.ts`: a key by itself signs in DER, and costs less.
  const keyOrOptions = padding === undefined ? privateKey : { key: privateKey, ...padding };
  const spki = new Uint8Array(publicKey.export({ format: 'der', type: 'spki' }));
  return {
    keyId: thumbprintOfSpki(spki),
    algorithm,
    spki,
    async sign(message) {
      return nodeSign(digest, message, keyOrOptions);
    },
  };
}

export function generatePrivateKey(algorithm: SignatureAlgorithm): KeyObject {
  const row = algorithmRow(algorithm);
  if (row.keyType === 'RSA') return generateKeyPairSync('rsa', { modulusLength: 3072 }).privateKey;
  if (row.keyType === 'OKP') return generateKeyPairSync('ed25519').privateKey;
  return generateKeyPairSync('ec', { namedCurve: row.curve?.node as string }).privateKey;
}

/** The key lives and dies with this process. */
export function generateSoftwareSigner(algorithm: SignatureAlgorithm): Signer {
  return createSoftwareSigner(generatePrivateKey(algorithm), algorithm);
}
