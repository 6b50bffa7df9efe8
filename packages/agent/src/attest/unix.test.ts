import { spawnSync } from 'node:child_process';
import { createHash } from 'node:crypto';
import { chmodSync, copyFileSync, linkSync, mkdtempSync, readFileSync, renameSync, rmSync, unlinkSync } from 'node:fs';
import type { Socket } from 'node:net';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, afterEach, beforeAll, describe, expect, test } from 'vitest';
import { type RunningProcess, startProcess } from '../../../../test/kit/process.ts';
import type { PeerCredentials } from '../peer/credentials.ts';
import { readPeerProcess } from '../peer/process.ts';
import { listenUnix, type UnixListener } from '../peer/unix_listener.ts';
import { createUnixAttestor } from './unix.ts';

const NOBODY = 65_534;
const isRoot = process.getuid?.() === 0;
const folder = mkdtempSync(join(tmpdir(), 'postern-attest-'));
// Another user must be able to run programs from it.
chmodSync(folder, 0o755);
const socketPath = join(folder, 'api.sock');
const attestor = createUnixAttestor({ needsDigest: () => false });
const digesting = createUnixAttestor({ needsDigest: () => true });

let listener: UnixListener;
let waiting: ((peer: PeerCredentials) => void) | undefined;
const running: RunningProcess[] = [];
const sockets: Socket[] = [];

beforeAll(async () => {
  listener = await listenUnix({
    path: socketPath,
    mode: 0o777,
    log: () => {},
    onConnection(socket, peer) {
      sockets.push(socket.resume());
      waiting?.(peer);
    },
  });
});
afterEach(async () => {
  await Promise.all(running.splice(0).map((program) => program.stop(100)));
});
afterAll(async () => {
  for (const socket of sockets) socket.destroy();
  await listener.close();
  rmSync(folder, { recursive: true, force: true });
});

const nextPeer = () =>
  new Promise<PeerCredentials>((resolve) => {
    waiting = resolve;
  });

/** A program at a path of its own. */
function copyOfNode(name: string): string {
  const path = join(folder, name);
  copyFileSync(process.execPath, path);
  return path;
}

const CONNECT = `const socket = require('node:net').connect(${JSON.stringify(socketPath)}); socket.on('error', () => {}); socket.resume();`;
/** Another process keeps the connection open, whatever becomes of the one that made it. */
const CONNECT_AND_SHARE = `${CONNECT}
  socket.on('connect', () => {
    require('node:child_process').spawn('sleep', ['10'], { stdio: ['ignore', 'ignore', 'ignore', socket._handle.fd] });
    AFTER;
  });`;

/** Starts a program that connects, and gives what the listener saw of it. */
async function connectFrom(command: string, args: readonly string[]): Promise<PeerCredentials> {
  const peer = nextPeer();
  running.push(await startProcess({ name: 'workload', command, args }));
  return peer;
}

function sha256(path: string): string {
  return createHash('sha256').update(readFileSync(path)).digest('hex');
}

describe('selectors', () => {
  test('are user, group and the path of the program that runs', async () => {
    const path = copyOfNode('workload');
    const peer = await connectFrom(path, ['-e', CONNECT]);
    expect(await attestor.attest(peer)).toEqual({
      ok: true,
      value: [`unix:uid:${process.getuid?.()}`, `unix:gid:${process.getgid?.()}`, `unix:path:${path}`],
    });
  });

  test('stay when somebody makes another link to the program', async () => {
    const path = copyOfNode('linked');
    const peer = await connectFrom(path, ['-e', CONNECT]);
    linkSync(path, `${path}-too`);
    const attested = await attestor.attest(peer);
    expect(attested.ok && attested.value).toContain(`unix:path:${path}`);
  });

  test('tell two links to one program apart', async () => {
    const path = copyOfNode('one');
    linkSync(path, `${path}-other`);
    const attested = await attestor.attest(await connectFrom(`${path}-other`, ['-e', CONNECT]));
    expect(attested.ok && attested.value).toContain(`unix:path:${path}-other`);
  });

  test('hold the digest of the program only where an entry asks for one', async () => {
    const path = copyOfNode('digested');
    const peer = await connectFrom(path, ['-e', CONNECT]);
    const attested = await digesting.attest(peer);
    expect(attested.ok && attested.value).toContain(`unix:sha256:${sha256(path)}`);
    const again = await digesting.attest(peer);
    expect(again).toEqual(attested);
  });

  test.skipIf(!isRoot)('are of the user that connected, not of the agent (only root can try)', async () => {
    const as = ['--reuid', String(NOBODY), '--regid', String(NOBODY), '--clear-groups', '--'];
    const peer = await connectFrom('setpriv', [...as, process.execPath, '-e', CONNECT]);
    const attested = await attestor.attest(peer);
    expect(attested.ok && attested.value.slice(0, 2)).toEqual([`unix:uid:${NOBODY}`, `unix:gid:${NOBODY}`]);
    expect(attested.ok && attested.value).not.toContain('unix:uid:0');
  });

  test.skipIf(!isRoot)('of a process that became another user since are none (only root can try)', async () => {
    const script = `${CONNECT} socket.on('connect', () => { process.setgid(${NOBODY}); process.setuid(${NOBODY}); });`;
    const peer = await connectFrom(process.execPath, ['-e', script]);
    await expect.poll(() => readPeerProcess(peer.pid)?.effectiveUid).toBe(NOBODY);
    expect(await attestor.attest(peer)).toMatchObject({ ok: false, reason: 'peer-changed' });
  });
});

describe('a path is not claimed', () => {
  test('by a program that was replaced under the running process', async () => {
    const path = copyOfNode('replaced');
    const peer = await connectFrom(path, ['-e', CONNECT]);
    renameSync(copyOfNode('replacement'), path);
    expect(await attestor.attest(peer)).toEqual({
      ok: true,
      value: [`unix:uid:${process.getuid?.()}`, `unix:gid:${process.getgid?.()}`],
    });
  });

  test('by a program that was deleted before it connected', async () => {
    const path = copyOfNode('deleted');
    const script = `console.log('up'); setTimeout(() => { ${CONNECT} }, 300)`;
    const peer = nextPeer();
    running.push(await startProcess({ name: 'workload', command: path, args: ['-e', script], ready: { line: /up/ } }));
    unlinkSync(path);
    const attested = await digesting.attest(await peer);
    expect(attested).toMatchObject({ ok: true });
    expect(attested.ok && attested.value).toHaveLength(3);
    expect(attested.ok && attested.value[2]).toMatch(/^unix:sha256:[0-9a-f]{64}$/);
  });

  const canUnshare = spawnSync('unshare', ['-Urm', 'true']).status === 0;
  test.skipIf(!canUnshare)(
    'by a program that was mounted there in a namespace of its own (needs user namespaces)',
    async () => {
      const victim = copyOfNode('victim');
      const evil = copyOfNode('evil');
      const script = 'mount --bind "$1" "$2" && exec "$2" -e "$3"';
      const peer = await connectFrom('unshare', ['-Urm', 'sh', '-c', script, 'sh', evil, victim, CONNECT]);
      const attested = await attestor.attest(peer);
      expect(attested.ok && attested.value).toEqual([
        expect.stringMatching(/^unix:uid:/),
        expect.stringMatching(/^unix:gid:/),
      ]);
    },
  );
});

describe('nothing at all is attested', () => {
  test('of a process that ended, though its connection lives on in another', async () => {
    const script = CONNECT_AND_SHARE.replace('AFTER', 'setTimeout(() => process.kill(process.pid, "SIGKILL"), 100)');
    const peer = await connectFrom(process.execPath, ['-e', script]);
    await expect.poll(() => readPeerProcess(peer.pid)).toBe(undefined);
    expect(await attestor.attest(peer)).toMatchObject({ ok: false, reason: 'peer-gone' });
  });

  test('of a process that put another program in its place, though its connection lives on', async () => {
    const other = copyOfNode('other');
    const exec = `process.execve(${JSON.stringify(other)}, [${JSON.stringify(other)}, '-e', 'setTimeout(() => {}, 30000)'])`;
    const script = CONNECT_AND_SHARE.replace('AFTER', exec);
    const peer = await connectFrom(process.execPath, ['-e', script]);
    await expect.poll(() => readPeerProcess(peer.pid)?.executable?.path).toBe(other);
    expect(await attestor.attest(peer)).toMatchObject({ ok: false, reason: 'peer-changed' });
  });

  test('of a process number that was used again', async () => {
    const own = readPeerProcess(process.pid)!;
    const credentials = { pid: process.pid, uid: process.getuid!(), gid: process.getgid!() };
    expect(await attestor.attest(credentials)).toMatchObject({ ok: true });
    const other = { ...credentials, process: { ...own, startTime: '1' } };
    expect(await attestor.attest(other)).toMatchObject({ ok: false, reason: 'peer-changed' });
    const otherUser = { ...credentials, uid: credentials.uid + 1 };
    expect(await attestor.attest(otherUser)).toMatchObject({ ok: false, reason: 'peer-changed' });
    expect(await attestor.attest({ ...credentials, process: undefined })).toMatchObject({ reason: 'peer-gone' });
    expect(await attestor.attest({ ...credentials, hasEnded: () => true })).toMatchObject({ reason: 'peer-gone' });
    expect(await attestor.attest({ ...credentials, pid: 2 ** 30 })).toMatchObject({ ok: false, reason: 'peer-gone' });
  });
});
