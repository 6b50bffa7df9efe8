/** The Signer port on an asymmetric KMS key, whose private half never leaves KMS. */
import { createHash } from 'node:crypto';
import { GetPublicKeyCommand, type KMSClient, SignCommand, type SigningAlgorithmSpec } from '@aws-sdk/client-kms';
import {
  algorithmRow,
  fitsAlgorithm,
  publicKeyFromSpki,
  type SignatureAlgorithm,
  type Signer,
  SignerUnavailable,
  thumbprintOfSpki,
  verifySignature,
} from '@postern/keys';
import { checkClient } from './clients.ts';
import { kmsCall } from './kms_call.ts';

/** Bound of KMS for a message that it hashes itself; a longer one is hashed here. */
const MAX_RAW_MESSAGE_BYTES = 4096;

/**
 * `client`: of `createKmsClient`. `keyId`: key ARN or alias, from configuration. Throws `SignerUnavailable` when KMS
 * throttles, denies, fails or does not answer within 8 s, and a TypeError when the key is none for signing with
 * `algorithm`. Cost: one KMS GetPublicKey here, one KMS Sign a signature.
 *
 * Each signature is verified against the public key read here (FIPS 186-5 asks no less of a fault): an alias that was
 * pointed to another key meanwhile would otherwise certify under a key that nobody announced. An EdDSA message of more
 * than 4,096 bytes throws a RangeError: KMS takes no digest in its place.
 */
export async function createKmsSigner(ports: {
  readonly client: KMSClient;
  readonly keyId: string;
  readonly algorithm: SignatureAlgorithm;
}): Promise<Signer> {
  const { client, keyId: KeyId, algorithm } = ports;
  await checkClient(client);
  const { digest, kms } = algorithmRow(algorithm);
  const SigningAlgorithm = kms.signingAlgorithm as SigningAlgorithmSpec;
  const answer = await kmsCall((abortSignal) => client.send(new GetPublicKeyCommand({ KeyId }), { abortSignal }));
  const spki = Uint8Array.from(answer.PublicKey ?? []);
  const publicKey = publicKeyFromSpki(spki);
  const isUsable = answer.KeyUsage === 'SIGN_VERIFY' && answer.SigningAlgorithms?.includes(SigningAlgorithm) === true;
  if (publicKey === undefined || !isUsable || !fitsAlgorithm(publicKey, algorithm))
    throw new TypeError(`the KMS key does not sign with ${algorithm}`);

  return {
    keyId: thumbprintOfSpki(spki),
    algorithm,
    spki,
    async sign(message) {
      const isLong = message.length > MAX_RAW_MESSAGE_BYTES;
      if (isLong && digest === null)
        throw new RangeError(`${algorithm} in KMS signs at most ${MAX_RAW_MESSAGE_BYTES} bytes`);
      const content =
        isLong && digest !== null
          ? { MessageType: 'DIGEST' as const, Message: createHash(digest).update(message).digest() }
          : { MessageType: 'RAW' as const, Message: message };
      const command = new SignCommand({ KeyId, SigningAlgorithm, ...content });
      const { Signature } = await kmsCall((abortSignal) => client.send(command, { abortSignal }));
      const signature = Uint8Array.from(Signature ?? []);
      if (!verifySignature(algorithm, publicKey, message, signature, 'x509'))
        throw new SignerUnavailable('KMS signed with another key than the one it showed');
      return signature;
    },
  };
}
