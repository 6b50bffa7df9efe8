/** Files that hold one key each: whole or absent, never readable by others, and the same for every process. */
import { randomBytes } from 'node:crypto';
import {
  chmodSync,
  closeSync,
  constants,
  fstatSync,
  fsyncSync,
  linkSync,
  mkdirSync,
  openSync,
  readFileSync,
  statSync,
  unlinkSync,
  writeFileSync,
} from 'node:fs';
import { dirname } from 'node:path';

const GROUP_AND_OTHERS = 0o077;
const WRITE_BY_GROUP_AND_OTHERS = 0o022;

/** Makes it (0700) when it is absent. Throws when others could have put their own keys there. */
export function openKeyFolder(dir: string): void {
  mkdirSync(dir, { recursive: true, mode: 0o700 });
  const { mode } = statSync(dir);
  if ((mode & WRITE_BY_GROUP_AND_OTHERS) !== 0)
    throw new Error(`\`${dir}\` can be written by others (mode ${octal(mode)}): its keys are not to be trusted`);
  if ((mode & GROUP_AND_OTHERS) !== 0) chmodSync(dir, 0o700);
}

/** `create` is asked when there is no such file; of two processes that create it at once, one key counts for both. */
export function loadOrCreateKeyFile(path: string, create: () => Uint8Array): Buffer {
  const known = load(path);
  if (known !== undefined) return known;
  const temporary = `${path}.${randomBytes(8).toString('hex')}.new`;
  try {
    writeFileSync(temporary, create(), { mode: 0o600, flag: 'wx', flush: true });
    linkSync(temporary, path); // fails when another process was first: then its key counts
  } catch (cause) {
    if ((cause as NodeJS.ErrnoException).code !== 'EEXIST') throw new Error(`\`${path}\` cannot be made`, { cause });
  } finally {
    removeIfThere(temporary);
  }
  syncFolder(dirname(path));
  const made = load(path);
  if (made === undefined) throw new Error(`\`${path}\` went away`);
  return made;
}

/** Undefined when there is none. Throws as the above does. */
export function loadKeyFile(path: string): Buffer | undefined {
  return load(path);
}

/** One open file is checked and read, so that it cannot be exchanged in between; a symbolic link is refused. */
function load(path: string): Buffer | undefined {
  let file: number;
  try {
    file = openSync(path, constants.O_RDONLY | constants.O_NOFOLLOW);
  } catch (cause) {
    if ((cause as NodeJS.ErrnoException).code === 'ENOENT') return undefined;
    throw new Error(`\`${path}\` cannot be read`, { cause });
  }
  try {
    const { mode, uid } = fstatSync(file);
    if ((mode & GROUP_AND_OTHERS) !== 0)
      throw new Error(`\`${path}\` can be read by others (mode ${octal(mode)}): chmod 600 it, or replace the key`);
    if (uid !== process.getuid?.()) throw new Error(`\`${path}\` belongs to another user (${uid})`);
    return readFileSync(file);
  } finally {
    closeSync(file);
  }
}

/** The name survives a power failure, not only the content. */
function syncFolder(dir: string): void {
  const folder = openSync(dir, constants.O_RDONLY);
  try {
    fsyncSync(folder);
  } finally {
    closeSync(folder);
  }
}

function removeIfThere(path: string): void {
  try {
    unlinkSync(path);
  } catch (cause) {
    if ((cause as NodeJS.ErrnoException).code !== 'ENOENT') throw cause;
  }
}

function octal(mode: number): string {
  return (mode & 0o777).toString(8);
}
