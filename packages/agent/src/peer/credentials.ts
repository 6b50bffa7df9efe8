/** Who is at the other end of a Unix socket, as the kernel says (SO_PEERCRED, and SO_PEERPIDFD where there is one). */
import { createRequire } from 'node:module';
import type { Socket } from 'node:net';

export interface PeerCredentials {
  readonly pid: number;
  readonly uid: number;
  readonly gid: number;
}

const SOL_SOCKET = 1;
const SO_PEERCRED = 17;
/** struct ucred: three 32-bit integers. */
const UCRED_BYTES = 12;

type GetSockOpt = (fd: number, level: number, name: number, value: Buffer, length: Buffer) => number;
let getSockOpt: GetSockOpt | undefined;

/** koffi is loaded on first use: a process that serves no socket does without its native part. */
function load(): GetSockOpt {
  const koffi = createRequire(import.meta.url)('koffi') as typeof import('koffi');
  return koffi.load('libc.so.6').func('int getsockopt(int fd, int level, int name, void *value, void *length)') as unknown as GetSockOpt;
}

/** Throws when the kernel does not say: then nobody is served. Must be called before anything else takes the handle. */
export function readPeerCredentials(socket: Socket): PeerCredentials {
  const fd = (socket as unknown as { _handle?: { fd?: number } })._handle?.fd;
  if (fd === undefined || fd < 0) throw new Error('the socket has no file descriptor');
  getSockOpt ??= load();
  const value = Buffer.alloc(UCRED_BYTES);
  const length = Buffer.alloc(4);
  length.writeUInt32LE(UCRED_BYTES);
  if (getSockOpt(fd, SOL_SOCKET, SO_PEERCRED, value, length) !== 0 || length.readUInt32LE() !== UCRED_BYTES)
    throw new Error('SO_PEERCRED is not answered');
  const credentials = { pid: value.readInt32LE(0), uid: value.readUInt32LE(4), gid: value.readUInt32LE(8) };
  // A process in another pid namespace is 0 here, and could be anybody.
  if (credentials.pid <= 0) throw new Error('the peer has no process id in this namespace');
  return credentials;
}
