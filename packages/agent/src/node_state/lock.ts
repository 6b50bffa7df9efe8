/** One agent per folder: a lock file that names its holder, so that one left over from a crash is known as such. */
import { closeSync, openSync, readFileSync, rmSync, writeSync } from 'node:fs';
import { join } from 'node:path';

export class FolderInUse extends Error {
  override readonly name = 'FolderInUse';
}

const MAX_TRIES = 3;

/** Answers the function that releases it. */
export function lockFolder(dir: string): () => void {
  const path = join(dir, 'lock');
  const holder = `${process.pid} ${startTimeOf(process.pid)}`;
  for (let tries = 0; tries < MAX_TRIES; tries++) {
    try {
      const file = openSync(path, 'wx', 0o600);
      writeSync(file, holder);
      closeSync(file);
      return () => rmSync(path, { force: true });
    } catch (cause) {
      if ((cause as NodeJS.ErrnoException).code !== 'EEXIST') throw cause;
    }
    const [pid, startTime] = readHolder(path);
    if (pid !== undefined && startTime !== undefined && startTimeOf(Number(pid)) === startTime)
      throw new FolderInUse(
        `another agent, process ${pid}, uses \`${dir}\`: end it or give this one a folder of its own`,
      );
    rmSync(path, { force: true });
  }
  throw new FolderInUse(`another agent is starting on \`${dir}\``);
}

function readHolder(path: string): string[] {
  try {
    return readFileSync(path, 'utf8').split(' ');
  } catch {
    return [];
  }
}

/** Start time in clock ticks since boot (proc(5), field 22): a pid that was used again has another one. */
function startTimeOf(pid: number): string | undefined {
  try {
    const stat = readFileSync(`/proc/${pid}/stat`, 'utf8');
    return stat.slice(stat.lastIndexOf(')') + 2).split(' ')[19];
  } catch {
    return undefined;
  }
}
