import { generateKeyPairSync, type JsonWebKey, randomUUID } from 'node:crypto';
import { mkdirSync, readFileSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';

export type PrivateJwks = { keys: JsonWebKey[] };

/** Makes the provider's one signing key (ES256); its private part leaves this process only into a 0600 file. */
export function createSigningKeys(): PrivateJwks {
  const { privateKey } = generateKeyPairSync('ec', { namedCurve: 'P-256' });
  return { keys: [{ ...privateKey.export({ format: 'jwk' }), kid: randomUUID(), use: 'sig', alg: 'ES256' }] };
}

/** Loads the keys of an earlier start, so that tokens and cached JWKS outlive a restart, or makes and keeps new ones. */
export function loadOrCreateSigningKeys(folder: string): PrivateJwks {
  const file = join(folder, 'oidc_keys.json');
  try {
    return JSON.parse(readFileSync(file, 'utf8')) as PrivateJwks;
  } catch (fault) {
    if (!(fault instanceof Error && 'code' in fault && fault.code === 'ENOENT')) throw fault;
  }
  const keys = createSigningKeys();
  mkdirSync(folder, { recursive: true, mode: 0o700 });
  writeFileSync(file, JSON.stringify(keys), { mode: 0o600, flag: 'wx' });
  return keys;
}
