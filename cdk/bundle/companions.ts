/** Files that a package reads from its own folder when it starts, so that they have to lie beside the bundle. */
import { stat } from 'node:fs/promises';
import { dirname, join } from 'node:path';
import { repositoryFolder } from '../places.ts';
import { BundleRefused } from './check_contents.ts';
import type { Contents } from './contents.ts';

export interface Companion {
  readonly path: string;
  readonly name: string;
  readonly bytes: number;
}

/** By the file that reads them. */
const COMPANIONS: readonly { readonly reader: RegExp; readonly name: string }[] = [
  { reader: /\/@cedar-policy\/cedar-wasm\/nodejs\/cedar_wasm\.js$/, name: 'cedar_wasm_bg.wasm' },
];

/** Throws `BundleRefused` where one is missing: the function would fail at its first use, and only there. */
export async function findCompanions(contents: Contents): Promise<Companion[]> {
  const wanted = COMPANIONS.flatMap(({ reader, name }) => {
    const file = contents.files.find((path) => reader.test(path));
    return file === undefined ? [] : [{ name, path: join(repositoryFolder, dirname(file), name) }];
  });
  return Promise.all(
    wanted.map(async ({ name, path }) => {
      const facts = await stat(path).catch(() => undefined);
      if (facts === undefined) throw new BundleRefused(`\`${name}\` is not where its package should have it: ${path}`);
      return { name, path, bytes: facts.size };
    }),
  );
}
