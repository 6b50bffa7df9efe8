/** Secrets that attestors' settings name: files of 0600 in `secrets/` of the state folder, written by the operator. */
import { closeSync, constants, fstatSync, openSync, readFileSync } from 'node:fs';
import { join } from 'node:path';
import { StoreUnavailable } from '@postern/store';
import type { AttestorSecret } from '../issue/attesting.ts';

const GROUP_AND_OTHERS = 0o077;
const MAX_BYTES = 16 * 1024;

/**
 * Read anew each time: whoever rotates a token writes the file again. `name`: from settings, where it was checked to be one
 * file's name and no path. Throws `StoreUnavailable` when the file is missing, a link, too large, or read by others.
 */
export function readAttestorSecrets(dir: string): AttestorSecret {
  return async (name) => {
    const path = join(dir, 'secrets', name);
    const unavailable = (why: string, cause?: unknown) =>
      new StoreUnavailable(`the secret \`${name}\` cannot be read: ${why}`, { cause });
    let file: number | undefined;
    try {
      file = openSync(path, constants.O_RDONLY | constants.O_NOFOLLOW);
      const { mode, size } = fstatSync(file);
      if ((mode & GROUP_AND_OTHERS) !== 0) throw unavailable('others can read its file: chmod 600 it');
      if (size > MAX_BYTES) throw unavailable('its file is too large');
      return readFileSync(file, 'utf8').trim();
    } catch (cause) {
      if (cause instanceof StoreUnavailable) throw cause;
      throw unavailable((cause as NodeJS.ErrnoException).code ?? 'unknown', cause);
    } finally {
      if (file !== undefined) closeSync(file);
    }
  };
}
