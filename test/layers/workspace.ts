import { execFileSync } from 'node:child_process';
import { existsSync, readFileSync, statSync } from 'node:fs';
import { join } from 'node:path';

/** The parts of a package.json that the layer rules read. */
export type Manifest = {
  name: string;
  exports?: Record<string, string>;
  dependencies?: Record<string, string>;
  devDependencies?: Record<string, string>;
};

/** A text file of the repository; `path` is relative to its root, with forward slashes. */
export type WorkspaceFile = { path: string; text: string };

/** All that the rules look at, as values, so that a test can plant a violation without touching the disk. */
export type Workspace = { files: readonly WorkspaceFile[]; manifests: ReadonlyMap<string, Manifest> };

const MAX_FILE_BYTES = 2 * 1024 * 1024;

/** Reads what git tracks, and what it would: a file not yet added is judged as well. One `git ls-files`, no writes. */
export function loadWorkspace(rootFolder: string): Workspace {
  const listed = execFileSync('git', ['ls-files', '-z', '--cached', '--others', '--exclude-standard'], {
    cwd: rootFolder,
    encoding: 'utf8',
    maxBuffer: 64 * 1024 * 1024,
  });
  const paths = [...new Set(listed.split('\0'))].filter((path) => path !== '' && existsSync(join(rootFolder, path)));
  const files = paths.flatMap((path) => {
    const file = join(rootFolder, path);
    const facts = statSync(file);
    if (!facts.isFile() || facts.size > MAX_FILE_BYTES) return [];
    const text = readFileSync(file, 'utf8');
    return text.includes('\0') ? [] : [{ path, text }];
  });
  const manifests = new Map<string, Manifest>();
  for (const file of files) {
    const match = /^(?:(.*)\/)?package\.json$/.exec(file.path);
    if (match !== null) manifests.set(match[1] ?? '', JSON.parse(file.text) as Manifest);
  }
  return { files, manifests };
}
