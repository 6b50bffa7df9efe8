/** SHA-256 of the files that processes run, each read once for as long as it is the same file. */
import { createHash } from 'node:crypto';
import { open } from 'node:fs/promises';
import { contentKeyOf, type Executable } from '../peer/process.ts';

export interface ExecutableDigests {
  /** Hex; undefined for a file that is too large, or is not the one that `executable` says. Cost: reads the file once. */
  digestOf(pid: number, executable: Executable): Promise<string | undefined>;
}

const MAX_DIGESTS = 1000;
/** Envoy has 107 MB. A caller must not keep the agent busy with whatever large file it can execute. */
const MAX_EXECUTABLE_BYTES = 1024 ** 3;
/**
 * A file that changed a moment ago may change again within one tick of the file system's clock, and look the same: its
 * digest is not remembered yet.
 */
const SETTLED_AFTER_MS = 2000;

export function createExecutableDigests(): ExecutableDigests {
  const digests = new Map<string, Promise<string | undefined>>();
  /** One file at a time: many new programs at once cannot take every thread of the pool. */
  let queue: Promise<unknown> = Promise.resolve();

  return {
    digestOf(pid, executable) {
      const { contentKey, size, changedMs } = executable;
      if (size > MAX_EXECUTABLE_BYTES) return Promise.resolve(undefined);
      const known = digests.get(contentKey);
      if (known !== undefined) return known;
      const digest = queue.then(() => readDigest(pid, contentKey));
      queue = digest.catch(() => {});
      const isSettled = Math.abs(Date.now() - changedMs) > SETTLED_AFTER_MS;
      if (digests.size >= MAX_DIGESTS) digests.clear();
      digests.set(contentKey, digest);
      const forget = () => {
        if (digests.get(contentKey) === digest) digests.delete(contentKey);
      };
      digest.then((hex) => (hex === undefined || !isSettled) && forget(), forget);
      return digest;
    },
  };
}

async function readDigest(pid: number, contentKey: string): Promise<string | undefined> {
  const file = await open(`/proc/${pid}/exe`);
  try {
    if (contentKeyOf(await file.stat({ bigint: true })) !== contentKey) return undefined;
    const hash = createHash('sha256');
    for await (const chunk of file.createReadStream({ autoClose: false })) hash.update(chunk as Buffer);
    if (contentKeyOf(await file.stat({ bigint: true })) !== contentKey) return undefined;
    return hash.digest('hex');
  } finally {
    await file.close();
  }
}
