import { chmodSync, mkdirSync, mkdtempSync, rmSync, symlinkSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { StoreUnavailable } from '@postern/store';
import { afterEach, beforeEach, expect, test } from 'vitest';
import { readAttestorSecrets } from './attestor_secret.ts';

let dir: string;
beforeEach(() => {
  dir = mkdtempSync(join(tmpdir(), 'postern-secret-'));
  mkdirSync(join(dir, 'secrets'), { mode: 0o700 });
});
afterEach(() => rmSync(dir, { recursive: true, force: true }));

const write = (name: string, text: string, mode = 0o600) => {
  writeFileSync(join(dir, 'secrets', name), text);
  chmodSync(join(dir, 'secrets', name), mode);
};

test('a secret is its file, read anew each time', async () => {
  const secretOf = readAttestorSecrets(dir);
  write('reviewer', 'one\n');
  expect(await secretOf('reviewer')).toBe('one');
  write('reviewer', 'two\n');
  expect(await secretOf('reviewer')).toBe('two');
});

test.each([
  ['is not there', () => {}],
  ['others can read', () => write('reviewer', 'x', 0o644)],
  ['is too large', () => write('reviewer', 'x'.repeat(17_000))],
  ['is a link to another', () => symlinkSync('/etc/hostname', join(dir, 'secrets', 'reviewer'))],
])('a file that %s is no secret', async (_, prepare) => {
  prepare();
  await expect(readAttestorSecrets(dir)('reviewer')).rejects.toThrow(StoreUnavailable);
});
