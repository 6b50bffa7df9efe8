/** Makes way for a Unix socket: a file left over from a crash is removed, one that answers is somebody else's. */
import { lstat, mkdir, unlink } from 'node:fs/promises';
import net from 'node:net';
import { dirname } from 'node:path';

export class SocketInUse extends Error {
  override readonly name = 'SocketInUse';
}

/** sockaddr_un holds 108 bytes with the closing zero. */
const MAX_PATH_BYTES = 107;

export async function claimSocketPath(path: string): Promise<void> {
  if (Buffer.byteLength(path) > MAX_PATH_BYTES) throw new RangeError(`the socket path \`${path}\` is longer than ${MAX_PATH_BYTES} bytes`);
  await mkdir(dirname(path), { recursive: true, mode: 0o755 });
  const found = await lstat(path).catch(() => undefined);
  if (found === undefined) return;
  if (!found.isSocket()) throw new SocketInUse(`\`${path}\` exists and is not a socket: move it away`);
  if (await answers(path)) throw new SocketInUse(`another process serves \`${path}\`: end it or choose another path`);
  await unlink(path);
}

function answers(path: string): Promise<boolean> {
  return new Promise((resolve) => {
    const socket = net.connect(path);
    socket.once('connect', () => {
      socket.destroy();
      resolve(true);
    });
    socket.once('error', () => resolve(false));
  });
}
