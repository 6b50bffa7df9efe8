import {
  chmodSync,
  chownSync,
  linkSync,
  mkdirSync,
  mkdtempSync,
  readdirSync,
  rmSync,
  statSync,
  symlinkSync,
  writeFileSync,
} from 'node:fs';
import net from 'node:net';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, describe, expect, test } from 'vitest';
import { type PeerCredentials, readPeerCredentials } from './credentials.ts';
import { SocketInUse, SocketUnsafe } from './socket_path.ts';
import { listenUnix, type UnixListener } from './unix_listener.ts';

const folder = mkdtempSync(join(tmpdir(), 'postern-peer-'));
const isRoot = process.getuid?.() === 0;
const listeners: UnixListener[] = [];
const sockets: net.Socket[] = [];
afterAll(async () => {
  for (const socket of sockets) socket.destroy();
  await Promise.all(listeners.map((listener) => listener.close()));
  rmSync(folder, { recursive: true, force: true });
});

async function listen(path: string, onConnection = (_socket: net.Socket, _peer: PeerCredentials) => {}, mode = 0o600) {
  const listener = await listenUnix({ path, mode, log: () => {}, onConnection });
  listeners.push(listener);
  return listener;
}

async function connect(path: string): Promise<net.Socket> {
  const socket = net.connect(path);
  sockets.push(socket);
  await new Promise((resolve, reject) => socket.once('connect', resolve).once('error', reject));
  return socket;
}

/** The socket file of a process that ended without removing it. */
async function leaveStaleSocket(path: string): Promise<void> {
  const server = net.createServer();
  await new Promise<void>((resolve) => server.listen(`${path}.live`, resolve));
  linkSync(`${path}.live`, path);
  await new Promise((resolve) => server.close(resolve));
}

describe('the socket file', () => {
  test('has the mode asked for, in a folder made for it', async () => {
    const path = join(folder, 'made', 'api.sock');
    await listen(path, undefined, 0o622);
    expect(statSync(path).mode & 0o777).toBe(0o622);
    expect(statSync(join(folder, 'made')).mode & 0o777).toBe(0o755);
  });

  test('left over from a crash is replaced', async () => {
    const path = join(folder, 'stale.sock');
    await leaveStaleSocket(path);
    await expect(connect(path)).rejects.toThrow('ECONNREFUSED');
    await listen(path);
    await connect(path);
  });

  test('of a process that serves is left to it', async () => {
    const path = join(folder, 'live.sock');
    let connections = 0;
    await listen(path, () => {
      connections += 1;
    });
    await expect(listen(path)).rejects.toThrow(SocketInUse);
    await connect(path);
    await expect.poll(() => connections).toBe(2);
  });

  test('is had by one of two that start at once', async () => {
    for (let round = 0; round < 20; round++) {
      const path = join(folder, `race${round}.sock`);
      await leaveStaleSocket(path);
      const started = await Promise.allSettled([listen(path), listen(path), listen(path)]);
      expect(started.filter(({ status }) => status === 'fulfilled')).toHaveLength(1);
      await connect(path);
    }
  });

  test('does not take the place of something else', async () => {
    const file = join(folder, 'file');
    writeFileSync(file, 'precious');
    await expect(listen(file)).rejects.toThrow(SocketInUse);
    const link = join(folder, 'link');
    symlinkSync(file, link);
    await expect(listen(link)).rejects.toThrow(SocketInUse);
    expect(statSync(file).size).toBe(8);
  });

  test('is not made where anybody could replace it', async () => {
    const open = join(folder, 'open');
    mkdirSync(open);
    chmodSync(open, 0o777);
    await expect(listen(join(open, 'api.sock'))).rejects.toThrow(SocketUnsafe);
    chmodSync(open, 0o1777);
    await listen(join(open, 'api.sock'));
  });

  test.skipIf(!isRoot)('is not made in a folder of another user (only root can try)', async () => {
    const foreign = join(folder, 'foreign');
    mkdirSync(foreign);
    chownSync(foreign, 65_534, 65_534);
    await expect(listen(join(foreign, 'api.sock'))).rejects.toThrow(SocketUnsafe);
  });

  test('is not made at a path that the kernel would cut off, or that depends on where the agent was started', async () => {
    await expect(listen(join(folder, 'x'.repeat(108)))).rejects.toThrow(RangeError);
    await expect(listen('api.sock')).rejects.toThrow(RangeError);
  });

  test('is gone after the listener closed', async () => {
    const path = join(folder, 'closed.sock');
    const listener = await listenUnix({ path, mode: 0o600, log: () => {}, onConnection: () => {} });
    await listener.close();
    await expect(connect(path)).rejects.toThrow('ENOENT');
  });
});

describe('the process at the other end', () => {
  test('is the one that connected, and known from its first byte on', async () => {
    const path = join(folder, 'peer.sock');
    const peers: PeerCredentials[] = [];
    await listen(path, (_socket, peer) => peers.push(peer));
    await connect(path);
    await expect.poll(() => peers).toHaveLength(1);
    expect(peers[0]).toMatchObject({ pid: process.pid, uid: process.getuid?.(), gid: process.getgid?.() });
    expect(peers[0]?.process?.executable?.path).toBe(process.execPath);
  });

  test('keeps no file open in the agent once its connection is closed', async () => {
    const path = join(folder, 'files.sock');
    const accepted: { socket: net.Socket; peer: PeerCredentials }[] = [];
    await listen(path, (socket, peer) => void accepted.push({ socket: socket.resume(), peer }));
    const openFiles = () => readdirSync('/proc/self/fd').length;
    await (await connect(path)).destroy();
    await expect.poll(() => accepted.every(({ socket }) => socket.destroyed) && accepted.length === 1).toBe(true);
    const before = openFiles();
    const clients = await Promise.all(Array.from({ length: 50 }, () => connect(path)));
    await expect.poll(() => accepted).toHaveLength(51);
    expect(openFiles()).toBeGreaterThanOrEqual(before + 100);
    for (const client of clients) client.destroy();
    await expect.poll(openFiles).toBeLessThanOrEqual(before + 2);
    // What it would be asked of could be another file by now.
    const { hasEnded } = accepted[0]!.peer;
    expect(hasEnded?.() ?? true).toBe(true);
  });

  test('holds no more connections than its user may have, and another gets in once one of them is closed', async () => {
    const path = join(folder, 'share.sock');
    const accepted: net.Socket[] = [];
    const listener = await listenUnix({
      ...{ path, mode: 0o600, log: () => {}, bounds: { total: 100, perUser: 3 } },
      onConnection: (socket) => void accepted.push(socket.resume()),
    });
    listeners.push(listener);
    const clients = await Promise.all(Array.from({ length: 5 }, () => connect(path)));
    for (const client of clients) client.resume();
    await expect.poll(() => clients.filter((client) => client.destroyed || client.readableEnded)).toHaveLength(2);
    expect(accepted).toHaveLength(3);
    accepted[0]?.destroy();
    await expect.poll(async () => (await connect(path)) && accepted.length).toBeGreaterThan(3);
  });

  test('is nobody for a connection that has no process', async () => {
    const server = net.createServer();
    await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve));
    const accepted = new Promise<net.Socket>((resolve) => server.once('connection', resolve));
    const client = net.connect((server.address() as net.AddressInfo).port, '127.0.0.1');
    const socket = await accepted;
    expect(() => readPeerCredentials(socket)).toThrow();
    expect(() => readPeerCredentials(new net.Socket())).toThrow();
    client.destroy();
    socket.destroy();
    server.close();
  });
});
