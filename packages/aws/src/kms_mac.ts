/** The Mac port on an HMAC key of KMS, which never leaves it. */
import { createHash } from 'node:crypto';
import { GenerateMacCommand, type KMSClient, VerifyMacCommand } from '@aws-sdk/client-kms';
import { type Mac, SignerUnavailable } from '@postern/keys';
import { checkClient } from './clients.ts';
import { kmsCall } from './kms_call.ts';
import { nameOf } from './retries.ts';

const MacAlgorithm = 'HMAC_SHA_256';
const TAG_BYTES = 32;

/**
 * `client`: of `createKmsClient`. `keyId`: ARN of an HMAC_256 key, from configuration. The tag is HMAC-SHA-256 over the
 * message's SHA-256, whatever its length: KMS takes 4,096 bytes at most, and two forms would need telling apart. Throws
 * `SignerUnavailable` when KMS throttles, denies, fails or does not answer within 8 s: an outage is never a wrong tag.
 * Cost: one KMS call each.
 */
export function createKmsMac(ports: { readonly client: KMSClient; readonly keyId: string }): Mac {
  const { client, keyId: KeyId } = ports;
  const input = (message: Uint8Array) =>
    ({
      KeyId,
      MacAlgorithm,
      Message: createHash('sha256').update(message).digest(),
    }) as const;
  return {
    keyId: KeyId,
    async compute(message) {
      await checkClient(client);
      const command = new GenerateMacCommand(input(message));
      const { Mac: tag } = await kmsCall((abortSignal) => client.send(command, { abortSignal }));
      if (tag?.length !== TAG_BYTES) throw new SignerUnavailable('KMS answered without a tag');
      return Uint8Array.from(tag);
    },
    async verify(message, tag) {
      if (tag.length !== TAG_BYTES) return false;
      await checkClient(client);
      const command = new VerifyMacCommand({ ...input(message), Mac: tag });
      try {
        return (await kmsCall((abortSignal) => client.send(command, { abortSignal }))).MacValid === true;
      } catch (fault) {
        if (fault instanceof Error && nameOf(fault.cause) === 'KMSInvalidMacException') return false;
        throw fault;
      }
    },
  };
}
