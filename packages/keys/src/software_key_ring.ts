/**
 * The embedded default's keys: files of one folder, made on first use. As safe as the disk they are on; the deployed
 * form has KMS keys instead.
 */
import { createHmac, createPrivateKey, randomBytes } from 'node:crypto';
import { join } from 'node:path';
import type { SignatureAlgorithm } from './algorithms.ts';
import { constantTimeEqual } from './constant_time.ts';
import { loadKeyFile, loadOrCreateKeyFile, openKeyFolder } from './key_file.ts';
import {
  checkGeneration,
  type KeyRing,
  type Mac,
  type MacKeyName,
  SIGNING_ALGORITHMS,
  type Signer,
  SignerUnavailable,
  type SigningKeyName,
} from './signer.ts';
import { createSoftwareSigner, generatePrivateKey } from './software_signer.ts';

const MAC_KEY_BYTES = 32;

/**
 * Keys of `dir`; those of the first generation are made on first use, later ones when they are asked to be made. Throws
 * when others can write the folder, when a key file can be read by anybody but its owner, and when one holds something
 * else than its key: a lost key is never replaced by a new one silently.
 */
export function openSoftwareKeyRing(dir: string): KeyRing {
  openKeyFolder(dir);
  const signers = new Map<string, Signer>();
  const macs = new Map<MacKeyName, Mac>();
  const open = (name: SigningKeyName, generation = 1, mayCreate = generation === 1): Signer => {
    checkGeneration(name, generation);
    const path = join(dir, generation === 1 ? `${name}.pem` : `${name}-${generation}.pem`);
    let signer = signers.get(path);
    if (signer === undefined) {
      const algorithm = SIGNING_ALGORITHMS[name];
      const pem = mayCreate ? loadOrCreateKeyFile(path, () => createPem(algorithm)) : loadKeyFile(path);
      if (pem === undefined) throw new SignerUnavailable(`there is no generation ${generation} of the key \`${name}\``);
      signer = readSigner(path, pem, algorithm);
      signers.set(path, signer);
    }
    return signer;
  };
  return {
    signer: async (name, generation) => open(name, generation),
    publicKey: async (name, generation) => open(name, generation).spki,
    create: async (name, generation) => void open(name, generation, true),
    async mac(name) {
      let mac = macs.get(name);
      if (mac === undefined) {
        const key = loadOrCreateKeyFile(join(dir, `mac-${name}.key`), () => randomBytes(MAC_KEY_BYTES));
        mac = createSoftwareMac(`software:${name}`, key);
        macs.set(name, mac);
      }
      return mac;
    },
  };
}

function createPem(algorithm: SignatureAlgorithm): Uint8Array {
  return Buffer.from(generatePrivateKey(algorithm).export({ format: 'pem', type: 'pkcs8' }));
}

/** The parser's own message could quote the file, so it is not passed on. */
function readSigner(path: string, pem: Buffer, algorithm: SignatureAlgorithm): Signer {
  try {
    return createSoftwareSigner(createPrivateKey({ key: pem, format: 'pem' }), algorithm);
  } catch {
    throw new Error(`\`${path}\` does not hold a PKCS #8 key for ${algorithm}`);
  }
}

/** HMAC-SHA-256 (RFC 2104). `key`: 32 bytes. */
export function createSoftwareMac(keyId: string, key: Uint8Array): Mac {
  if (key.length !== MAC_KEY_BYTES) throw new RangeError(`a MAC key has ${MAC_KEY_BYTES} bytes`);
  const compute = (message: Uint8Array): Uint8Array => createHmac('sha256', key).update(message).digest();
  return {
    keyId,
    compute: async (message) => compute(message),
    verify: async (message, tag) => constantTimeEqual(compute(message), tag),
  };
}
