/** Makes way for a Unix socket: a file left over from a crash is removed, one that answers is somebody else's. */
import { type BigIntStats, linkSync, lstatSync, renameSync, unlinkSync } from 'node:fs';
import { lstat, mkdir, stat } from 'node:fs/promises';
import net from 'node:net';
import { dirname, isAbsolute } from 'node:path';

export class SocketInUse extends Error {
  override readonly name = 'SocketInUse';
}

/** Somebody else could put a socket of their own in the place of ours, and hand out identities. */
export class SocketUnsafe extends Error {
  override readonly name = 'SocketUnsafe';
}

/** sockaddr_un holds 108 bytes with the closing zero. */
const MAX_PATH_BYTES = 107;
const WRITABLE_BY_OTHERS = 0o002;
const STICKY = 0o1000;
const ROOT = 0;
/** Only these say that nobody listens; a full backlog (EAGAIN) or a missing right (EACCES) says nothing of the kind. */
const NOBODY_LISTENS: readonly unknown[] = ['ECONNREFUSED', 'ENOENT'];
/** A listener that accepts is in the kernel, so this is for a machine that is stuck. */
const ANSWER_TIMEOUT_MS = 2000;

/** Makes the folder (0755) when it is missing. Throws `SocketInUse`, `SocketUnsafe` or `RangeError`. */
export async function claimSocketPath(path: string): Promise<void> {
  if (!isAbsolute(path)) throw new RangeError(`the socket path \`${path}\` is not absolute`);
  if (Buffer.byteLength(path) > MAX_PATH_BYTES)
    throw new RangeError(`the socket path \`${path}\` is longer than ${MAX_PATH_BYTES} bytes`);
  await mkdir(dirname(path), { recursive: true, mode: 0o755 });
  await checkFolder(dirname(path));
  const found = await lstat(path, { bigint: true }).catch(() => undefined);
  if (found === undefined) return;
  if (!found.isSocket()) throw new SocketInUse(`\`${path}\` exists and is not a socket: move it away`);
  if (await isAnswered(path))
    throw new SocketInUse(`another process serves \`${path}\`: end it or choose another path`);
  removeStale(path, found);
}

/**
 * Only the very file that nobody answered on: another agent that was quicker has its own at the same path by now. Moved
 * aside first, since what is there cannot be looked at and removed in one step.
 */
function removeStale(path: string, stale: BigIntStats): void {
  const aside = `${path}.${process.pid}.stale`;
  try {
    renameSync(path, aside);
  } catch (fault) {
    if ((fault as NodeJS.ErrnoException).code === 'ENOENT') return;
    throw fault;
  }
  try {
    const { ino, mtimeNs } = lstatSync(aside, { bigint: true });
    if (ino === stale.ino && mtimeNs === stale.mtimeNs) return;
    linkSync(aside, path);
    throw new SocketInUse(`another process has just taken \`${path}\``);
  } finally {
    unlinkSync(aside);
  }
}

async function checkFolder(folder: string): Promise<void> {
  const { uid, mode } = await stat(folder);
  if (uid !== ROOT && uid !== process.getuid?.())
    throw new SocketUnsafe(`\`${folder}\` belongs to user ${uid}, who could replace the socket: choose another folder`);
  if ((mode & WRITABLE_BY_OTHERS) !== 0 && (mode & STICKY) === 0)
    throw new SocketUnsafe(`everybody may write to \`${folder}\` and replace the socket: \`chmod o-w\` it`);
}

function isAnswered(path: string): Promise<boolean> {
  return new Promise((resolve) => {
    const socket = net.connect(path);
    const decide = (answered: boolean) => {
      socket.destroy();
      resolve(answered);
    };
    socket.once('connect', () => decide(true));
    socket.once('error', (fault: NodeJS.ErrnoException) => decide(!NOBODY_LISTENS.includes(fault.code)));
    socket.setTimeout(ANSWER_TIMEOUT_MS, () => decide(true));
  });
}
