/**
 * What a process on this node is: selectors from its uid, gid and executable. The credentials are those of the moment it
 * connected, /proc is of now: a process that ended or became another, or a pid that was used again in between, gets no
 * selectors at all.
 *
 * Path and digest tell programs of one user apart as far as the kernel does: whoever can trace a process, or start it with
 * a library of their own, can be it. A script is known as its interpreter.
 */
import { accept, type Result, refuse } from '@postern/result';
import type { PeerCredentials } from '../peer/credentials.ts';
import { type Executable, isSameProcess, readPeerProcess } from '../peer/process.ts';
import { createExecutableDigests } from './executable_digest.ts';

/**
 * `peer-gone`: the process has ended. `peer-changed`: it runs another program or for another user than it did, or its
 * number is another's now. `peer-unreadable`: /proc does not say.
 */
export type AttestReason = 'peer-gone' | 'peer-unreadable' | 'peer-changed';

export interface Attestor {
  /** Such as `unix:uid:1000`, `unix:path:/usr/bin/envoy`. */
  attest(peer: PeerCredentials): Promise<Result<readonly string[], AttestReason>>;
}

/** Printable and without spaces, as selectors of entries are; another path could not be in an entry. */
const SELECTABLE_PATH = /^[\x21-\x7e]{1,4096}$/;

/**
 * Selectors `unix:uid`, `unix:gid`, and where the agent may look: `unix:path` (only of processes in the agent's own mount
 * namespace) and `unix:sha256` (hex, of the file that runs). Cost: some reads of /proc; a digest is read once per file.
 */
export function createUnixAttestor(ports: {
  /** Whether any entry asks for an executable's digest: reading a large one costs, and is not done for nobody. */
  readonly needsDigest: () => boolean;
}): Attestor {
  const digests = createExecutableDigests();

  async function selectorsOf(executable: Executable, pid: number): Promise<string[]> {
    const selectors: string[] = [];
    const { path } = executable;
    if (path !== undefined && SELECTABLE_PATH.test(path)) selectors.push(`unix:path:${path}`);
    const digest = ports.needsDigest() ? await digests.digestOf(pid, executable) : undefined;
    if (digest !== undefined) selectors.push(`unix:sha256:${digest}`);
    return selectors;
  }

  return {
    async attest(peer) {
      try {
        const before = readPeerProcess(peer.pid);
        if (before === undefined) return refuse('peer-gone');
        const ofExecutable = before.executable === undefined ? [] : await selectorsOf(before.executable, peer.pid);
        const after = readPeerProcess(peer.pid);
        // Asked last: while it answers no, the pid was the connecting process's all the time.
        if (after === undefined || peer.hasEnded?.() === true) return refuse('peer-gone');
        if (!isSameProcess(before, after) || after.effectiveUid !== peer.uid) return refuse('peer-changed');
        // Credentials of a real connection always say what was there; nothing means that nobody was any more.
        if ('process' in peer && peer.process === undefined) return refuse('peer-gone');
        if (peer.process !== undefined && !isSameProcess(peer.process, after)) return refuse('peer-changed');
        return accept([`unix:uid:${peer.uid}`, `unix:gid:${peer.gid}`, ...ofExecutable]);
      } catch (fault) {
        const code = (fault as NodeJS.ErrnoException).code;
        return refuse(code === 'ENOENT' || code === 'ESRCH' ? 'peer-gone' : 'peer-unreadable', code);
      }
    },
  };
}
