/** Who is at the other end of a Unix socket, as the kernel says: SO_PEERCRED, and SO_PEERPIDFD where there is one. */
import { closeSync } from 'node:fs';
import { createRequire } from 'node:module';
import type { Socket } from 'node:net';
import { type PeerProcess, readPeerProcess } from './process.ts';

/** All of the moment when the peer connected, and true of it for as long as the connection lives. */
export interface PeerCredentials {
  readonly pid: number;
  readonly uid: number;
  readonly gid: number;
  /**
   * What that process was when the connection was accepted; undefined when it could not be read, for one because it had
   * ended by then. A process that differs now is not to be trusted with what the first was entitled to.
   */
  readonly process?: PeerProcess | undefined;
  /**
   * Whether the very process that connected has ended, however its number may be used by now; true as well once the
   * connection is closed. Undefined where the kernel has no SO_PEERPIDFD (before 6.5).
   */
  readonly hasEnded?: (() => boolean) | undefined;
}

// Linux, <asm-generic/socket.h> and <poll.h>; the same on x86-64 and arm64.
const SOL_SOCKET = 1;
const SO_PEERCRED = 17;
const SO_PEERPIDFD = 77;
const POLLIN = 1;
/** struct ucred: three 32-bit integers. */
const UCRED_BYTES = 12;
const INT_BYTES = 4;
/** struct pollfd: an int and two shorts. */
const POLLFD_BYTES = 8;
const MAX_POLLS = 16;

interface LibC {
  readonly getsockopt: (fd: number, level: number, name: number, value: Buffer, length: Buffer) => number;
  readonly poll: (fds: Buffer, count: number, timeoutMs: number) => number;
}

let libC: LibC | undefined;

/** koffi is loaded on first use: a process that serves no socket does without its native part. */
function loadLibC(): LibC {
  const koffi = createRequire(import.meta.url)('koffi') as typeof import('koffi');
  // The C library that Node itself is linked with, whichever that is.
  const library = koffi.load(null);
  return {
    getsockopt: library.func('int getsockopt(int fd, int level, int name, void *value, void *length)'),
    poll: library.func('int poll(void *fds, unsigned long count, int timeout)'),
  };
}

/**
 * Throws when the kernel does not say who it is: then nobody is served. To be called before anything else takes the
 * handle. Cost: two system calls and a few reads of /proc, some 50 µs.
 */
export function readPeerCredentials(socket: Socket): PeerCredentials {
  const fd = (socket as unknown as { _handle?: { fd?: number } })._handle?.fd;
  if (fd === undefined || fd < 0) throw new Error('the socket has no file descriptor');
  libC ??= loadLibC();
  const ucred = readSocketOption(libC, fd, SO_PEERCRED, UCRED_BYTES);
  if (ucred === undefined) throw new Error('SO_PEERCRED is not answered');
  const credentials = { pid: ucred.readInt32LE(0), uid: ucred.readUInt32LE(4), gid: ucred.readUInt32LE(8) };
  // A process in another pid namespace is 0 here, and could be anybody.
  if (credentials.pid <= 0) throw new Error('the peer has no process id in this namespace');
  const hasEnded = watchPeerEnd(libC, fd, socket);
  return { ...credentials, process: readPeerProcess(credentials.pid), hasEnded };
}

function readSocketOption(libC: LibC, fd: number, name: number, bytes: number): Buffer | undefined {
  const value = Buffer.alloc(bytes);
  const length = Buffer.alloc(INT_BYTES);
  length.writeUInt32LE(bytes);
  const isAnswered = libC.getsockopt(fd, SOL_SOCKET, name, value, length) === 0 && length.readUInt32LE() === bytes;
  return isAnswered ? value : undefined;
}

function watchPeerEnd(libC: LibC, fd: number, socket: Socket): (() => boolean) | undefined {
  const pidfd = readSocketOption(libC, fd, SO_PEERPIDFD, INT_BYTES)?.readInt32LE(0);
  if (pidfd === undefined) return undefined;
  let isOpen = true;
  socket.once('close', () => {
    isOpen = false;
    closeSync(pidfd);
  });
  return () => {
    // The number may already stand for another file.
    if (!isOpen) return true;
    const pollfd = Buffer.alloc(POLLFD_BYTES);
    pollfd.writeInt32LE(pidfd, 0);
    pollfd.writeInt16LE(POLLIN, INT_BYTES);
    for (let tries = 0; tries < MAX_POLLS; tries++) {
      const ready = libC.poll(pollfd, 1, 0);
      // pidfd_open(2): readable once the process has terminated.
      if (ready >= 0) return ready > 0;
      // A signal to us (a profiler's, say) interrupts the call and says nothing about the peer.
    }
    return true; // a poll that keeps failing says nothing good either
  };
}
