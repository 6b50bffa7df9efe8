/**
 * What a process on this node is: selectors from its uid, gid and executable. The credentials are those of the moment it
 * connected, /proc is of now: a process that ended, or a pid that was used again in between, gets no selectors at all.
 */
import { createReadStream } from 'node:fs';
import { createHash } from 'node:crypto';
import { readFile, readlink, stat } from 'node:fs/promises';
import { accept, type Result, refuse } from '@postern/result';
import type { PeerCredentials } from '../peer/credentials.ts';

export type AttestReason = 'peer-gone' | 'peer-unreadable' | 'peer-changed';

export interface Attestor {
  /** Such as `unix:uid:1000`, `unix:path:/usr/bin/envoy`. */
  attest(peer: PeerCredentials): Promise<Result<readonly string[], AttestReason>>;
}

export function createUnixAttestor(ports: {
  /** Whether any entry asks for an executable's digest: reading a large one costs, and is not done for nobody. */
  readonly needsDigest: () => boolean;
}): Attestor {
  const digests = new Map<string, string>();
  return {
    async attest(peer) {
      try {
        const before = await readProcess(peer.pid);
        const path = await readlink(`/proc/${peer.pid}/exe`);
        const selectors = [`unix:uid:${peer.uid}`, `unix:gid:${peer.gid}`];
        // A program that was deleted or replaced under a running process is not the program at that path any more.
        if (!path.endsWith(' (deleted)')) selectors.push(`unix:path:${path}`);
        if (ports.needsDigest()) selectors.push(`unix:sha256:${await digestOfExecutable(peer.pid, digests)}`);
        const after = await readProcess(peer.pid);
        if (before.startTime !== after.startTime || after.uid !== peer.uid) return refuse('peer-changed');
        return accept(selectors);
      } catch (fault) {
        const code = (fault as NodeJS.ErrnoException).code;
        return refuse(code === 'ENOENT' || code === 'ESRCH' ? 'peer-gone' : 'peer-unreadable', code);
      }
    },
  };
}

/** Start time in ticks since boot (proc(5) stat, field 22) and effective uid (status). */
async function readProcess(pid: number): Promise<{ startTime: string; uid: number }> {
  const processStat = await readFile(`/proc/${pid}/stat`, 'utf8');
  const status = await readFile(`/proc/${pid}/status`, 'utf8');
  const startTime = processStat.slice(processStat.lastIndexOf(')') + 2).split(' ')[19] ?? '';
  return { startTime, uid: Number(/^Uid:\t\d+\t(\d+)/m.exec(status)?.[1] ?? -1) };
}

const MAX_DIGESTS = 1000;

/** SHA-256, hex, of the file that the process runs; remembered for as long as that file is the same. */
async function digestOfExecutable(pid: number, digests: Map<string, string>): Promise<string> {
  const file = `/proc/${pid}/exe`;
  const { dev, ino, size, mtimeNs, ctimeNs } = await stat(file, { bigint: true });
  const key = [dev, ino, size, mtimeNs, ctimeNs].join('/');
  const known = digests.get(key);
  if (known !== undefined) return known;
  const hash = createHash('sha256');
  for await (const chunk of createReadStream(file)) hash.update(chunk as Buffer);
  const digest = hash.digest('hex');
  if (digests.size >= MAX_DIGESTS) digests.clear();
  digests.set(key, digest);
  return digest;
}
