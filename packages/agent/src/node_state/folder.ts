/**
 * The agent's one folder. 0700, files 0600, replaced atomically: after a crash a file is the old one or the new one.
 * An attacker who can write here is refused at the next signature or sequence check, or acts as this node until its
 * lineage is locked (docs/storage.md).
 */
import {
  chmodSync,
  closeSync,
  fsyncSync,
  mkdirSync,
  openSync,
  readFileSync,
  renameSync,
  rmSync,
  statSync,
  writeSync,
} from 'node:fs';
import { join } from 'node:path';
import { lockFolder } from './lock.ts';

/** Snapshot of a large release and its facts. */
const MAX_FILE_BYTES = 64 * 1024 * 1024;

export interface StateFolder {
  readonly dir: string;
  load(name: string): string | undefined;
  save(name: string, text: string): void;
  remove(name: string): void;
  /** Lets another agent have the folder. */
  close(): void;
}

/** Throws `FolderInUse` when another agent holds it: two agents with one identity would lock each other's lineage. */
export function openStateFolder(dir: string): StateFolder {
  mkdirSync(dir, { recursive: true, mode: 0o700 });
  chmodSync(dir, 0o700);
  const unlock = lockFolder(dir);
  return {
    dir,
    load(name) {
      const path = join(dir, name);
      let size: number;
      try {
        size = statSync(path).size;
      } catch (cause) {
        if ((cause as NodeJS.ErrnoException).code === 'ENOENT') return undefined;
        throw cause;
      }
      if (size > MAX_FILE_BYTES)
        throw new Error(`\`${name}\` in the agent's folder is larger than ${MAX_FILE_BYTES} bytes`);
      return readFileSync(path, 'utf8');
    },
    save(name, text) {
      const path = join(dir, name);
      const temporary = `${path}.${process.pid}.new`;
      const file = openSync(temporary, 'w', 0o600);
      try {
        writeSync(file, text);
        fsyncSync(file);
      } finally {
        closeSync(file);
      }
      renameSync(temporary, path);
    },
    remove: (name) => rmSync(join(dir, name), { force: true }),
    close: unlock,
  };
}
