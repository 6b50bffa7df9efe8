/** Objects in memory, for tests. */
import { accept, refuse } from '@postern/result';
import { checkObjectName, checkObjectPrefix } from '../bounds.ts';
import type { Objects } from '../objects.ts';
import { pageOfNames } from './object_page.ts';

export function createMemoryObjects(): Objects {
  const objects = new Map<string, Uint8Array>();

  function checkFolders(name: string): void {
    for (const there of objects.keys()) {
      if (there.startsWith(`${name}/`) || name.startsWith(`${there}/`))
        throw new RangeError('an object cannot be the folder of another');
    }
  }

  return {
    async putIfAbsent(name, bytes) {
      checkObjectName(name);
      if (objects.has(name)) return refuse('already-exists');
      checkFolders(name);
      objects.set(name, Uint8Array.from(bytes));
      return accept(undefined);
    },
    async get(name) {
      checkObjectName(name);
      const bytes = objects.get(name);
      return bytes && Uint8Array.from(bytes);
    },
    async list(prefix, options) {
      checkObjectPrefix(prefix);
      return pageOfNames(
        [...objects.keys()].filter((name) => name.startsWith(prefix)),
        options,
      );
    },
  };
}
