/** `postern agent run` as a real process over a real agent's socket, with real programs under it. */
import { createPrivateKey, X509Certificate } from 'node:crypto';
import {
  existsSync,
  lstatSync,
  mkdtempSync,
  readdirSync,
  readFileSync,
  rmSync,
  statSync,
  writeFileSync,
} from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { type LocalAgent, OWN_UID, startLocalAgent } from '@postern/agent/testing';
import { afterEach, beforeEach, describe, expect, test } from 'vitest';
import { type RunningProcess, startProcess } from '../../../test/kit/process.ts';
import { EXIT_CODES } from './exit_codes.ts';
import { MAIN, runPostern } from './testing/run_postern.ts';

const web = { path: '/web', selectors: [OWN_UID], hint: 'web' };
const batch = { path: '/batch', selectors: [OWN_UID], hint: 'batch' };

let agent: LocalAgent;
let folder: string;
let runtime: string;
let environment: { readonly [name: string]: string };
const running: RunningProcess[] = [];

beforeEach(async () => {
  agent = await startLocalAgent();
  folder = mkdtempSync(join(tmpdir(), 'postern-run-test-'));
  runtime = mkdtempSync(join(tmpdir(), 'postern-runtime-'));
  environment = { SPIFFE_ENDPOINT_SOCKET: `unix://${agent.socketPath}`, XDG_RUNTIME_DIR: runtime };
});
afterEach(async () => {
  await Promise.all(running.splice(0).map((process) => process.stop()));
  await agent.stop();
  for (const one of [folder, runtime]) rmSync(one, { recursive: true, force: true });
});

/** A program of one script, so that a test reads what it does. */
function script(text: string): readonly string[] {
  const path = join(folder, 'program.cjs');
  writeFileSync(path, text);
  return [process.execPath, path];
}

const toEnd = (args: readonly string[], more = {}) =>
  runPostern(['agent', 'run', ...args], { folder, environment: { ...environment, ...more } });

async function start(args: readonly string[], ready = /^started/m): Promise<RunningProcess> {
  const started = await startProcess({
    name: 'postern agent run',
    command: process.execPath,
    args: [MAIN, 'agent', 'run', ...args],
    folder,
    environment,
    ready: { line: ready },
  });
  running.push(started);
  return started;
}

const serialIn = (dir: string) => new X509Certificate(readFileSync(join(dir, 'svid.pem'))).serialNumber.toLowerCase();
const serialOf = (path = '/web') => agent.identity(path).serial.replace(/^0+/, '');
const count = (process: RunningProcess, line: RegExp) =>
  process.output.text().match(new RegExp(line, 'gm'))?.length ?? 0;

/** Says `started PID`, `got SIGHUP SERIAL` for each; ends with 7 by SIGTERM. */
const LISTENER = `
const { readFileSync } = require('node:fs');
const { X509Certificate } = require('node:crypto');
const serial = () => new X509Certificate(readFileSync(process.env.POSTERN_SVID_FILE)).serialNumber.toLowerCase();
for (const name of ['SIGHUP', 'SIGINT', 'SIGQUIT', 'SIGUSR1', 'SIGUSR2'])
  process.on(name, () => console.log('got', name, serial()));
process.on('SIGTERM', () => process.exit(7));
setInterval(() => {}, 1000);
console.log('started', process.pid, serial(), process.env.POSTERN_SVID_DIR);
`;
const STUBBORN = `
process.on('SIGTERM', () => console.log('ignored'));
setInterval(() => {}, 1000);
console.log('started', process.pid);
`;

describe('what a program under it finds', () => {
  test('is told where its files and the Workload API are, and leaves nothing behind', async () => {
    await agent.entitle([web]);
    const program = script(`
      const { readFileSync, statSync } = require('node:fs');
      const of = (path) => ({ text: readFileSync(path, 'utf8'), mode: statSync(path).mode & 0o777 });
      const { POSTERN_SVID_FILE, POSTERN_SVID_KEY_FILE, POSTERN_BUNDLE_FILE, ...rest } = process.env;
      const files = { svid: of(POSTERN_SVID_FILE), key: of(POSTERN_SVID_KEY_FILE), bundle: of(POSTERN_BUNDLE_FILE) };
      const folderMode = statSync(rest.POSTERN_SVID_DIR).mode & 0o777;
      console.log(JSON.stringify({ files, folderMode, rest, args: process.argv.slice(2) }));`);
    const ended = await toEnd(['--', ...program, '--flag', '--', '--json']);
    expect(ended, ended.err).toMatchObject({ code: 0 });
    const { files, folderMode, rest, args } = JSON.parse(ended.out);
    expect(args).toEqual(['--flag', '--', '--json']);
    expect(rest).toMatchObject({
      SPIFFE_ENDPOINT_SOCKET: `unix://${agent.socketPath}`,
      POSTERN_SPIFFE_ID: 'spiffe://demo.test/web',
    });
    const leaf = new X509Certificate(files.svid.text);
    expect(leaf.subjectAltName).toBe('URI:spiffe://demo.test/web');
    expect(leaf.checkPrivateKey(createPrivateKey(files.key.text))).toBe(true);
    expect(files.svid.text.match(/BEGIN CERTIFICATE/g)).toHaveLength(2);
    expect(new X509Certificate(files.bundle.text).raw).toEqual(Buffer.from(agent.root));
    expect([folderMode, files.key.mode, files.svid.mode]).toEqual([0o700, 0o600, 0o644]);
    expect(rest.POSTERN_SVID_DIR.startsWith(runtime)).toBe(true);
    expect(readdirSync(runtime)).toEqual([]);
    expect(ended.err).not.toMatch(/PRIVATE/);
  });

  test.each([
    ['the first without a word', [], 'spiffe://demo.test/batch'],
    ['by its SPIFFE ID', ['--spiffe-id', 'spiffe://demo.test/web'], 'spiffe://demo.test/web'],
    ['by its hint', ['--hint', 'web'], 'spiffe://demo.test/web'],
  ])('chooses among several identities %s', async (_, options, spiffeId) => {
    await agent.entitle([web, batch]);
    const ended = await toEnd([...options, '--', 'sh', '-c', 'echo $POSTERN_SPIFFE_ID']);
    expect(ended).toMatchObject({ code: 0, out: `${spiffeId}\n` });
  });

  test('files by the names that are asked for; a folder of the user keeps them, unless told otherwise', async () => {
    await agent.entitle([web]);
    const names = ['--svid-key-file-name', 'key.pem', '--svid-bundle-file-name', 'svid_bundle.pem'];
    const tokens = ['--jwt', 'https://a.test/?x=1=one.jwt', '--jwt', 'b=two.jwt'];
    writeFileSync(join(folder, 'svid.pem'), 'from before');
    writeFileSync(join(folder, 'other'), '');
    const command = ['--out', '.', ...names, ...tokens, '--', 'sh', '-c', 'cut -d. -f2 one.jwt two.jwt'];
    const ended = await toEnd(command);
    expect(ended, ended.err).toMatchObject({ code: 0 });
    const claims = ended.out
      .trim()
      .split('\n')
      .map((part) => JSON.parse(String(Buffer.from(part, 'base64url'))));
    expect(claims).toMatchObject([
      { sub: 'spiffe://demo.test/web', aud: ['https://a.test/?x=1'] },
      { sub: 'spiffe://demo.test/web', aud: ['b'] },
    ]);
    const visible = () => readdirSync(folder).filter((name) => !name.startsWith('.'));
    expect(visible()).toEqual(['key.pem', 'one.jwt', 'other', 'svid.pem', 'svid_bundle.pem', 'two.jwt']);
    expect(serialIn(folder)).toBe(serialOf());
    for (const name of ['key.pem', 'one.jwt']) expect(statSync(join(folder, name)).mode & 0o777).toBe(0o600);
    expect(readdirSync(folder).filter((name) => name.startsWith('..postern-'))).toHaveLength(1);
    expect((await toEnd(['--remove-files', ...command])).code).toBe(0);
    expect(readdirSync(folder)).toEqual(['other']);
  });
});

describe('a rotation', () => {
  test('is on the disk before the program is told, and a rotation without a change is none', async () => {
    await agent.entitle([web]);
    const under = await start(['--out', 'svid', '--signal', 'SIGHUP', '--', ...script(LISTENER)]);
    expect(under.output.text()).toContain(serialOf());
    for (let round = 1; round <= 3; round++) {
      await agent.rotate();
      await expect.poll(() => under.output.text(), { timeout: 5_000 }).toContain(`got SIGHUP ${serialOf()}`);
    }
    // Another workload's entry changes nothing here.
    await agent.entitle([web, { path: '/other', selectors: ['unix:uid:4000000000'] }]);
    agent.store.setBundles(new Map([['demo.test', [agent.root, agent.root]]]));
    await expect.poll(() => count(under, /^got SIGHUP/), { timeout: 5_000 }).toBe(4);
    expect(readFileSync(join(folder, 'svid/bundle.pem'), 'utf8').match(/BEGIN/g)).toHaveLength(2);
  });

  test('is never seen half: certificate and key are of one moment', async () => {
    await agent.entitle([web]);
    const reader = script(`
      const { openSync, readFileSync, readlinkSync } = require('node:fs');
      const { createPrivateKey, X509Certificate } = require('node:crypto');
      console.log('started');
      let [fits, seen] = [0, new Set()];
      const end = Date.now() + 4000;
      (function look() {
        // As a program that holds the folder does: both by way of one generation.
        const generation = process.env.POSTERN_SVID_DIR + '/' + readlinkSync(process.env.POSTERN_SVID_DIR + '/..postern');
        try {
          const [svid, key] = ['svid.pem', 'svid_key.pem'].map((name) => readFileSync(generation + '/' + name));
          const leaf = new X509Certificate(svid);
          if (!leaf.checkPrivateKey(createPrivateKey(key))) { console.log('broken'); process.exit(9); }
          seen.add(leaf.serialNumber); fits++;
        } catch (fault) { if (fault.code !== 'ENOENT') throw fault; }
        if (Date.now() < end) return setImmediate(look);
        console.log('fits', fits, 'serials', seen.size);
      })();`);
    const under = await start(['--', ...reader]);
    for (let round = 0; round < 20; round++) await agent.rotate();
    expect((await under.exited).code).toBe(0);
    const [, fits, serials] = /fits (\d+) serials (\d+)/.exec(under.output.text()) ?? [];
    expect(Number(fits)).toBeGreaterThan(10);
    expect(Number(serials)).toBeGreaterThan(1);
  });

  test('restarts a program that reads its files only at its start', async () => {
    await agent.entitle([web]);
    const under = await start(['--restart', '--', ...script(LISTENER)]);
    await agent.rotate();
    await expect.poll(() => count(under, /^started/), { timeout: 5_000 }).toBe(2);
    expect(under.output.text()).toMatch(new RegExp(`^started \\d+ ${serialOf()} `, 'm'));
    expect(await under.stop()).toEqual({ code: 7, signal: null });
  });

  test('kills a program that will not end, and starts it again', async () => {
    await agent.entitle([web]);
    const under = await start(['--restart', '--kill-after', '1s', '--', ...script(STUBBORN)]);
    await agent.rotate();
    await expect.poll(() => count(under, /^started/), { timeout: 5_000 }).toBe(2);
    expect(under.output.text()).toMatch(/^ignored/m);
    expect(under.output.text()).toContain('program-killed');
    expect(await under.stop()).toEqual({ code: 137, signal: null });
  });
});

describe('the end', () => {
  test.each([
    ['its own exit code', 'exit 42', 42],
    ['that of nothing amiss', 'exit 0', 0],
    ['the signal that ended it', 'kill -KILL $$', 137],
    ['a fault of its own', 'kill -SEGV $$', 139],
  ])('is the program’s: %s', async (_, text, code) => {
    await agent.entitle([web]);
    expect((await toEnd(['--', 'sh', '-c', text])).code).toBe(code);
    expect(readdirSync(runtime)).toEqual([]);
  });

  test('every signal reaches the program, and SIGTERM ends both', async () => {
    await agent.entitle([web]);
    const under = await start(['--', ...script(LISTENER)]);
    for (const name of ['SIGHUP', 'SIGINT', 'SIGQUIT', 'SIGUSR1', 'SIGUSR2'] as const) {
      process.kill(under.pid, name);
      await expect.poll(() => under.output.text()).toMatch(new RegExp(`^got ${name} `, 'm'));
    }
    process.kill(under.pid, 'SIGTERM');
    expect(await under.exited).toEqual({ code: 7, signal: null });
    expect(readdirSync(runtime)).toEqual([]);
  });

  test('a program that ignores SIGTERM is killed, and no key is left', async () => {
    await agent.entitle([web]);
    const under = await start(['--kill-after', '1s', '--', ...script(STUBBORN)]);
    expect(readdirSync(runtime)).toHaveLength(1);
    process.kill(under.pid, 'SIGTERM');
    expect(await under.exited).toEqual({ code: 137, signal: null });
    expect(under.output.text()).toMatch(/^ignored/m);
    expect(readdirSync(runtime)).toEqual([]);
  });
});

describe('an agent that is away', () => {
  test('at the start is waited for', async () => {
    const entitled = new Promise((resolve) => setTimeout(() => resolve(agent.entitle([web])), 1_500));
    const ended = await toEnd(['--wait', '20s', '--', 'echo', 'ran']);
    await entitled;
    expect(ended, ended.err).toMatchObject({ code: 0, out: 'ran\n' });
    expect(ended.err).toContain('svid-fetched-again');
  });

  test.each([
    ['no agent', { SPIFFE_ENDPOINT_SOCKET: 'unix:///nowhere/agent.sock' }, 'unavailable', 'workload-api-unreachable'],
    ['no entry', {}, 'denied', 'identity-not-issued'],
  ] as const)('is waited for no longer than was said: %s', async (_, more, exit, reason) => {
    const startMs = performance.now();
    const ended = await toEnd(['--wait', '1s', '--json', '--', 'echo', 'ran'], more);
    expect(ended.code).toBe(EXIT_CODES[exit].code);
    expect(JSON.parse(ended.out).error).toMatchObject({ reason });
    expect(performance.now() - startMs).toBeLessThan(8_000);
    expect(readdirSync(runtime)).toEqual([]);
  });

  test('is not waited for by who has had enough: nothing was started, nothing is left', async () => {
    const under = await start(['--', 'echo', 'ran'], /svid-not-fetched/);
    process.kill(under.pid, 'SIGINT');
    expect(await under.exited).toEqual({ code: 130, signal: null });
    expect(under.output.text()).not.toContain('ran');
    expect(readdirSync(runtime)).toEqual([]);
  });

  test('later is said once; files and program stay, and the next rotation after it is back is taken', async () => {
    await agent.entitle([web]);
    const under = await start(['--signal', 'SIGHUP', '--', ...script(LISTENER)]);
    await agent.stopServing();
    await expect.poll(() => under.output.text(), { timeout: 5_000 }).toContain('svid-not-fetched');
    expect(lstatSync(join(runtime, readdirSync(runtime)[0] as string)).isDirectory()).toBe(true);
    await new Promise((resolve) => setTimeout(resolve, 1_500));
    await agent.rotate();
    await agent.serve();
    await expect.poll(() => under.output.text(), { timeout: 15_000 }).toContain(`got SIGHUP ${serialOf()}`);
    expect(count(under, /svid-not-fetched reason=workload-api-unreachable/)).toBeLessThanOrEqual(1);
    expect(under.output.text()).toContain('svid-fetched-again');
  });

  test('an identity that is taken back is said, and never replaced by another one', async () => {
    await agent.entitle([batch, web]);
    const under = await start(['--out', 'svid', '--signal', 'SIGHUP', '--', ...script(LISTENER)]);
    const before = serialOf('/batch');
    await agent.entitle([web]);
    await expect.poll(() => under.output.text(), { timeout: 5_000 }).toContain('reason=identity-not-issued');
    expect(serialIn(join(folder, 'svid'))).toBe(before);
    await agent.entitle([batch, web]);
    await expect.poll(() => under.output.text(), { timeout: 5_000 }).toContain(`got SIGHUP ${serialOf('/batch')}`);
  });
});

describe('a command line that cannot be', () => {
  const rows: [string, readonly string[], string][] = [
    ['no program', [], 'command-line'],
    ['a program that is not there', ['--', 'no-such-program'], 'program-not-started'],
    ['a file that is no program', ['--', '/etc/passwd'], 'program-not-started'],
    ['another identity', ['--wait', '1s', '--spiffe-id', 'spiffe://demo.test/x', '--', 'true'], 'identity-not-issued'],
    ['another hint', ['--wait', '1s', '--hint', 'x', '--', 'true'], 'identity-not-issued'],
    ['a signal that there is not', ['--signal', 'SIGFOO', '--', 'true'], 'command-line'],
    ['a signal and a restart', ['--signal', 'SIGHUP', '--restart', '--', 'true'], 'command-line'],
    ['two files of one name', ['--jwt', 'a=svid.pem', '--', 'true'], 'command-line'],
    ['a file elsewhere', ['--jwt', 'a=../x', '--', 'true'], 'command-line'],
    ['a hidden file', ['--svid-file-name', '..postern', '--', 'true'], 'command-line'],
    ['a token for nobody', ['--jwt', '=a.jwt', '--', 'true'], 'command-line'],
    ['a private folder that is to be removed', ['--remove-files', '--', 'true'], 'command-line'],
    ['a folder that cannot be', ['--out', '/dev/null/x', '--', 'true'], 'output-not-written'],
    ['a socket that is none', ['--socket', 'tcp://a:1', '--', 'true'], 'socket-address'],
  ];
  test.each(rows)('%s', async (_, args, reason) => {
    await agent.entitle([web]);
    const ended = await toEnd(['--json', ...args]);
    expect(JSON.parse(ended.out).error, ended.err).toMatchObject({ reason });
    expect(ended.err).toMatch(/error: [^\n]+\ntry: [^\n]+\n$/);
    expect(readdirSync(runtime)).toEqual([]);
    expect(existsSync(join(folder, 'svid.pem'))).toBe(false);
  });
});
