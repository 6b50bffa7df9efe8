/** A policy repository on disk as what is compiled: text by path relative to its root. */
import { type Dirent, lstatSync, readdirSync, readFileSync } from 'node:fs';
import { join, resolve } from 'node:path';
import type { Cli } from './cli.ts';
import { CommandFailure } from './failure.ts';

const MAX_FILES = 5_000;
const MAX_BYTES = 16 * 1024 * 1024;
const MAX_DEPTH = 16;
const ADVICE = 'name the folder that holds `services/`, `org/` and `teams/`';

const MEANINGFUL = /^(?:org|teams|services|openapi|tests)\//;

/**
 * Files and folders that begin with a dot are not read; everything else is the compiler's to judge. A symbolic link is
 * refused: in a pull request it could bring a file of this machine into the output.
 */
export function readPolicyFolder({ io }: Cli, dir: string): Map<string, string> {
  const root = resolve(io.folder, dir);
  const files = new Map<string, string>();
  let bytes = 0;

  function visit(folder: string, depth: number): void {
    const entries = readdirSync(join(root, folder), { withFileTypes: true });
    for (const entry of entries.sort((a, b) => (a.name < b.name ? -1 : 1))) {
      const path = folder === '' ? entry.name : `${folder}/${entry.name}`;
      if (/(?:^|\/)\./.test(path)) visitHidden(entry, path, depth);
      else if (entry.isDirectory() && depth < MAX_DEPTH) visit(path, depth + 1);
      else if (entry.isFile()) take(path);
      else
        throw failure(
          'policy-file-kind',
          `\`${path}\` is not a file of the repository`,
          'replace links by what they point to',
        );
    }
  }

  /** One that may have been meant: the compiler learns its name, not its text. */
  function visitHidden(entry: Dirent, path: string, depth: number): void {
    const isMeant = MEANINGFUL.test(path);
    if (isMeant && entry.isDirectory() && depth < MAX_DEPTH) visit(path, depth + 1);
    else if (isMeant && entry.isFile() && files.size < MAX_FILES) files.set(path, '');
  }

  function take(path: string): void {
    bytes += lstatSync(join(root, path)).size;
    if (files.size >= MAX_FILES || bytes > MAX_BYTES)
      throw failure('policy-folder-too-large', `more than ${MAX_FILES} files or ${MAX_BYTES} bytes`, ADVICE);
    const content = readFileSync(join(root, path));
    try {
      files.set(path, new TextDecoder('utf-8', { fatal: true }).decode(content));
    } catch (cause) {
      throw failure('policy-file-encoding', `\`${path}\` is not UTF-8 text`, 'remove it, or save it as UTF-8', cause);
    }
  }

  try {
    visit('', 0);
  } catch (cause) {
    if (cause instanceof CommandFailure) throw cause;
    throw failure(
      'policy-folder-unreadable',
      `\`${dir}\` cannot be read: ${(cause as NodeJS.ErrnoException).code ?? 'fault'}`,
      ADVICE,
      cause,
    );
  }
  // Publishing nothing by mistake would take away every permit.
  if (![...files.keys()].some((path) => /^services\/[^.]/.test(path)))
    throw failure('policy-folder-empty', `there is no service in \`${dir}\``, ADVICE);
  return files;
}

function failure(reason: string, message: string, advice: string, cause?: unknown): CommandFailure {
  return new CommandFailure('usage', reason, message, advice, { cause });
}

/** The one that the services speak of: a repository is of one trust domain, and the compiler says so where it is not. */
export function trustDomainOf(files: ReadonlyMap<string, string>): string | undefined {
  for (const [path, text] of files) {
    const [, name] = (path.startsWith('services/') && /spiffe:\/\/([a-z0-9._-]{1,255})\//.exec(text)) || [];
    if (name !== undefined) return name;
  }
  return undefined;
}
