/**
 * The embedded default's keys: files of one folder, made on first use. As safe as the disk they are on; the deployed
 * form has KMS keys instead.
 */
import { createHmac, createPrivateKey, randomBytes } from 'node:crypto';
import { join } from 'node:path';
import type { SignatureAlgorithm } from './algorithms.ts';
import { constantTimeEqual } from './constant_time.ts';
import { loadOrCreateKeyFile, openKeyFolder } from './key_file.ts';
import {
  type KeyRing,
  type Mac,
  type MacKeyName,
  SIGNING_ALGORITHMS,
  type Signer,
  type SigningKeyName,
} from './signer.ts';
import { createSoftwareSigner, generatePrivateKey } from './software_signer.ts';

const MAC_KEY_BYTES = 32;

/**
 * Keys of `dir`, made on first use. Throws when others can write the folder, when a key file can be read by anybody but
 * its owner, and when one holds something else than its key: a lost key is never replaced by a new one silently.
 */
export function openSoftwareKeyRing(dir: string): KeyRing {
  openKeyFolder(dir);
  const signers = new Map<SigningKeyName, Signer>();
  const macs = new Map<MacKeyName, Mac>();
  const open = (name: SigningKeyName): Signer => {
    let signer = signers.get(name);
    if (signer === undefined) {
      const algorithm = SIGNING_ALGORITHMS[name];
      const path = join(dir, `${name}.pem`);
      const pem = loadOrCreateKeyFile(path, () =>
        Buffer.from(generatePrivateKey(algorithm).export({ format: 'pem', type: 'pkcs8' })),
      );
      signer = readSigner(path, pem, algorithm);
      signers.set(name, signer);
    }
    return signer;
  };
  return {
    signer: async (name) => open(name),
    publicKey: async (name) => open(name).spki,
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
