/** The KeyRing port on KMS keys. */
import { type KeyRing, type MacKeyName, SIGNING_ALGORITHMS, type SigningKeyName } from '@postern/keys';
import { askOnce } from './ask_once.ts';
import type { KmsCalls } from './aws_clients.ts';
import { createKmsMac } from './kms_mac.ts';
import { readKmsPublicKey } from './kms_public_key.ts';
import { createKmsSigner } from './kms_signer.ts';

/** Key ARNs. The keys of one function: each has only those that its role may use. */
export interface KmsKeys {
  readonly signers: { readonly [Name in SigningKeyName]?: string };
  readonly macs: { readonly [Name in MacKeyName]?: string };
}

/**
 * A key that is not named throws a TypeError when it is asked for. Cost: one KMS GetPublicKey per signing key for the life
 * of the process, whether it signs or only shows its public half; one that failed is asked for again.
 */
export function createKmsKeyRing(ports: { readonly calls: KmsCalls; readonly keys: KmsKeys }): KeyRing {
  const { calls, keys } = ports;
  const signing = openEach(keys.signers, (name, keyId) => openSigningKey(calls, name, keyId));
  const macs = openEach(keys.macs, (name, keyId) => createKmsMac({ calls, keyId, name }));
  return {
    signer: async (name) => ownKey(signing, name).signer(),
    publicKey: async (name) => (await ownKey(signing, name).publicKey()).spki,
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
