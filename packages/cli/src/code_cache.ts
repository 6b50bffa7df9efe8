/**
 * Keeps what the JavaScript engine made of our sources, so that every start but the first takes half of the time. Imports
 * nothing of ours: it must run before the rest is loaded.
 */
import { lstatSync, mkdirSync } from 'node:fs';
import { enableCompileCache } from 'node:module';
import { homedir } from 'node:os';
import { isAbsolute, join } from 'node:path';

type Environment = { readonly [name: string]: string | undefined };

/**
 * In `$XDG_CACHE_HOME/postern`, else `~/.cache/postern`. What lies there is run as code, so that a folder which others could
 * write to is not used, and neither is Node's default below the machine's folder for temporary files. Never throws.
 */
export function keepCompiledCode(environment: Environment = process.env): boolean {
  const folder = cacheFolder(environment);
  if (folder === undefined || !isOwn(folder)) return false;
  return enableCompileCache(folder).directory !== undefined;
}

function cacheFolder({ XDG_CACHE_HOME: base, NODE_DISABLE_COMPILE_CACHE: off }: Environment): string | undefined {
  if (off !== undefined) return undefined;
  // The XDG base directory specification: a relative path is to be ignored.
  return join(base !== undefined && isAbsolute(base) ? base : join(homedir(), '.cache'), 'postern');
}

function isOwn(folder: string): boolean {
  try {
    mkdirSync(folder, { recursive: true, mode: 0o700 });
    const found = lstatSync(folder);
    return found.isDirectory() && found.uid === process.getuid?.() && (found.mode & 0o022) === 0;
  } catch {
    return false;
  }
}
