/**
 * What must not be in which bundle. A cold start pays for every module that is loaded, and somebody waits for it: Envoy
 * for a decision, a workload for its certificate. One import too many is found here, not in a bill or a time-out.
 */
import { FUNCTION_NAMES, type FunctionName } from '@postern/functions/access';
import type { Contents } from './contents.ts';

/** The build ends here; the message says what to do. */
export class BundleRefused extends Error {
  override readonly name = 'BundleRefused';
}

interface Ban {
  readonly bundles: readonly FunctionName[];
  /** Of a package's name, or of a file's path. */
  readonly matches: { readonly packages: RegExp } | { readonly files: RegExp };
  readonly because: string;
}

const allBut = (name: FunctionName) => FUNCTION_NAMES.filter((other) => other !== name);

const BANS: readonly Ban[] = [
  {
    bundles: ['authorize'],
    matches: { packages: /^@(aws-sdk|smithy|aws-crypto)\// },
    because: 'an SDK client costs 80 ms of each cold start: `authorize` uses `@postern/aws/thin`',
  },
  {
    bundles: ['authorize'],
    matches: { packages: /^(hono|@hono\/.+)$/ },
    because: 'a framework normalises the path that is to be decided: `authorize` is a plain function',
  },
  {
    bundles: allBut('publish'),
    matches: { packages: /^@cedar-policy\/cedar-wasm$/ },
    because: 'it has 4 MB and costs 85 ms: policies are parsed when they are published, never when they are used',
  },
  {
    // `rotate` loads it when a list is due, and never on the way of a start.
    bundles: allBut('rotate'),
    matches: { packages: /^(pkijs|@peculiar\/.+)$/ },
    because: 'certificates are read and written by `@postern/der`, at a tenth of the start',
  },
  {
    bundles: FUNCTION_NAMES,
    matches: { packages: /^(@hono\/node-server|koffi|@grpc\/.+|vitest)$/ },
    because: 'it belongs to programs that listen or test, and a function does neither',
  },
  {
    bundles: FUNCTION_NAMES,
    matches: { files: /^functions\/local(\/|\.ts$)/ },
    because: 'the wiring of one machine is not for a function',
  },
  {
    bundles: FUNCTION_NAMES,
    matches: { files: /\/testing\/|\.test\.ts$/ },
    because: 'test support is not deployed',
  },
];

/** Throws `BundleRefused`. */
export function checkContents(name: FunctionName, contents: Contents): void {
  const broken = BANS.filter((ban) => ban.bundles.includes(name)).flatMap(({ matches, because }) => {
    const found =
      'packages' in matches
        ? contents.packages.filter((of) => matches.packages.test(of))
        : contents.files.filter((path) => matches.files.test(path));
    return found.length === 0 ? [] : [`has ${found.join(', ')}: ${because}`];
  });
  if (contents.unresolved.length > 0)
    broken.push(`expects ${contents.unresolved.join(', ')} beside it, where there is nothing`);
  if (broken.length > 0) throw new BundleRefused(`the bundle of \`${name}\` ${broken.join('; ')}`);
}
