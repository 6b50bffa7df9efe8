/**
 * The embedded default's Objects: a file each. An object appears whole or not at all (written aside, synced, linked), and
 * link(2) fails where the name exists, which is put-if-absent.
 */
import { randomUUID } from 'node:crypto';
import { link, mkdir, open, readdir, readFile, stat, unlink } from 'node:fs/promises';
import { dirname, join, relative, resolve } from 'node:path';
import { accept, type Result, refuse } from '@postern/result';
import { checkObjectName, checkObjectPrefix } from '../bounds.ts';
import type { Objects } from '../objects.ts';
import { StoreUnavailable } from '../table.ts';
import { pageOfNames } from './object_page.ts';

/** No object can be called this. */
const ASIDE = '~new';

/** `folder`: made at the first write, readable by its owner alone. */
export function openFolderObjects(folder: string): Objects {
  const dir = resolve(folder);

  async function putIfAbsent(name: string, bytes: Uint8Array): Promise<Result<void, 'already-exists'>> {
    const path = join(dir, name);
    const aside = join(dir, ASIDE, randomUUID());
    await makeFolder(dirname(aside));
    try {
      await makeFolder(dirname(path));
    } catch (cause) {
      throw ['EEXIST', 'ENOTDIR'].includes(codeOf(cause)) ? folderConflict(cause) : cause;
    }
    try {
      await writeWhole(aside, bytes);
      await link(aside, path);
    } catch (cause) {
      if (codeOf(cause) !== 'EEXIST') throw cause;
      if (!(await stat(path)).isFile()) throw folderConflict(cause);
      // Whoever linked it may not have synced the folder yet, and our caller builds on its being there.
      await syncFolder(dirname(path));
      return refuse('already-exists');
    } finally {
      await unlink(aside).catch(ignoreAbsent);
    }
    await syncFolder(dirname(path));
    return accept(undefined);
  }

  async function namesBelow(prefix: string): Promise<string[]> {
    const from = prefix.slice(0, prefix.lastIndexOf('/') + 1);
    const entries = await readdir(join(dir, from), { recursive: true, withFileTypes: true });
    return entries
      .filter((entry) => entry.isFile())
      .map((entry) => relative(dir, join(entry.parentPath, entry.name)))
      .filter((name) => !name.startsWith(`${ASIDE}/`) && name.startsWith(prefix));
  }

  return {
    async putIfAbsent(name, bytes) {
      checkObjectName(name);
      try {
        return await putIfAbsent(name, bytes);
      } catch (cause) {
        if (cause instanceof RangeError) throw cause;
        throw new StoreUnavailable('the object cannot be written', { cause });
      }
    },
    async get(name) {
      checkObjectName(name);
      try {
        return new Uint8Array(await readFile(join(dir, name)));
      } catch (cause) {
        if (['ENOENT', 'ENOTDIR', 'EISDIR'].includes(codeOf(cause))) return undefined;
        throw new StoreUnavailable('the object cannot be read', { cause });
      }
    },
    async list(prefix, options) {
      checkObjectPrefix(prefix);
      let names: readonly string[];
      try {
        names = await namesBelow(prefix);
      } catch (cause) {
        if (!['ENOENT', 'ENOTDIR'].includes(codeOf(cause)))
          throw new StoreUnavailable('the objects cannot be listed', { cause });
        names = [];
      }
      return pageOfNames(names, options);
    },
  };
}

const codeOf = (cause: unknown) => (cause as NodeJS.ErrnoException).code ?? '';
const folderConflict = (cause: unknown) => new RangeError('an object cannot be the folder of another', { cause });

function ignoreAbsent(cause: unknown): void {
  if (codeOf(cause) !== 'ENOENT') throw cause;
}

async function writeWhole(path: string, bytes: Uint8Array): Promise<void> {
  const file = await open(path, 'wx', 0o600);
  try {
    await file.writeFile(bytes);
    await file.sync();
  } finally {
    await file.close();
  }
}

/** A new folder's own entry must survive a power cut too: every folder from the last one that was there is synced. */
async function makeFolder(path: string): Promise<void> {
  const first = await mkdir(path, { recursive: true, mode: 0o700 });
  if (first === undefined) return;
  for (let made = path; ; made = dirname(made)) {
    await syncFolder(dirname(made));
    if (made === first) return;
  }
}

/** The link itself must survive a power cut, not only the bytes. */
async function syncFolder(path: string): Promise<void> {
  const folder = await open(path, 'r');
  try {
    await folder.sync();
  } finally {
    await folder.close();
  }
}
