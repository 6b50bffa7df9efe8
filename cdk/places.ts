import { join, resolve } from 'node:path';
import type { FunctionName } from '@postern/functions/access';

/** The root of the repository: everything below is resolved from this file, never from the working folder. */
export const repositoryFolder = resolve(import.meta.dirname, '..');

/** Git-ignored: what is made from the sources and may be made again at any time. */
export const buildFolder = join(repositoryFolder, '.build');

/** A bundle's folder: what is in it is what Lambda gets. */
export function bundleFolder(name: FunctionName, folder = buildFolder): string {
  return join(folder, 'functions', name);
}
