import { execFileSync } from 'node:child_process';
import { mkdirSync, mkdtempSync, readFileSync, rmSync, statSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { EXIT_CODES } from './exit_codes.ts';
import { startTestControlPlane, type TestControlPlane } from './testing/local_control_plane.ts';
import { runPostern, startPostern } from './testing/run_postern.ts';

const POLICIES = join(import.meta.dirname, '../../../examples/demo/policies');
/** Neither a control plane nor a token: whoever tries a call fails. */
const OFFLINE = { POSTERN_URL: 'http://127.0.0.1:1', POSTERN_ADMIN_TOKEN_FILE: 'nowhere' };

let controlPlane: TestControlPlane;

beforeAll(async () => {
  controlPlane = await startTestControlPlane();
});

afterAll(() => controlPlane?.stop());

/** One command that succeeds, and its document. */
async function run<T = object>(...args: string[]): Promise<T> {
  const ended = await controlPlane.run([...args, '--json']);
  expect(ended, ended.err).toMatchObject({ code: 0 });
  return JSON.parse(ended.out) as T;
}

describe('an administrator needs nothing but the command line', () => {
  test('publishes, rolls back and lists releases', async () => {
    expect(await run('status')).toMatchObject({ trustDomain: 'demo.test', releaseNumber: 0, url: controlPlane.url });
    expect(await run('policy', 'publish', POLICIES, '--dry-run')).toMatchObject({ published: false, services: 2 });
    expect(await run('policy', 'publish', POLICIES)).toMatchObject({ published: true, number: 1 });
    expect(await run('policy', 'publish', POLICIES)).toMatchObject({ published: false, unchanged: true, number: 1 });
    expect(await run('policy', 'publish', POLICIES, '--force')).toMatchObject({ published: true, number: 2 });
    expect(await run('policy', 'rollback', '1')).toMatchObject({ published: true, number: 3 });
    expect(await run('policy', 'list')).toMatchObject({ current: 3, releases: [{ number: 3 }, {}, { number: 1 }] });
  });

  test('creates, shows, lists and deletes entries', async () => {
    const words = [
      '--spiffe-id',
      'spiffe://demo.test/a',
      '--parent',
      'spiffe://demo.test/postern/agent/node-9',
      '--ttl',
      '1h',
    ];
    const selectors = ['--selector', 'unix:uid:1', '--selector', 'unix:gid:2', '--dns-name', 'a.demo.test'];
    const created = await run<{ id: string; selectors: string[] }>('entry', 'create', ...words, ...selectors);
    expect(created).toMatchObject({ ttlSeconds: 3600, dnsNames: ['a.demo.test'] });
    expect(new Set(created.selectors)).toEqual(new Set(['unix:uid:1', 'unix:gid:2']));
    expect(await run('entry', 'show', created.id)).toEqual(created);
    expect(await run('entry', 'list')).toMatchObject({ entries: [{ id: created.id }] });
    expect(await run('entry', 'delete', created.id)).toMatchObject({ id: created.id });
    expect(await run('entry', 'list')).toMatchObject({ entries: [] });
  });

  test('revokes, and finds the record of it', async () => {
    expect(await run('revoke', 'device:lost', '--reason', 'stolen')).toMatchObject({ subject: 'device:lost' });
    const { records } = await run<{ records: { id: string }[] }>(
      'audit',
      'list',
      '--kind',
      'revocation',
      '--limit',
      '1',
    );
    expect(records).toMatchObject([{ kind: 'revocation', subject: 'device:lost', reason: 'stolen' }]);
    expect(await run('audit', 'show', records[0]?.id ?? '')).toEqual(records[0]);
  });

  test('keeps a join token where nobody else can read it', async () => {
    expect(await run('token', 'create', '--agent', 'node-2', '--out', 'node-2.token')).not.toHaveProperty('token');
    const file = join(controlPlane.folder, 'node-2.token');
    expect(statSync(file).mode & 0o777).toBe(0o600);
    expect(readFileSync(file, 'utf8')).toMatch(/^postern-join\./);
    const printed = await controlPlane.run(['token', 'create', '--agent', 'node-3']);
    expect(printed.out).toMatch(/^postern-join\.[\w-]+\n$/);
  });

  test('is not driven by what others wrote into a record', async () => {
    const driving = '\x1b]0;owned\x07\u202e';
    await controlPlane.run(['revoke', 'device:y', '--reason', `x${driving}`]);
    for (const command of [
      ['audit', 'list'],
      ['audit', 'list', '--json'],
    ]) {
      const { out } = await controlPlane.run(command);
      expect(out).toContain('x\\u001b]0;owned');
      expect(out).not.toMatch(/[\x1b\x07\u202e]/);
    }
  });
});

describe('a trail that was tampered with does not verify', () => {
  interface Trail {
    producers: { to: number }[];
    segments: { jws: string }[];
  }
  const verify = async (...args: string[]) => {
    const ended = await controlPlane.run(['audit', 'verify', ...args, '--json'], OFFLINE);
    return { code: ended.code, ...(JSON.parse(ended.out) as { findings: { kind: string }[] }) };
  };
  const file = (...path: string[]) => join(controlPlane.folder, ...path);
  let trail: Trail;

  beforeAll(async () => {
    await run('revoke', 'device:z', '--reason', 'to have a record');
    await run('audit', 'export', '--out', 'export');
    writeFileSync(file('pin.json'), (await controlPlane.run(['status', '--json'])).out);
    trail = JSON.parse(readFileSync(file('export/trail.json'), 'utf8'));
  });

  test('as it is, it verifies, and says whose keys that rests on', async () => {
    expect(statSync(file('export/trail.json')).mode & 0o777).toBe(0o600);
    expect(await run('audit', 'verify')).toMatchObject({ ok: true, keySource: 'control-plane' });
    expect(await run('audit', 'verify', '--trust', 'export/trust.json')).toMatchObject({
      ok: true,
      keySource: 'pinned',
    });
    expect(await verify('export')).toMatchObject({ code: 0, ok: true, keySource: 'export' });
    expect(await verify('export', '--trust', 'pin.json')).toMatchObject({ code: 0, ok: true, keySource: 'pinned' });
  });

  test.each([
    ['a segment is gone', (copy: Trail) => copy.segments.splice(1, 1)],
    ['the last segment is gone', (copy: Trail) => copy.segments.pop()],
    ['two segments change places', (copy: Trail) => copy.segments.splice(0, 2, ...copy.segments.slice(0, 2).reverse())],
    [
      'a signature is another',
      (copy: Trail) => {
        const [first] = copy.segments;
        if (first !== undefined) first.jws = `${first.jws.slice(0, -8)}AAAAAAAA`;
      },
    ],
    [
      'a producer of records is not mentioned',
      (copy: Trail) =>
        copy.producers.splice(
          copy.producers.findIndex(({ to }) => to > 0),
          1,
        ),
    ],
  ])('%s', async (name, change) => {
    const copy = structuredClone(trail);
    change(copy);
    mkdirSync(file(name));
    writeFileSync(file(name, 'trail.json'), JSON.stringify(copy));
    const verdict = await verify(name, '--trust', 'pin.json');
    expect(verdict).toMatchObject({ code: EXIT_CODES.refused.code, ok: false });
    expect(verdict.findings).not.toEqual([]);
  });

  test('the keys are those of another authority', async () => {
    const [key] = JSON.parse(readFileSync(file('export/trust.json'), 'utf8')).assertionKeys;
    writeFileSync(file('other.json'), JSON.stringify({ assertionKeys: [{ ...key, kid: 'another' }] }));
    expect(await verify('export', '--trust', 'other.json')).toMatchObject({ code: EXIT_CODES.refused.code, ok: false });
  });
});

describe('what is offline needs no control plane', () => {
  const offline = (...args: string[]) => controlPlane.run(args, OFFLINE);

  test('checks and tests policies', async () => {
    const checked = await offline('policy', 'check', POLICIES, '--json');
    expect(JSON.parse(checked.out)).toMatchObject({ ok: true, trustDomain: 'demo.test', problems: [] });
    const tested = await offline('policy', 'test', POLICIES, '--json');
    expect(JSON.parse(tested.out)).toMatchObject({ ok: true, unexercised: [] });
    expect(await offline('policy', 'check', POLICIES, '--trust-domain', 'other.test')).toMatchObject({ code: 1 });
  });

  test('help has examples and exit codes, and no colours in a pipe', async () => {
    const help = await offline('--help');
    expect(help).toMatchObject({ code: 0, err: '' });
    for (const { code, meaning } of Object.values(EXIT_CODES)) expect(help.out).toContain(`${code}  ${meaning}`);
    expect((await offline('entry', 'create', '--help')).out).toContain('Examples:\n  $ postern entry create');
    expect(help.out).not.toContain('\x1b');
  });
});

describe('from nothing to an identity', () => {
  test('a control plane starts, answers and ends by Ctrl-C', async () => {
    const folder = mkdtempSync(join(tmpdir(), 'postern-cli-'));
    const start = await startPostern(['start', '--port', '0', '--authorize-port', '0', '--json'], { folder });
    try {
      const { event, url } = JSON.parse(start.firstLine);
      expect(event).toBe('ready');
      expect(await runPostern(['status'], { folder, environment: { POSTERN_URL: url } })).toMatchObject({ code: 0 });
    } finally {
      expect(await start.interrupt()).toBe(0);
      rmSync(folder, { recursive: true, force: true });
    }
  });

  test('an agent joins, and this process gets an SVID that OpenSSL accepts', async () => {
    const { folder } = controlPlane;
    const agentId = 'spiffe://demo.test/postern/agent/node-1';
    const spiffeId = 'spiffe://demo.test/app';
    await run('policy', 'publish', POLICIES);
    await run('token', 'create', '--agent', 'node-1', '--out', 'node-1.token');
    const endpoint = ['--bundle-endpoint', '127.0.0.1:0'];
    const agent = await startPostern(['agent', '--join-token-file', 'node-1.token', ...endpoint], { folder });
    try {
      expect(JSON.parse(agent.firstLine)).toMatchObject({
        event: 'ready',
        spiffeId: agentId,
        bundleEndpoint: { address: '127.0.0.1', port: expect.any(Number) },
      });
      const early = await controlPlane.run(['svid', 'fetch', '--json']);
      expect(JSON.parse(early.out).error).toMatchObject({
        reason: 'identity-not-issued',
        exitCode: EXIT_CODES.denied.code,
      });
      await run(
        'entry',
        'create',
        '--spiffe-id',
        spiffeId,
        '--parent',
        agentId,
        '--selector',
        `unix:uid:${process.getuid?.()}`,
      );
      const fetched = await run('svid', 'fetch', '--wait', '15s', '--out', 'svid');
      expect(fetched).toMatchObject({ svids: [{ spiffeId }], written: { spiffeId } });
      expect(JSON.stringify(fetched)).not.toContain('PRIVATE KEY');
      const file = (name: string) => join(folder, 'svid', name);
      expect(statSync(file('key.pem')).mode & 0o777).toBe(0o600);
      const words = ['verify', '-CAfile', file('bundle.pem'), '-untrusted', file('svid.pem'), file('svid.pem')];
      expect(execFileSync('openssl', words).toString()).toContain(': OK');
      const other = await controlPlane.run(['svid', 'fetch', '--spiffe-id', 'spiffe://demo.test/b', '--json']);
      expect(JSON.parse(other.out).error).toMatchObject({ reason: 'identity-not-issued' });
      const jwt = ['svid', 'fetch', '--jwt', '--audience', 'ledger', '--audience', 'audit'];
      const { svids } = await run<{ svids: { token: string }[] }>(...jwt);
      const [{ token }] = svids as [{ token: string }];
      const [, claims = '', signature] = token.split('.');
      expect(JSON.parse(Buffer.from(claims, 'base64url').toString())).toMatchObject({
        iss: controlPlane.url,
        sub: spiffeId,
        aud: ['audit', 'ledger'],
      });
      const kept = await run(...jwt, '--out', 'svid');
      expect(JSON.stringify(kept)).not.toContain(signature);
      expect(readFileSync(file('svid.jwt'), 'utf8').trim()).toBe(token);
      expect(statSync(file('svid.jwt')).mode & 0o777).toBe(0o600);
      const verifying = ['svid', 'verify-jwt', 'svid/svid.jwt', '--audience'];
      expect(await run(...verifying, 'ledger')).toMatchObject({ valid: true, spiffeId, audience: ['audit', 'ledger'] });
      const misused = await controlPlane.run([...verifying, 'storefront', '--json']);
      expect(JSON.parse(misused.out).error).toMatchObject({ reason: 'jwt-svid-audience-mismatch' });
      expect(await run('doctor')).toMatchObject({ ok: true });
      const second = await controlPlane.run(['agent', '--json']);
      expect(JSON.parse(second.out).error).toMatchObject({ reason: 'folder-in-use' });
      const following = await startPostern(['svid', 'fetch', '--follow', '--json'], { folder });
      expect(JSON.parse(following.firstLine)).toMatchObject({ svids: [{ spiffeId }] });
      expect(await following.interrupt()).toBe(0);
    } finally {
      expect(await agent.interrupt()).toBe(0);
    }
  }, 40_000);
});
