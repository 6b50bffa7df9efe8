import { accessSync, constants, statSync } from 'node:fs';
import { delimiter, join, resolve } from 'node:path';

/** The root of the repository: everything below is resolved from this file, never from the working folder. */
export const repositoryFolder = resolve(import.meta.dirname, '../..');

/**
 * Git-ignored and per clone: a Python environment holds absolute paths, so a copied folder is rebuilt, not believed.
 * POSTERN_TOOLS names another place.
 */
export const toolsFolder = resolve(repositoryFolder, process.env['POSTERN_TOOLS'] ?? '.tools');

/** Whether `path` names a file that this user may run. */
export function isExecutable(path: string): boolean {
  try {
    accessSync(path, constants.X_OK);
    return statSync(path).isFile();
  } catch {
    return false;
  }
}

export function isFolder(path: string): boolean {
  return statSync(path, { throwIfNoEntry: false })?.isDirectory() === true;
}

/** Every executable called `name` on PATH, in PATH's order; a shell's own lookup without the shell. */
export function findAllOnPath(name: string): string[] {
  const folders = (process.env['PATH'] ?? '').split(delimiter).filter((folder) => folder !== '');
  return [...new Set(folders.map((folder) => join(folder, name)))].filter(isExecutable);
}

/** The first executable called `name` on PATH, or nothing. */
export function findOnPath(name: string): string | undefined {
  return findAllOnPath(name)[0];
}

/**
 * The environment that installers run in. pip and Go keep their caches below HOME and fail without one, so on a machine
 * with HOME unset or read-only the caches go below `.tools/cache`; a cache that the user named himself is kept.
 */
export function installerEnvironment(environment: NodeJS.ProcessEnv = process.env): NodeJS.ProcessEnv {
  const shared = { ...environment, PIP_DISABLE_PIP_VERSION_CHECK: '1', PIP_NO_INPUT: '1', PYTHONNOUSERSITE: '1' };
  if (isWritableFolder(environment['HOME'])) return shared;
  const cache = join(toolsFolder, 'cache');
  const go = environment['GOPATH'] ?? join(cache, 'go');
  return {
    ...shared,
    HOME: join(cache, 'home'),
    GOPATH: go,
    GOCACHE: environment['GOCACHE'] ?? join(cache, 'go-build'),
    GOMODCACHE: environment['GOMODCACHE'] ?? join(go, 'pkg', 'mod'),
    PIP_CACHE_DIR: environment['PIP_CACHE_DIR'] ?? join(cache, 'pip'),
  };
}

function isWritableFolder(path: string | undefined): boolean {
  if (path === undefined || path === '') return false;
  try {
    accessSync(path, constants.W_OK);
    return statSync(path).isDirectory();
  } catch {
    return false;
  }
}
