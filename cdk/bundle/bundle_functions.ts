/** All functions' bundles, as the stack takes them. */
import { FUNCTION_NAMES, type FunctionName } from '@postern/functions/access';
import { type Bundle, type BundleOptions, bundleFunction } from './bundle_function.ts';

/** A bundle's folder for each function. */
export type BundleFolders = { readonly [F in FunctionName]: string };

/** Bundles `names` (default: all), one after the other: esbuild itself uses every core. */
export async function bundleFunctions(
  names: readonly FunctionName[] = FUNCTION_NAMES,
  options: Pick<BundleOptions, 'folder'> = {},
  onDone: (bundle: Bundle) => void = () => {},
): Promise<Bundle[]> {
  const bundles: Bundle[] = [];
  for (const name of names) {
    const bundle = await bundleFunction(name, options);
    onDone(bundle);
    bundles.push(bundle);
  }
  return bundles;
}

/** Throws where one is missing. */
export function foldersOf(bundles: readonly Bundle[]): BundleFolders {
  const folders = Object.fromEntries(bundles.map(({ name, folder }) => [name, folder]));
  const missing = FUNCTION_NAMES.filter((name) => folders[name] === undefined);
  if (missing.length > 0) throw new TypeError(`no bundle of ${missing.join(', ')}`);
  return folders as BundleFolders;
}
