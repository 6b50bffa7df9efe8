import { execFile } from 'node:child_process';
import {
  chmodSync,
  existsSync,
  mkdirSync,
  mkdtempSync,
  readdirSync,
  readFileSync,
  renameSync,
  rmSync,
  statSync,
  symlinkSync,
  writeFileSync,
} from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { promisify } from 'node:util';
import { afterAll, describe, expect, test } from 'vitest';
import type { MacKeyName, SigningKeyName } from './signer.ts';
import { createSoftwareMac, openSoftwareKeyRing } from './software_key_ring.ts';
import { describeGenerations } from './testing/describe_generations.ts';

const base = mkdtempSync(join(tmpdir(), 'postern-keys-'));
afterAll(() => rmSync(base, { recursive: true }));

let folders = 0;
const folder = () => join(base, `ring-${++folders}`, 'keys');
const mode = (path: string) => (statSync(path).mode & 0o777).toString(8);

const SIGNERS: readonly (readonly [SigningKeyName, string])[] = [
  ['root', 'ES384'],
  ['jwt', 'ES256'],
  ['release', 'ES256'],
  ['checkpoint', 'EdDSA'],
  ['assertion', 'ES256'],
];
const MACS: readonly MacKeyName[] = ['entries', 'postures', 'facts', 'acme'];

async function createRing(dir: string): Promise<void> {
  const ring = openSoftwareKeyRing(dir);
  for (const [name] of SIGNERS) await ring.signer(name);
  for (const name of MACS) await ring.mac(name);
}

describe('keys', () => {
  test.each(SIGNERS)('%s signs with %s, and is the same key after a restart', async (name, algorithm) => {
    const dir = folder();
    const first = await openSoftwareKeyRing(dir).signer(name);
    const second = await openSoftwareKeyRing(dir).signer(name);
    expect({ algorithm: first.algorithm, keyId: first.keyId }).toEqual({ algorithm, keyId: second.keyId });
  });

  test.each(SIGNERS)('%s has a public key for those who only verify, and it is the one that signs', async (name) => {
    const dir = folder();
    const shown = await openSoftwareKeyRing(dir).publicKey(name);
    expect(shown).toEqual((await openSoftwareKeyRing(dir).signer(name)).spki);
  });

  test('are all different', async () => {
    const ring = openSoftwareKeyRing(folder());
    const ids = await Promise.all(SIGNERS.map(async ([name]) => (await ring.signer(name)).keyId));
    expect(new Set(ids).size).toBe(SIGNERS.length);
    const tags = await Promise.all(
      MACS.map(async (name) => Buffer.from(await (await ring.mac(name)).compute(new Uint8Array())).toString('hex')),
    );
    expect(new Set(tags).size).toBe(MACS.length);
  });

  test('are readable by nobody else, and nothing else lies beside them', async () => {
    const dir = folder();
    await createRing(dir);
    expect(mode(dir)).toBe('700');
    const files = readdirSync(dir).sort();
    expect(files).toEqual([...SIGNERS.map(([name]) => `${name}.pem`), ...MACS.map((name) => `mac-${name}.key`)].sort());
    for (const file of files) expect(mode(join(dir, file))).toBe('600');
    expect(readFileSync(join(dir, 'root.pem'), 'utf8')).toMatch(/^-----BEGIN PRIVATE KEY-----/);
  });

  test('are made once, whichever of several processes is first', async () => {
    const dir = folder();
    mkdirSync(dir, { recursive: true, mode: 0o700 });
    const module = join(import.meta.dirname, 'software_key_ring.ts');
    const script = `const { openSoftwareKeyRing } = await import(${JSON.stringify(module)});
      console.log((await openSoftwareKeyRing(${JSON.stringify(dir)}).signer('root')).keyId);`;
    const run = () => promisify(execFile)(process.execPath, ['--input-type=module', '--eval', script]);
    const ids = await Promise.all([run(), run(), run()]);
    expect(new Set(ids.map(({ stdout }) => stdout.trim())).size).toBe(1);
    expect(readdirSync(dir)).toEqual(['root.pem']);
  });
});

describeGenerations('in a folder', async () => {
  const dir = folder();
  return () => openSoftwareKeyRing(dir);
});

test('later generations are files beside the first, as closed to others as it is', async () => {
  const dir = folder();
  const ring = openSoftwareKeyRing(dir);
  await ring.create('root', 2);
  await ring.create('jwt', 12);
  expect(readdirSync(dir).sort()).toEqual(['jwt-12.pem', 'root-2.pem']);
  for (const file of readdirSync(dir)) expect(mode(join(dir, file))).toBe('600');
});

describe('a key ring refuses to start, rather than to sign with a key that others know,', () => {
  test.each([0o640, 0o604, 0o660, 0o644])('when a key file has mode %o', async (bits) => {
    const dir = folder();
    await createRing(dir);
    chmodSync(join(dir, 'root.pem'), bits);
    chmodSync(join(dir, 'mac-entries.key'), bits);
    await expect(openSoftwareKeyRing(dir).signer('root')).rejects.toThrow(/can be read by others.*chmod 600/);
    await expect(openSoftwareKeyRing(dir).mac('entries')).rejects.toThrow(/can be read by others/);
  });

  test.each([0o770, 0o702, 0o777])('when others can write its folder (mode %o)', (bits) => {
    const dir = folder();
    mkdirSync(dir, { recursive: true });
    chmodSync(dir, bits);
    expect(() => openSoftwareKeyRing(dir)).toThrow(/can be written by others/);
  });

  test('when a key file is a link to somewhere', async () => {
    const dir = folder();
    await createRing(dir);
    renameSync(join(dir, 'root.pem'), join(dir, '..', 'elsewhere.pem'));
    symlinkSync(join(dir, '..', 'elsewhere.pem'), join(dir, 'root.pem'));
    await expect(openSoftwareKeyRing(dir).signer('root')).rejects.toThrow(/cannot be read/);
  });

  test.each([
    ['is empty', ''],
    ['is torn', '-----BEGIN PRIVATE KEY-----\nMIG2AgEA'],
    ['holds a secret in another form', 'hunter2'],
  ])('when a key file %s, without quoting it', async (_name, content) => {
    const dir = folder();
    mkdirSync(dir, { recursive: true, mode: 0o700 });
    writeFileSync(join(dir, 'root.pem'), content, { mode: 0o600 });
    const fault = await openSoftwareKeyRing(dir)
      .signer('root')
      .catch((thrown: Error) => thrown);
    expect(fault).toMatchObject({ message: expect.stringContaining('does not hold a PKCS #8 key for ES384') });
    expect((fault as Error).message).not.toContain('hunter2');
    expect((fault as Error).cause).toBeUndefined();
  });

  test('when a key file holds a key of another algorithm', async () => {
    const dir = folder();
    await createRing(dir);
    renameSync(join(dir, 'jwt.pem'), join(dir, 'root.pem'));
    await expect(openSoftwareKeyRing(dir).signer('root')).rejects.toThrow(/ES384/);
  });

  test('when a MAC key is short', async () => {
    const dir = folder();
    mkdirSync(dir, { recursive: true, mode: 0o700 });
    writeFileSync(join(dir, 'mac-facts.key'), new Uint8Array(31), { mode: 0o600 });
    await expect(openSoftwareKeyRing(dir).mac('facts')).rejects.toThrow(/32 bytes/);
  });

  test('a folder that others can read is closed to them', () => {
    const dir = folder();
    mkdirSync(dir, { recursive: true });
    chmodSync(dir, 0o755);
    openSoftwareKeyRing(dir);
    expect(mode(dir)).toBe('700');
    expect(existsSync(join(dir, 'root.pem'))).toBe(false);
  });
});

describe('a MAC', () => {
  const mac = createSoftwareMac('test', new Uint8Array(32).fill(0xaa));
  const message = Buffer.from('what do ya want for nothing?');

  test('is HMAC-SHA-256', async () => {
    // openssl dgst -sha256 -mac HMAC -macopt hexkey:aa…aa
    expect(Buffer.from(await mac.compute(message)).toString('hex')).toBe(
      '40f7684c3cbd90ba46f70247ca1d7cc692d673f434b66926a93c7f224ec74a5e',
    );
  });

  test('does not verify for another message, another key, or in part', async () => {
    const tag = await mac.compute(message);
    expect(await mac.verify(message, tag)).toBe(true);
    expect(await mac.verify(Buffer.from('what do ya want for nothing!'), tag)).toBe(false);
    expect(await mac.verify(message, tag.subarray(0, 31))).toBe(false);
    expect(await mac.verify(message, new Uint8Array())).toBe(false);
    expect(await createSoftwareMac('test', new Uint8Array(32)).verify(message, tag)).toBe(false);
  });
});
