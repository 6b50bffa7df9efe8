/** The KeyRing port on KMS keys. */
import {
  checkGeneration,
  type KeyRing,
  type MacKeyName,
  SIGNING_ALGORITHMS,
  type SigningKeyName,
  type SuccessorKeyName,
} from '@postern/keys';
import { askOnce } from './ask_once.ts';
import type { KmsCalls } from './aws_clients.ts';
import { createKmsMac } from './kms_mac.ts';
import { readKmsPublicKey } from './kms_public_key.ts';
import { createKmsSigner } from './kms_signer.ts';
import { aliasOf, createKmsSuccessor } from './kms_successor.ts';

/** Key ARNs. The keys of one function: each has only those that its role may use. */
export interface KmsKeys {
  readonly signers: { readonly [Name in SigningKeyName]?: string };
  readonly macs: { readonly [Name in MacKeyName]?: string };
  /** `alias/` and the deployment's name: later generations are found below it. None is, where it is absent. */
  readonly aliasPrefix?: string | undefined;
}

/**
 * A key that is not named throws a TypeError when it is asked for. Cost: one KMS GetPublicKey per signing key for the life
 * of the process, whether it signs or only shows its public half; one that failed is asked for again.
 */
export function createKmsKeyRing(ports: { readonly calls: KmsCalls; readonly keys: KmsKeys }): KeyRing {
  const { calls, keys } = ports;
  const signing = new Map<string, ReturnType<typeof openSigningKey>>();
  const macs = openEach(keys.macs, (name, keyId) => createKmsMac({ calls, keyId, name }));

  const firstKeyId = (name: SigningKeyName): string => {
    const keyId = keys.signers[name];
    if (keyId === undefined) throw new TypeError(`the key \`${name}\` is none of this function's`);
    return keyId;
  };
  const aliasPrefix = (): string => {
    if (keys.aliasPrefix === undefined) throw new TypeError('this function knows no later generations of its keys');
    return keys.aliasPrefix;
  };
  function open(name: SigningKeyName, generation = 1) {
    checkGeneration(name, generation);
    const first = firstKeyId(name);
    const keyId = generation === 1 ? first : aliasOf(aliasPrefix(), name as SuccessorKeyName, generation);
    const known = signing.get(keyId) ?? openSigningKey(calls, name, keyId);
    signing.set(keyId, known);
    return known;
  }
  return {
    signer: async (name, generation) => open(name, generation).signer(),
    publicKey: async (name, generation) => (await open(name, generation).publicKey()).spki,
    async create(name, generation) {
      checkGeneration(name, generation);
      const first = firstKeyId(name);
      if (generation > 1)
        await createKmsSuccessor({ calls, aliasPrefix: aliasPrefix(), name, generation, firstKeyId: first });
    },
    mac: async (name) => ownKey(macs, name),
  };
}

function openSigningKey(calls: KmsCalls, name: SigningKeyName, keyId: string) {
  const algorithm = SIGNING_ALGORITHMS[name];
  const publicKey = askOnce(() => readKmsPublicKey({ calls, keyId, algorithm }));
  const signer = askOnce(async () => createKmsSigner({ calls, keyId, algorithm, publicKey: await publicKey() }));
  return { publicKey, signer };
}

function openEach<Name extends string, Key>(
  keyIds: { readonly [N in Name]?: string },
  open: (name: Name, keyId: string) => Key,
): ReadonlyMap<Name, Key> {
  const named = Object.entries(keyIds) as [Name, string | undefined][];
  return new Map(named.flatMap(([name, keyId]) => (keyId === undefined ? [] : [[name, open(name, keyId)]])));
}

function ownKey<Name extends string, Key>(keys: ReadonlyMap<Name, Key>, name: Name): Key {
  const key = keys.get(name);
  if (key === undefined) throw new TypeError(`the key \`${name}\` is none of this function's`);
  return key;
}
