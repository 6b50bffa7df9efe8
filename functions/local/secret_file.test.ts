import { chmodSync, mkdirSync, mkdtempSync, readdirSync, rmSync, statSync, symlinkSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, expect, test } from 'vitest';
import { verifyAdministratorToken } from './administrator_token.ts';
import { loadOrCreateSecret, openStateFolder } from './secret_file.ts';

const folder = mkdtempSync(join(tmpdir(), 'postern-secret-'));
afterAll(() => rmSync(folder, { recursive: true, force: true }));
const place = (name: string) => join(folder, name);
const GOOD = 'A'.repeat(43);

test('is made once, for its owner alone, and leaves nothing else behind', () => {
  mkdirSync(place('made'));
  const path = join(place('made'), 'token');
  const secret = loadOrCreateSecret(path);
  expect(secret).toMatch(/^[\w-]{43}$/);
  expect(loadOrCreateSecret(path)).toBe(secret);
  expect(statSync(path).mode & 0o777).toBe(0o600);
  expect(readdirSync(place('made'))).toEqual(['token']);
});

test.each([
  ['nothing, as a full disk leaves it: no credential would be the right one', ''],
  ['a line break', '\n'],
  ['its beginning', GOOD.slice(1)],
  ['something of a person’s own', 'password'],
])('does not serve with a file that holds %s', (_, text) => {
  const path = place('torn');
  writeFileSync(path, text, { mode: 0o600 });
  expect(() => loadOrCreateSecret(path)).toThrow('does not hold');
});

test('does not believe a file that others could read, or that somebody linked there', () => {
  writeFileSync(place('open'), GOOD, { mode: 0o600 });
  chmodSync(place('open'), 0o640);
  expect(() => loadOrCreateSecret(place('open'))).toThrow('read by others');
  writeFileSync(place('elsewhere'), GOOD, { mode: 0o600 });
  symlinkSync(place('elsewhere'), place('link'));
  expect(() => loadOrCreateSecret(place('link'))).toThrow();
});

test('nobody is an administrator by an empty token, whatever is expected', async () => {
  expect(() => verifyAdministratorToken('')).toThrow(RangeError);
  const verify = verifyAdministratorToken(GOOD);
  expect(await verify({ token: '', principal: undefined })).toBeUndefined();
  expect(await verify({ token: GOOD, principal: undefined })).toBeDefined();
});

test('whom a platform names is nobody here: only the token counts', async () => {
  const principal = 'arn:aws:iam::111122223333:role/admin';
  expect(await verifyAdministratorToken(GOOD)({ token: 'B'.repeat(43), principal })).toBeUndefined();
});

test('state is not kept where others could put a database or a token of their own', () => {
  const path = place('state');
  openStateFolder(path);
  expect(statSync(path).mode & 0o777).toBe(0o700);
  for (const mode of [0o777, 0o770, 0o1777]) {
    chmodSync(path, mode);
    expect(() => openStateFolder(path)).toThrow('written by others');
  }
  chmodSync(path, 0o755);
  openStateFolder(path);
});
