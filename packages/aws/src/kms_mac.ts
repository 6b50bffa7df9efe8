/**
 * The Mac port on an HMAC key of KMS. A feed of thousands of facts is verified tag by tag, which would cost as many calls
 * of KMS; instead KMS is asked once per process for a derived key, and tags are computed here with that.
 *
 * GenerateMac is a pseudorandom function of its message, so one call over a fixed input is the key derivation of NIST SP
 * 800-108r1 4.1: counter mode with HMAC-SHA-256, whose single iteration gives the 256 bits needed. Label and name are in
 * the input, so that one KMS key used twice, or another use of the same KMS key, has unrelated derived keys.
 *
 * Whoever reads this process's memory has the derived key and can mint tags anywhere, without asking KMS and without a
 * line in its log, until the label's version or the KMS key is another. (Its credentials alone, which lie in the same
 * memory, end within hours.) Disabling the KMS key stops processes that start afterwards, not those that run.
 */
import { createSoftwareMac, type Mac, type MacKeyName, SignerUnavailable } from '@postern/keys';
import { askOnce } from './ask_once.ts';
import type { KmsCalls } from './aws_clients.ts';
import { kmsCall } from './kms_call.ts';

/** Another version derives other keys: every item in the table is then written anew. */
const LABEL = 'postern mac key v1';
const DERIVED_KEY_BYTES = 32;

/**
 * `keyId`: ARN of an HMAC_256 key, from configuration. `name`: what the tags authenticate. Throws `SignerUnavailable` when
 * KMS throttles, denies, fails or does not answer within 8 s: an outage is never a wrong tag. Cost: one KMS GenerateMac
 * with the first tag; one that failed is asked for again with the next.
 */
export function createKmsMac(ports: {
  readonly calls: KmsCalls;
  readonly keyId: string;
  readonly name: MacKeyName;
}): Mac {
  const { calls, keyId, name } = ports;
  const derived = askOnce(async () => {
    const input = { KeyId: keyId, MacAlgorithm: 'HMAC_SHA_256', Message: derivationInput(name) } as const;
    const { Mac: key } = await kmsCall((signal) => calls.generateMac(input, signal));
    if (key?.length !== DERIVED_KEY_BYTES) throw new SignerUnavailable('KMS answered without a MAC');
    return createSoftwareMac(keyId, Uint8Array.from(key));
  });
  return {
    keyId,
    compute: async (message) => (await derived()).compute(message),
    verify: async (message, tag) => (await derived()).verify(message, tag),
  };
}

/** [i] || Label || 0x00 || Context || [L], numbers of 32 bits, L in bits. */
function derivationInput(name: MacKeyName): Uint8Array {
  const number = (value: number) => Buffer.from(Uint32Array.of(value).buffer).swap32();
  return Buffer.concat([number(1), Buffer.from(`${LABEL}\0${name}`), number(DERIVED_KEY_BYTES * 8)]);
}
