/**
 * Later generations of a key: KMS keys that are made while the deployment runs, each known by an alias of the deployment.
 * A successor has the policy of the first generation, word for word: who may use that one may use this one, and nobody
 * else. What its tags say is what IAM lets its maker make.
 */
import type { CreateKeyCommandInput } from '@aws-sdk/client-kms';
import {
  algorithmRow,
  checkGeneration,
  SIGNING_ALGORITHMS,
  SignerUnavailable,
  type SuccessorKeyName,
} from '@postern/keys';
import type { KmsCalls } from './aws_clients.ts';
import { kmsCall } from './kms_call.ts';
import { nameOf, withRetries } from './retries.ts';

/** On every key that is made here; the values are the deployment's alias prefix and the key's name. */
export const DEPLOYMENT_TAG = 'PosternDeployment';
export const KEY_TAG = 'PosternKey';

/** `aliasPrefix`: `alias/` and the deployment's own name, such as `alias/Postern`. */
export function aliasOf(aliasPrefix: string, name: SuccessorKeyName, generation: number): string {
  checkGeneration(name, generation);
  return generation === 1 ? `${aliasPrefix}/${name}` : `${aliasPrefix}/${name}-${generation}`;
}

/**
 * Does nothing when there is one under that alias. Throws `SignerUnavailable` when KMS throttles, denies, fails or does
 * not answer. Cost: four calls of KMS, once in the life of a generation. A process that ends between the making of a key
 * and of its alias leaves a key that nobody knows and nothing uses: docs/rollover.md says how it is found.
 */
export async function createKmsSuccessor(ports: {
  readonly calls: KmsCalls;
  readonly aliasPrefix: string;
  readonly name: SuccessorKeyName;
  readonly generation: number;
  /** ARN of the first generation. */
  readonly firstKeyId: string;
}): Promise<void> {
  const { calls, aliasPrefix, name, generation, firstKeyId } = ports;
  const AliasName = aliasOf(aliasPrefix, name, generation);
  if (await isThere(calls, AliasName)) return;
  const { Policy } = await kmsCall((signal) =>
    calls.getKeyPolicy({ KeyId: firstKeyId, PolicyName: 'default' }, signal),
  );
  if (Policy === undefined) throw new SignerUnavailable('KMS does not show the policy of the first generation');
  const input: CreateKeyCommandInput = {
    KeySpec: algorithmRow(SIGNING_ALGORITHMS[name]).kms.keySpec as NonNullable<CreateKeyCommandInput['KeySpec']>,
    KeyUsage: 'SIGN_VERIFY',
    Description: `Postern ${aliasPrefix.replace('alias/', '')}: ${name}, generation ${generation}`,
    Policy,
    Tags: [
      { TagKey: DEPLOYMENT_TAG, TagValue: aliasPrefix.replace('alias/', '') },
      { TagKey: KEY_TAG, TagValue: name },
    ],
  };
  // Not again after a lost answer: that would be a second key.
  const made = await withRetries({ effect: 'once' }, (signal) => calls.createKey(input, signal)).catch(unavailable);
  const TargetKeyId = made.KeyMetadata?.KeyId;
  if (TargetKeyId === undefined) throw new SignerUnavailable('KMS does not say which key it made');
  await withRetries({ effect: 'repeatable' }, (signal) => calls.createAlias({ AliasName, TargetKeyId }, signal)).catch(
    // Somebody was first, or the answer to the first try was lost: what the alias names counts.
    (fault: unknown) => (nameOf(fault) === 'AlreadyExistsException' ? undefined : unavailable(fault)),
  );
}

async function isThere(calls: KmsCalls, KeyId: string): Promise<boolean> {
  try {
    await withRetries({ effect: 'repeatable' }, (signal) => calls.getPublicKey({ KeyId }, signal));
    return true;
  } catch (fault) {
    if (nameOf(fault) === 'NotFoundException') return false;
    return unavailable(fault);
  }
}

function unavailable(cause: unknown): never {
  throw new SignerUnavailable(`the key cannot be made: ${nameOf(cause)}`, { cause });
}
