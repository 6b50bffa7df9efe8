/**
 * One function's bundle: `index.mjs`, minified, for Node 24, with everything in it but Node's own modules. The same
 * sources give the same bytes on every machine, so that an asset's name changes only when what is deployed does.
 */
import { copyFile, mkdir, rm, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import type { FunctionName } from '@postern/functions/access';
import { build, type OutputFile } from 'esbuild';
import { buildFolder, bundleFolder, repositoryFolder } from '../places.ts';
import { BundleRefused, checkContents } from './check_contents.ts';
import { type Companion, findCompanions } from './companions.ts';
import { type Contents, contentsOf } from './contents.ts';

export interface Bundle {
  readonly name: FunctionName;
  /** What Lambda gets, whole. */
  readonly folder: string;
  readonly contents: Contents;
  /** All files together, before they are zipped. */
  readonly bytes: number;
  readonly tookMs: number;
}

export interface BundleOptions {
  /** Default: `.build`. */
  readonly folder?: string;
  /** Default: the function's `handler.ts`. */
  readonly handler?: { readonly text: string };
}

const BUNDLE_FILE = 'index.mjs';

/**
 * Parts that are CommonJS ask for `require` and for the folder they lie in; in an ES module there is neither. The name
 * of the bundle's own file is taken when it runs, so that no path of this machine is in it.
 */
const BANNER = [
  `import { createRequire as posternCreateRequire } from 'node:module';`,
  `const require = posternCreateRequire(import.meta.url);`,
  `const __filename = import.meta.filename;`,
  `const __dirname = import.meta.dirname;`,
].join('');

/** Throws `BundleRefused` where a row of `check_contents.ts` is broken, and esbuild's own failure where it has one. */
export async function bundleFunction(name: FunctionName, options: BundleOptions = {}): Promise<Bundle> {
  const startedMs = performance.now();
  const { folder = buildFolder, handler } = options;
  const { outputFiles, metafile } = await build({
    absWorkingDir: repositoryFolder,
    ...(handler === undefined
      ? { entryPoints: [`functions/${name}/handler.ts`] }
      : { stdin: { contents: handler.text, loader: 'ts', resolveDir: join(repositoryFolder, 'functions', name) } }),
    outfile: BUNDLE_FILE,
    bundle: true,
    write: false,
    metafile: true,
    format: 'esm',
    platform: 'node',
    target: 'node24',
    // ES modules first: what is not used of them is left out, and the AWS SDK is mostly what is not used.
    mainFields: ['module', 'main'],
    minify: true,
    charset: 'utf8',
    legalComments: 'none',
    // Beside the bundles and not in them: it explains a deployed stack trace, and would be half of what Lambda loads.
    sourcemap: 'external',
    sourcesContent: false,
    banner: { js: BANNER },
    logLevel: 'silent',
  });
  const output = metafile.outputs[BUNDLE_FILE];
  if (output?.exports.includes('handler') !== true)
    throw new BundleRefused(`\`functions/${name}/handler.ts\` exports no \`handler\`, which is what Lambda calls`);
  const contents = contentsOf(output);
  checkContents(name, contents);
  const written = await writeBundle(name, folder, outputFiles, await findCompanions(contents));
  return { name, contents, ...written, tookMs: Math.round(performance.now() - startedMs) };
}

/** The folder is made anew, so that nothing of an earlier bundle is deployed with it. */
async function writeBundle(
  name: FunctionName,
  buildInto: string,
  outputFiles: readonly OutputFile[],
  companions: readonly Companion[],
): Promise<Pick<Bundle, 'folder' | 'bytes'>> {
  const folder = bundleFolder(name, buildInto);
  const maps = join(buildInto, 'maps');
  await rm(folder, { recursive: true, force: true });
  for (const each of [folder, maps]) await mkdir(each, { recursive: true });
  let bytes = 0;
  for (const { path, contents } of outputFiles) {
    const isMap = path.endsWith('.map');
    await writeFile(isMap ? join(maps, `${name}.map`) : join(folder, BUNDLE_FILE), contents);
    if (!isMap) bytes += contents.length;
  }
  for (const companion of companions) {
    await copyFile(companion.path, join(folder, companion.name));
    bytes += companion.bytes;
  }
  return { folder, bytes };
}
