/** The public half of an asymmetric KMS key, checked to be one that signs as it should. */
import type { KeyObject } from 'node:crypto';
import { algorithmRow, fitsAlgorithm, publicKeyFromSpki, type SignatureAlgorithm } from '@postern/keys';
import type { KmsCalls } from './aws_clients.ts';
import { kmsCall } from './kms_call.ts';

export interface KmsPublicKey {
  /** SubjectPublicKeyInfo, DER. */
  readonly spki: Uint8Array;
  readonly key: KeyObject;
}

/**
 * `keyId`: key ARN or alias, from configuration. Throws `SignerUnavailable` when KMS throttles, denies, fails or does not
 * answer within 8 s, and a TypeError when the key is none for signing with `algorithm`. Cost: one KMS GetPublicKey.
 */
export async function readKmsPublicKey(ports: {
  readonly calls: KmsCalls;
  readonly keyId: string;
  readonly algorithm: SignatureAlgorithm;
}): Promise<KmsPublicKey> {
  const { calls, keyId: KeyId, algorithm } = ports;
  const answer = await kmsCall((signal) => calls.getPublicKey({ KeyId }, signal));
  const spki = Uint8Array.from(answer.PublicKey ?? []);
  const key = publicKeyFromSpki(spki);
  const algorithms: readonly string[] = answer.SigningAlgorithms ?? [];
  const isUsable =
    answer.KeyUsage === 'SIGN_VERIFY' && algorithms.includes(algorithmRow(algorithm).kms.signingAlgorithm);
  if (key === undefined || !isUsable || !fitsAlgorithm(key, algorithm))
    throw new TypeError(`the KMS key does not sign with ${algorithm}`);
  return { spki, key };
}
