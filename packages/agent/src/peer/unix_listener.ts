/** Listens on a Unix socket and knows, before the first byte is read, which process each connection belongs to. */
import { chmodSync } from 'node:fs';
import { createServer, type Socket } from 'node:net';
import type { Log } from '../log.ts';
import { type ConnectionBounds, connectionBounds, createUserConnections } from './connection_bounds.ts';
import { type PeerCredentials, readPeerCredentials } from './credentials.ts';
import { claimSocketPath, SocketInUse } from './socket_path.ts';

export interface UnixListener {
  /** Open ones, at this moment. */
  connections(): number;
  /** Accepts nothing more and resolves when all its connections have ended; ending them is their owner's business. */
  close(): Promise<void>;
}

/**
 * `mode`: of the socket file; who may connect at all. `onConnection` is called in the tick of the connection, before
 * anything reads from it. A connection without credentials is closed, and so is one beyond its user's share. Throws `SocketInUse`, `SocketUnsafe` and, for a path
 * that is too long or not absolute, `RangeError`.
 */
export async function listenUnix(options: {
  readonly path: string;
  readonly mode: number;
  readonly log: Log;
  readonly onConnection: (socket: Socket, peer: PeerCredentials) => void;
  /** What the process can bear, when absent. */
  readonly bounds?: ConnectionBounds;
}): Promise<UnixListener> {
  const { path, mode, log, onConnection, bounds = connectionBounds() } = options;
  await claimSocketPath(path);
  const users = createUserConnections(bounds.perUser, (uid) =>
    log('error', 'too-many-connections-of-user', { path, uid, maximum: bounds.perUser }),
  );
  let open = 0;
  const server = createServer((socket) => {
    socket.on('error', () => socket.destroy());
    let peer: PeerCredentials;
    try {
      peer = readPeerCredentials(socket);
    } catch (fault) {
      log('error', 'peer-credentials-unreadable', { error: (fault as Error).message });
      socket.destroy();
      return;
    }
    if (!users.admit(peer.uid)) {
      socket.destroy();
      return;
    }
    open += 1;
    socket.once('close', () => {
      open -= 1;
      users.release(peer.uid);
    });
    onConnection(socket, peer);
  });
  server.maxConnections = bounds.total;
  server.on('drop', () => log('error', 'too-many-connections', { path, maximum: bounds.total }));
  await new Promise<void>((resolve, reject) => {
    const fail = (fault: NodeJS.ErrnoException) =>
      reject(fault.code === 'EADDRINUSE' ? new SocketInUse(`\`${path}\` was taken a moment ago`) : fault);
    server.once('error', fail);
    server.once('listening', () => {
      server.off('error', fail);
      server.on('error', (fault) => log('error', 'socket-accept-failed', { path, error: fault.message }));
      resolve();
    });
    server.listen(path);
    // The socket file is there once `listen` returns; until this line only the umask decides who may connect.
    if (server.listening) chmodSync(path, mode);
  });
  return {
    connections: () => open,
    close: () => new Promise((resolve) => server.close(() => resolve())),
  };
}
