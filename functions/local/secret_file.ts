/** The embedded default's folder, and its secrets: files of 0600, made on first start. */
import { randomBytes } from 'node:crypto';
import {
  closeSync,
  constants,
  existsSync,
  fstatSync,
  linkSync,
  mkdirSync,
  openSync,
  readFileSync,
  statSync,
  unlinkSync,
  writeFileSync,
} from 'node:fs';

const SECRET_BYTES = 32;
const SECRET_TEXT = /^[\w-]{43}$/;
const GROUP_AND_OTHERS = 0o077;
const WRITE_BY_OTHERS = 0o022;

/** Makes it (0700). Throws when others could have put files of their own there. */
export function openStateFolder(dir: string): void {
  mkdirSync(dir, { recursive: true, mode: 0o700 });
  const { mode } = statSync(dir);
  if ((mode & WRITE_BY_OTHERS) !== 0)
    throw new Error(
      `\`${dir}\` can be written by others (mode ${octal(mode)}): chmod 700 it, or choose another folder`,
    );
}

/**
 * Base64url text of 32 bytes. Throws when the file can be read by others, is another user's or a link, or holds anything
 * else: a file that a full disk left empty would otherwise make no token the right one.
 */
export function loadOrCreateSecret(path: string): string {
  if (!existsSync(path)) create(path);
  // One open file is checked and read, so that it cannot be exchanged in between.
  const file = openSync(path, constants.O_RDONLY | constants.O_NOFOLLOW);
  try {
    const { mode, uid } = fstatSync(file);
    if ((mode & GROUP_AND_OTHERS) !== 0)
      throw new Error(
        `\`${path}\` can be read by others (mode ${octal(mode)}): chmod 600 it, or delete it for a new one`,
      );
    if (uid !== process.getuid?.()) throw new Error(`\`${path}\` belongs to another user (${uid})`);
    const secret = readFileSync(file, 'utf8').trim();
    if (!SECRET_TEXT.test(secret)) throw new Error(`\`${path}\` does not hold a secret: delete it for a new one`);
    return secret;
  } finally {
    closeSync(file);
  }
}

/** Whole or not at all. */
function create(path: string): void {
  const aside = `${path}.${process.pid}.new`;
  try {
    writeFileSync(aside, `${randomBytes(SECRET_BYTES).toString('base64url')}\n`, {
      mode: 0o600,
      flag: 'wx',
      flush: true,
    });
    linkSync(aside, path);
  } finally {
    if (existsSync(aside)) unlinkSync(aside);
  }
}

function octal(mode: number): string {
  return (mode & 0o777).toString(8);
}
