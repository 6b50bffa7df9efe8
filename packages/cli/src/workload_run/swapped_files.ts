/**
 * Files that change together. Each is a link by way of one other link that is swapped in one step, as Kubernetes does for
 * mounted secrets: who opens certificate and key after a change never gets one of them old and the other new.
 */
import {
  chmodSync,
  mkdirSync,
  mkdtempSync,
  readlinkSync,
  renameSync,
  rmSync,
  symlinkSync,
  unlinkSync,
  writeFileSync,
} from 'node:fs';
import { join } from 'node:path';
import type { OutputFile } from '../write_files.ts';

/** The link that is swapped, and the beginning of the folders that it leads to. */
const CURRENT = '..postern';
const GENERATION = '..postern-';

export interface SwappedFiles {
  /** All or nothing: a fault leaves what was there before. Throws faults of the file system. */
  publish(files: readonly OutputFile[]): void;
  /** Takes away what was published; what else is in the folder stays. */
  remove(): void;
}

/** `folder`: made (0755) when it is missing. Names that exist there are replaced. */
export function createSwappedFiles(folder: string): SwappedFiles {
  const current = join(folder, CURRENT);
  const published = new Set<string>();

  function link(path: string, target: string): void {
    const temporary = `${path}.${process.pid}.new`;
    rmSync(temporary, { force: true });
    symlinkSync(target, temporary);
    try {
      renameSync(temporary, path);
    } catch (fault) {
      unlinkSync(temporary);
      throw fault;
    }
  }

  function removeGeneration(name: string | undefined): void {
    if (name?.startsWith(GENERATION)) rmSync(join(folder, name), { recursive: true, force: true });
  }

  return {
    publish(files) {
      mkdirSync(folder, { recursive: true, mode: 0o755 });
      const before = targetOf(current);
      const path = mkdtempSync(join(folder, GENERATION));
      const generation = path.slice(folder.length + 1);
      try {
        for (const { name, text, isSecret } of files)
          writeFileSync(join(path, name), text, { mode: isSecret ? 0o600 : 0o644, flag: 'wx' });
        chmodSync(path, 0o755);
        link(current, generation);
      } catch (fault) {
        removeGeneration(generation);
        throw fault;
      }
      for (const { name } of files) {
        const target = `${CURRENT}/${name}`;
        if (targetOf(join(folder, name)) !== target) link(join(folder, name), target);
        published.add(name);
      }
      removeGeneration(before);
    },
    remove() {
      for (const name of published)
        if (targetOf(join(folder, name)) === `${CURRENT}/${name}`) unlinkSync(join(folder, name));
      const generation = targetOf(current);
      if (generation !== undefined) unlinkSync(current);
      removeGeneration(generation);
    },
  };
}

function targetOf(path: string): string | undefined {
  try {
    return readlinkSync(path);
  } catch {
    return undefined;
  }
}
