/** Secrets come from files that only their owner can read: a command line is seen by everybody on the machine. */
import { closeSync, constants, fstatSync, openSync, readFileSync } from 'node:fs';
import { CommandFailure } from './failure.ts';

const READABLE_BY_OTHERS = 0o077;
const MAX_SECRET_BYTES = 16 * 1024;
const ROOT = 0;

export interface SecretFile {
  readonly path: string;
  /** Such as `administrator token`. */
  readonly what: string;
  /** How to come by one. */
  readonly advice: string;
}

/**
 * Text of the file without the line end. Refused when others can read it, when it belongs to another user than this one
 * and root, and when it holds what cannot be sent in a header: an HTTP client's own error would show the secret.
 */
export function readSecretFile({ path, what, advice }: SecretFile): string {
  const refuse = (reason: string, message: string, help: string, cause?: unknown) =>
    new CommandFailure('denied', reason, message, help, { cause });
  let file: number;
  try {
    // Not to wait for a writer where the path is a pipe.
    file = openSync(path, constants.O_RDONLY | constants.O_NONBLOCK);
  } catch (cause) {
    const isMissing = (cause as NodeJS.ErrnoException).code === 'ENOENT';
    throw refuse(
      'secret-file-missing',
      `there is no ${what} to be read at \`${path}\``,
      isMissing ? advice : 'check who may read the file',
      cause,
    );
  }
  try {
    const { mode, uid, size } = fstatSync(file);
    if ((mode & constants.S_IFMT) !== constants.S_IFREG)
      throw refuse('secret-file-kind', `\`${path}\` is not a file`, advice);
    if ((mode & READABLE_BY_OTHERS) !== 0)
      throw refuse(
        'secret-file-exposed',
        `others can read the ${what} in \`${path}\``,
        `make a new one if others had access, then: chmod 600 ${path}`,
      );
    if (uid !== process.getuid?.() && uid !== ROOT)
      throw refuse('secret-file-owner', `the ${what} in \`${path}\` belongs to another user`, 'use a file of your own');
    if (size > MAX_SECRET_BYTES) throw refuse('secret-file-content', `\`${path}\` is too large for a ${what}`, advice);
    const text = readFileSync(file, 'utf8').trim();
    if (!/^[\x21-\x7e]+$/.test(text))
      throw refuse('secret-file-content', `\`${path}\` does not hold a ${what}`, advice);
    return text;
  } finally {
    closeSync(file);
  }
}
