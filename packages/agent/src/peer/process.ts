/**
 * A process as /proc shows it now (proc(5)). Read in one go, without waiting: reads of /proc are memory, and nothing of
 * ours happens in between.
 */
import { type BigIntStats, readFileSync, readlinkSync, statSync } from 'node:fs';

export interface PeerProcess {
  /** Ticks since boot: a process number that was used again has another. */
  readonly startTime: string;
  readonly effectiveUid: number;
  /** Undefined when the agent may not look, as without root at another user's process. */
  readonly executable: Executable | undefined;
}

export interface Executable {
  /**
   * Absolute, as the agent sees the file system. Undefined when the process has a mount namespace of its own: in there
   * anybody can put a file of their own at any path.
   */
  readonly path: string | undefined;
  /** File system and inode: the file itself, also when it is linked, renamed or deleted meanwhile. */
  readonly fileId: string;
  /** The file with its size and times: the same file with other content has another. */
  readonly contentKey: string;
  readonly size: bigint;
  readonly changedMs: number;
}

const DELETED = ' (deleted)';
const ZOMBIE = 'Z';
const DEAD = 'X';
let ownMountNamespace: string | undefined;

/** Undefined when there is no such process (any more). */
export function readPeerProcess(pid: number): PeerProcess | undefined {
  try {
    const stat = readFileSync(`/proc/${pid}/stat`, 'latin1');
    // The name in parentheses is the process's own choice, and may hold parentheses and spaces.
    const fields = stat.slice(stat.lastIndexOf(')') + 2).split(' ');
    const [state] = fields;
    const startTime = fields[19];
    if (startTime === undefined || state === ZOMBIE || state === DEAD) return undefined;
    const status = readFileSync(`/proc/${pid}/status`, 'latin1');
    const effectiveUid = Number(/^Uid:\t\d+\t(\d+)/m.exec(status)?.[1] ?? -1);
    return { startTime, effectiveUid, executable: readExecutable(pid) };
  } catch (fault) {
    if (isCode(fault, 'ENOENT', 'ESRCH')) return undefined;
    throw fault;
  }
}

function readExecutable(pid: number): Executable | undefined {
  try {
    const link = readlinkSync(`/proc/${pid}/exe`);
    const file = statSync(`/proc/${pid}/exe`, { bigint: true });
    ownMountNamespace ??= readlinkSync('/proc/self/ns/mnt');
    const isOwnView = readlinkSync(`/proc/${pid}/ns/mnt`) === ownMountNamespace;
    return {
      // A program that was deleted or replaced under a running process is not the program at that path any more.
      path: isOwnView && !link.endsWith(DELETED) ? link : undefined,
      fileId: `${file.dev}/${file.ino}`,
      contentKey: contentKeyOf(file),
      size: file.size,
      changedMs: Number(file.ctimeMs),
    };
  } catch (fault) {
    if (isCode(fault, 'EACCES', 'EPERM')) return undefined;
    throw fault;
  }
}

export function contentKeyOf({ dev, ino, size, mtimeNs, ctimeNs }: BigIntStats): string {
  return [dev, ino, size, mtimeNs, ctimeNs].join('/');
}

/** The same process, still running the same file for the same user: `execve` and `setuid` make it another. */
export function isSameProcess(before: PeerProcess, now: PeerProcess): boolean {
  return (
    before.startTime === now.startTime &&
    before.effectiveUid === now.effectiveUid &&
    before.executable?.fileId === now.executable?.fileId
  );
}

function isCode(fault: unknown, ...codes: string[]): boolean {
  return codes.includes((fault as NodeJS.ErrnoException).code ?? '');
}
