/** The Signer port on an asymmetric KMS key, whose private half never leaves KMS. */
import { createHash } from 'node:crypto';
import type { SigningAlgorithmSpec } from '@aws-sdk/client-kms';
import {
  algorithmRow,
  type SignatureAlgorithm,
  type Signer,
  SignerUnavailable,
  thumbprintOfSpki,
  verifySignature,
} from '@postern/keys';
import type { KmsCalls } from './aws_clients.ts';
import { kmsCall } from './kms_call.ts';
import type { KmsPublicKey } from './kms_public_key.ts';

/** Bound of KMS for a message that it hashes itself; a longer one is hashed here. */
const MAX_RAW_MESSAGE_BYTES = 4096;

/**
 * `publicKey`: of `readKmsPublicKey` for the same key and algorithm. Throws `SignerUnavailable` when KMS throttles, denies,
 * fails or does not answer within 8 s. Cost: one KMS Sign a signature.
 *
 * Each signature is verified against that public key (FIPS 186-5 asks no less of a fault): an alias that was pointed to
 * another key meanwhile would otherwise certify under a key that nobody announced. An EdDSA message of more than 4,096
 * bytes throws a RangeError: KMS takes no digest in its place.
 */
export function createKmsSigner(ports: {
  readonly calls: KmsCalls;
  readonly keyId: string;
  readonly algorithm: SignatureAlgorithm;
  readonly publicKey: KmsPublicKey;
}): Signer {
  const { calls, keyId: KeyId, algorithm, publicKey } = ports;
  const { digest, kms } = algorithmRow(algorithm);
  const SigningAlgorithm = kms.signingAlgorithm as SigningAlgorithmSpec;
  return {
    keyId: thumbprintOfSpki(publicKey.spki),
    algorithm,
    spki: publicKey.spki,
    async sign(message) {
      const isLong = message.length > MAX_RAW_MESSAGE_BYTES;
      if (isLong && digest === null)
        throw new RangeError(`${algorithm} in KMS signs at most ${MAX_RAW_MESSAGE_BYTES} bytes`);
      const content =
        isLong && digest !== null
          ? { MessageType: 'DIGEST' as const, Message: createHash(digest).update(message).digest() }
          : { MessageType: 'RAW' as const, Message: message };
      const { Signature } = await kmsCall((signal) => calls.sign({ KeyId, SigningAlgorithm, ...content }, signal));
      const signature = Uint8Array.from(Signature ?? []);
      if (!verifySignature(algorithm, publicKey.key, message, signature, 'x509'))
        throw new SignerUnavailable('KMS signed with another key than the one it showed');
      return signature;
    },
  };
}
