/** `postern revoke`: what its options do, what it says, and what its exit code says to a script. */
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { EXIT_CODES, type ExitName } from './exit_codes.ts';
import { startTestControlPlane, type TestControlPlane } from './testing/local_control_plane.ts';

let controlPlane: TestControlPlane;
let entryId: string;
beforeAll(async () => {
  controlPlane = await startTestControlPlane();
  const agent = 'spiffe://demo.test/postern/agent/node-1';
  const words = ['--spiffe-id', 'spiffe://demo.test/a', '--parent', agent, '--selector', 'unix:uid:1'];
  entryId = (await json<{ id: string }>('entry', 'create', ...words)).id;
});
afterAll(() => controlPlane?.stop());

const run = (...args: string[]) => controlPlane.runHere(args);

async function json<T>(...args: string[]): Promise<T> {
  const { code, out, err } = await run(...args, '--json');
  if (code !== 0) throw new Error(`${code}: ${err}`);
  return JSON.parse(out) as T;
}

async function subjects(): Promise<readonly string[]> {
  const { revocations } = await json<{ revocations: { subject: string }[] }>('revoke', '--list');
  return revocations.map(({ subject }) => subject);
}

test('a dry run says what would be revoked, and revokes nothing', async () => {
  const { code, out } = await run('revoke', `entry:${entryId}`, '--reason', 'drill', '--dry-run');
  expect({ code, out }).toEqual({ code: 0, out: `would revoke entry:${entryId}\n` });
  const dry = await json('revoke', 'agent:node-1', '--reason', 'drill', '--dry-run');
  expect(dry).toEqual({ subject: 'agent:spiffe://demo.test/postern/agent/node-1', dryRun: true, svids: 0 });
  expect(await subjects()).toEqual([]);
});

test('what is revoked is listed with its code and reason, and no more when it was given back', async () => {
  const words = ['--reason', 'key on a lost disk', '--reason-code', 'certificate-hold', '--expires-in', '2h'];
  expect(await json('revoke', 'svid:5F:0C', ...words)).toMatchObject({ subject: 'svid:5f0c', isApplied: true });
  await json('revoke', `entry:${entryId}`, '--reason', 'audit');
  expect((await subjects()).toSorted()).toEqual([`entry:${entryId}`, 'svid:5f0c']);
  const dry = await run('revoke', `entry:${entryId}`, '--reason', 'done', '--lift', '--dry-run');
  expect(dry).toMatchObject({ code: 0, out: `would give back entry:${entryId}\n` });
  expect(await subjects()).toContain(`entry:${entryId}`);
  const { out } = await run('revoke', '--list');
  const [heading, ...rows] = out.trimEnd().split('\n');
  expect(heading).toMatch(/^SUBJECT +REVOKED +UNTIL +CODE +REASON$/);
  expect(rows.find((row) => row.startsWith('svid:5f0c'))).toMatch(/ certificate-hold +key on a lost disk$/);
  const lifted = await run('revoke', 'svid:5f0c', '--reason', 'found', '--lift');
  expect(lifted).toMatchObject({ code: 0, out: expect.stringMatching(/^gave back svid:5f0c \(feed \d+\)\n$/) });
  expect(await json('revoke', `entry:${entryId}`, '--reason', 'done', '--lift')).toMatchObject({ lifted: true });
  expect((await run('revoke', '--list')).out).toBe('nothing is revoked\n');
});

describe('the exit code says', () => {
  const rows: readonly (readonly [name: string, args: readonly string[], exit: ExitName, reason: string])[] = [
    ['that nothing was named', ['--reason', 'x'], 'usage', 'command-line'],
    ['that the reason is missing', ['device:x'], 'usage', 'command-line'],
    ['that a list is of all', ['device:x', '--list'], 'usage', 'command-line'],
    ['that a list revokes nothing', ['--list', '--dry-run'], 'usage', 'command-line'],
    ['that a list gives nothing back', ['--list', '--lift'], 'usage', 'command-line'],
    [
      'that a code is none of the lists’',
      ['device:x', '--reason', 'x', '--reason-code', 'lost'],
      'usage',
      'command-line',
    ],
    ['that a duration is none', ['device:x', '--reason', 'x', '--expires-in', 'soon'], 'usage', 'command-line'],
    ['that a serial is none', ['svid:laptop', '--reason', 'x'], 'refused', 'malformed-request'],
    ['that an entry is none', ['entry:01890000-0000-7000-8000-000000000000', '--reason', 'x'], 'refused', 'not-found'],
    ['that nothing is to be given back', ['device:y', '--reason', 'x', '--lift'], 'refused', 'not-found'],
    ['that a reason is too long', ['device:y', '--reason', 'x'.repeat(257)], 'refused', 'malformed-request'],
    ['that nobody is there', ['--list', '--url', 'http://127.0.0.1:1'], 'unavailable', 'control-plane-unreachable'],
  ];

  test.each(rows)('%s', async (_name, args, exit, reason) => {
    const { code, out } = await run('revoke', ...args, '--json');
    expect(code).toBe(EXIT_CODES[exit].code);
    expect(JSON.parse(out)).toMatchObject({ error: { reason, exitCode: code } });
  });

  test('that a revocation for good is not given back', async () => {
    await json('revoke', 'svid:0a', '--reason', 'lost');
    const { code, err } = await run('revoke', 'svid:0a', '--reason', 'found', '--lift');
    expect(code).toBe(EXIT_CODES.refused.code);
    expect(err).toContain('only a certificate-hold is lifted');
  });

  test('that the token is nobody’s', async () => {
    const folder = mkdtempSync(join(tmpdir(), 'postern-revoke-'));
    writeFileSync(join(folder, 'token'), 'nobody', { mode: 0o600 });
    const { code } = await run('revoke', 'device:z', '--reason', 'x', '--token-file', join(folder, 'token'));
    rmSync(folder, { recursive: true });
    expect(code).toBe(EXIT_CODES.denied.code);
    expect(await subjects()).not.toContain('device:z');
  });
});
