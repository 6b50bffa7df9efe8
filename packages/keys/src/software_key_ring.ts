/**
 * The embedded default's keys: files of one folder, made on first use. As safe as the disk they are on; the deployed
 * form has KMS keys instead.
 */
import { createHmac, createPrivateKey, randomBytes } from 'node:crypto';
import { chmodSync, existsSync, linkSync, mkdirSync, readFileSync, statSync, unlinkSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import type { SignatureAlgorithm } from './algorithms.ts';
import { constantTimeEqual } from './constant_time.ts';
import type { KeyRing, Mac, MacKeyName, Signer, SigningKeyName } from './signer.ts';
import { createSoftwareSigner, generatePrivateKey } from './software_signer.ts';

const SIGNING_ALGORITHMS: { readonly [N in SigningKeyName]: SignatureAlgorithm } = {
  root: 'ES384',
  jwt: 'ES256',
  release: 'ES256',
  checkpoint: 'EdDSA',
  assertion: 'ES256',
};

const MAC_KEY_BYTES = 32;

/** Throws when a key file can be read by anybody but its owner. */
export function openSoftwareKeyRing(dir: string): KeyRing {
  mkdirSync(dir, { recursive: true, mode: 0o700 });
  chmodSync(dir, 0o700);
  const signers = new Map<SigningKeyName, Signer>();
  const macs = new Map<MacKeyName, Mac>();
  return {
    async signer(name) {
      let signer = signers.get(name);
      if (signer === undefined) {
        const algorithm = SIGNING_ALGORITHMS[name];
        const pem = loadOrCreate(join(dir, `${name}.pem`), () =>
          Buffer.from(generatePrivateKey(algorithm).export({ format: 'pem', type: 'pkcs8' })),
        );
        signer = createSoftwareSigner(createPrivateKey({ key: pem, format: 'pem' }), algorithm);
        signers.set(name, signer);
      }
      return signer;
    },
    async mac(name) {
      let mac = macs.get(name);
      if (mac === undefined) {
        mac = createSoftwareMac(`software:${name}`, loadOrCreate(join(dir, `mac-${name}.key`), () => randomBytes(MAC_KEY_BYTES)));
        macs.set(name, mac);
      }
      return mac;
    },
  };
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

function loadOrCreate(path: string, create: () => Uint8Array): Buffer {
  if (!existsSync(path)) {
    const temporary = `${path}.${process.pid}.new`;
    writeFileSync(temporary, create(), { mode: 0o600, flush: true });
    try {
      linkSync(temporary, path); // fails when another process was first: then its key counts
    } catch (cause) {
      if ((cause as NodeJS.ErrnoException).code !== 'EEXIST') throw cause;
    } finally {
      unlinkSync(temporary);
    }
  }
  const { mode } = statSync(path);
  if ((mode & 0o077) !== 0)
    throw new Error(`\`${path}\` can be read by others (mode ${(mode & 0o777).toString(8)}): chmod 600 it, or replace the key`);
  return readFileSync(path);
}
