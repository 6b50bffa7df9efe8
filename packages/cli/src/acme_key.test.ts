import { execFileSync } from 'node:child_process';
import type { CreatedAcmeKeyAnswer, EntryAnswer } from '@postern/api';
import { afterAll, beforeAll, expect, test } from 'vitest';
import { startTestControlPlane, type TestControlPlane } from './testing/local_control_plane.ts';

let controlPlane: TestControlPlane;
beforeAll(async () => {
  controlPlane = await startTestControlPlane({ acmeUrl: 'https://acme.demo.test' });
});
afterAll(() => controlPlane.stop());

const postern = async (...args: string[]) => controlPlane.runHere(args);
async function json<T>(...args: string[]): Promise<T> {
  const { code, out, err } = await postern(...args, '--json');
  if (code !== 0) throw new Error(err);
  return JSON.parse(out) as T;
}
let entered = 0;
async function enter(...more: string[]): Promise<EntryAnswer> {
  entered += 1;
  const names = ['--spiffe-id', `spiffe://demo.test/web-${entered}`, '--parent', 'spiffe://demo.test/postern/agent/n'];
  return json('entry', 'create', ...names, '--selector', 'unix:uid:1', ...more);
}

test('a key comes with commands that a shell reads as they are meant, its secret as one word', async () => {
  const { id } = await enter('--dns-name', 'a.demo.test', '--dns-name', 'b.demo.test');
  const { code, out } = await postern('acme', 'key', 'create', '--entry', id, '--ttl', '10m');
  expect(code).toBe(0);
  expect(out).toContain('of a server: the DNS names alone');
  const [, secret = ''] = /HMAC key +(\S+)/.exec(out) ?? [];
  const command = out.slice(out.indexOf('certbot certonly'), out.indexOf('# dehydrated'));
  const words = execFileSync('sh', ['-c', `set -- ${command}\nprintf '%s\\n' "$@"`], { encoding: 'utf8' }).split('\n');
  expect(words).toEqual(
    expect.arrayContaining([`--eab-hmac-key=${secret}`, 'https://acme.demo.test/acme/directory', 'b.demo.test']),
  );
  expect(out).toContain(`--hmac=${secret}`);
});

test('keys are listed by whether they were used, and deleted', async () => {
  const entry = await enter('--dns-name', 'c.demo.test');
  const { id, hmacKey } = await json<CreatedAcmeKeyAnswer>('acme', 'key', 'create', '--entry', entry.id);
  const { out } = await postern('acme', 'key', 'list');
  expect(out.split('\n').find((line) => line.includes(id))).toContain('none; can be made until');
  expect(out).not.toContain(hmacKey);
  expect((await postern('acme', 'key', 'delete', id)).out).toContain(`postern revoke entry:${entry.id}`);
  expect((await postern('acme', 'key', 'list')).out).not.toContain(id);
});

test('an entry that has no names to order is told so', async () => {
  const { id } = await enter();
  const { code, err } = await postern('acme', 'key', 'create', '--entry', id);
  expect(code).not.toBe(0);
  expect(err).toContain('ACME needs an entry with DNS names');
});

test.each(['10s', '31d'])('a key that is usable for %s is refused', async (ttl) => {
  const { code, err } = await postern('acme', 'key', 'create', '--entry', 'x', '--ttl', ttl);
  expect([code, err]).toEqual([2, expect.stringContaining('1m to 30d')]);
});

test.each([
  ['--acme-allow-range', '10.0.0.1'],
  ['--acme-allow-range', '10.0.0.0/33'],
  ['--acme-url', 'http://acme.demo.test'],
  ['--acme-url', 'https://acme.demo.test/'],
])('a control plane does not start with %s %s', async (option, value) => {
  const { code, err } = await postern('start', '--dir', 'other', '--port', '0', option, value);
  expect(code).toBe(2);
  expect(err).toContain(value);
});
