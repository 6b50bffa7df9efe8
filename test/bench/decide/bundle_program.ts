/** A program as it is deployed: one file of JavaScript, not TypeScript that Node strips of its types at every start. */
import { join } from 'node:path';
import { build } from 'esbuild';
import { repositoryFolder } from '../../tools/places.ts';

/**
 * Answers the bundle's path. What `import()` loads is a chunk beside it, loaded when it is asked for. cedar-wasm stays the
 * package that it is: it reads its WebAssembly from its own folder, which is why the bundle must lie below `node_modules`'
 * folder.
 */
export async function bundleProgram(source: string, folder: string): Promise<string> {
  await build({
    absWorkingDir: repositoryFolder,
    entryPoints: { program: source },
    outdir: folder,
    outExtension: { '.js': '.mjs' },
    bundle: true,
    splitting: true,
    minify: true,
    format: 'esm',
    platform: 'node',
    target: 'node24',
    mainFields: ['module', 'main'],
    external: ['@cedar-policy/cedar-wasm'],
    logLevel: 'silent',
  });
  return join(folder, 'program.mjs');
}
