/** Keys that an SVID may be for, made here: the private half never leaves this machine. */
import { generateKeyPairSync, type KeyObject } from 'node:crypto';
import { InvalidArgumentError } from 'commander';

const ec = (namedCurve: string) => () => generateKeyPairSync('ec', { namedCurve }).privateKey;
const rsa = (modulusLength: number) => () => generateKeyPairSync('rsa', { modulusLength }).privateKey;

/** x509.md P2: the kinds that the authority takes. */
const KEY_TYPES = {
  p256: ec('P-256'),
  p384: ec('P-384'),
  ed25519: () => generateKeyPairSync('ed25519').privateKey,
  rsa2048: rsa(2048),
  rsa3072: rsa(3072),
  rsa4096: rsa(4096),
} as const satisfies { readonly [name: string]: () => KeyObject };

export type KeyType = keyof typeof KEY_TYPES;

export const KEY_TYPE_NAMES = Object.keys(KEY_TYPES).join(', ');

export function parseKeyType(text: string): KeyType {
  if (!Object.hasOwn(KEY_TYPES, text)) throw new InvalidArgumentError(`It is one of ${KEY_TYPE_NAMES}.`);
  return text as KeyType;
}

/** The one that costs every peer least, where nothing is said. */
export const createLeafKey = (type: KeyType = 'p256'): KeyObject => KEY_TYPES[type]();
