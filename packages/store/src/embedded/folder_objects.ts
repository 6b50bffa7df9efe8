/**
 * The embedded default's Objects: a file each. An object appears whole or not at all (written aside, synced, linked), and
 * link(2) fails where the name exists, which is put-if-absent.
 */
import { randomUUID } from 'node:crypto';
import { link, mkdir, open, readdir, readFile, unlink } from 'node:fs/promises';
import { dirname, join } from 'node:path';
import { accept, refuse } from '@postern/result';
import { checkObjectName } from '../bounds.ts';
import type { Objects } from '../objects.ts';
import { StoreUnavailable } from '../table.ts';
import { pageOfNames } from './object_page.ts';

const ASIDE = '.new';

export function openFolderObjects(dir: string): Objects {
  const code = (cause: unknown) => (cause as NodeJS.ErrnoException).code;

  async function putIfAbsent(name: string, bytes: Uint8Array) {
    const path = join(dir, name);
    const aside = join(dir, ASIDE, randomUUID());
    await mkdir(join(dir, ASIDE), { recursive: true, mode: 0o700 });
    await mkdir(dirname(path), { recursive: true, mode: 0o700 });
    const file = await open(aside, 'wx', 0o600);
    try {
      await file.writeFile(bytes);
      await file.sync();
    } finally {
      await file.close();
    }
    try {
      await link(aside, path);
      await syncFolder(dirname(path));
      return accept(undefined);
    } catch (cause) {
      if (code(cause) === 'EEXIST') return refuse('already-exists');
      throw cause;
    } finally {
      await unlink(aside);
    }
  }

  async function namesBelow(prefix: string): Promise<string[]> {
    const from = prefix.includes('/') ? prefix.slice(0, prefix.lastIndexOf('/')) : '';
    const entries = await readdir(join(dir, from), { recursive: true, withFileTypes: true });
    return entries
      .filter((entry) => entry.isFile())
      .map((entry) => join(entry.parentPath, entry.name).slice(dir.length + 1))
      .filter((name) => !name.startsWith(`${ASIDE}/`) && name.startsWith(prefix));
  }

  return {
    async putIfAbsent(name, bytes) {
      checkObjectName(name);
      try {
        return await putIfAbsent(name, bytes);
      } catch (cause) {
        throw new StoreUnavailable('the object cannot be written', { cause });
      }
    },
    async get(name) {
      checkObjectName(name);
      try {
        return new Uint8Array(await readFile(join(dir, name)));
      } catch (cause) {
        if (code(cause) === 'ENOENT' || code(cause) === 'ENOTDIR' || code(cause) === 'EISDIR') return undefined;
        throw new StoreUnavailable('the object cannot be read', { cause });
      }
    },
    async list(prefix, options) {
      try {
        return pageOfNames(await namesBelow(prefix), options);
      } catch (cause) {
        if (code(cause) === 'ENOENT' || code(cause) === 'ENOTDIR') return { names: [] };
        throw new StoreUnavailable('the objects cannot be listed', { cause });
      }
    },
  };
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
