/** What is in a bundle, from esbuild's own account of it: what was looked at and then left out does not count. */
import { isBuiltin } from 'node:module';
import type { Metafile } from 'esbuild';

export interface Contents {
  /** Relative to the repository's root, sorted. */
  readonly files: readonly string[];
  /** By name: `hono`, `@aws-sdk/client-kms`. */
  readonly packages: readonly string[];
  /** `@postern/ca`. */
  readonly workspacePackages: readonly string[];
  /** `node:crypto`, however it was spelled. */
  readonly builtins: readonly string[];
  /** What the bundle expects to find beside it, and will not. */
  readonly unresolved: readonly string[];
}

export function contentsOf(output: Metafile['outputs'][string]): Contents {
  const files = Object.entries(output.inputs).flatMap(([path, { bytesInOutput }]) => (bytesInOutput > 0 ? [path] : []));
  const external = output.imports.filter((imported) => imported.external === true).map(({ path }) => path);
  return {
    files: sorted(files),
    packages: sorted(files.map(packageOf)),
    workspacePackages: sorted(files.map(workspacePackageOf)),
    builtins: sorted(external.filter((path) => isBuiltin(path)).map((path) => `node:${path.replace(/^node:/, '')}`)),
    unresolved: sorted(external.filter((path) => !isBuiltin(path))),
  };
}

/** The package that a file of `node_modules` belongs to, the innermost where one lies in another. */
function packageOf(path: string): string | undefined {
  return /.*(?:^|\/)node_modules\/((?:@[^/]+\/)?[^/]+)\//.exec(path)?.[1];
}

function workspacePackageOf(path: string): string | undefined {
  const folder = /^packages\/([^/]+)\//.exec(path)?.[1];
  return folder === undefined || packageOf(path) !== undefined ? undefined : `@postern/${folder}`;
}

function sorted(names: readonly (string | undefined)[]): string[] {
  return [...new Set(names.filter((name) => name !== undefined))].sort();
}
