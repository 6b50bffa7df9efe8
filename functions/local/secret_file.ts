/** Secrets of the embedded default: files of 0600, made on first start. */
import { randomBytes } from 'node:crypto';
import { existsSync, readFileSync, statSync, writeFileSync } from 'node:fs';

const SECRET_BYTES = 32;

/** Base64url text. Throws when others can read the file. */
export function loadOrCreateSecret(path: string): string {
  if (!existsSync(path))
    writeFileSync(path, `${randomBytes(SECRET_BYTES).toString('base64url')}\n`, {
      mode: 0o600,
      flag: 'wx',
      flush: true,
    });
  const { mode } = statSync(path);
  if ((mode & 0o077) !== 0)
    throw new Error(
      `\`${path}\` can be read by others (mode ${(mode & 0o777).toString(8)}): chmod 600 it, or delete it for a new one`,
    );
  return readFileSync(path, 'utf8').trim();
}
