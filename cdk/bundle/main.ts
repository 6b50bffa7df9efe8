/**
 * `npm run bundle [-- NAME…] [-- --write-deps]`: bundles the functions into `.build/functions/`, says how large each is,
 * and with `--write-deps` writes what each contains to `functions/NAME/deps.txt`.
 */
import { FUNCTION_NAMES, type FunctionName } from '@postern/functions/access';
import { readCommandLine } from '../../test/kit/command_line.ts';
import { bundleFunctions } from './bundle_functions.ts';
import { BundleRefused } from './check_contents.ts';
import {
  compareDependencyLists,
  formatDependencyList,
  readDependencyList,
  writeDependencyList,
} from './dependency_list.ts';

const { values, words } = readCommandLine({
  name: 'npm run bundle',
  options: { 'write-deps': { type: 'boolean', default: false } },
  words: FUNCTION_NAMES,
  usage: `npm run bundle [-- NAME…] [-- --write-deps]

Bundles the functions into .build/functions/, all of them or those that are named, and says how large
each is. The functions:
  ${FUNCTION_NAMES.join(' ')}

  --write-deps  write what each contains to functions/NAME/deps.txt
  --help        this text

Examples:
  npm run bundle
  npm run bundle -- authorize publish --write-deps

Exit codes: 0, 1 when a bundle contains what it must not, 2 for a mistake in the command line.
`,
});

try {
  const names = words.length === 0 ? FUNCTION_NAMES : (words as readonly FunctionName[]);
  const bundles = await bundleFunctions(names, {}, ({ name, bytes, tookMs }) => {
    process.stdout.write(`${name.padEnd(10)} ${String(bytes).padStart(9)} bytes ${String(tookMs).padStart(6)} ms\n`);
  });
  for (const { name, contents } of bundles) {
    const contained = formatDependencyList(contents);
    const changes = compareDependencyLists((await readDependencyList(name)) ?? '', contained);
    if (changes.length === 0) continue;
    if (values['write-deps']) await writeDependencyList(name, contained);
    const outcome = values['write-deps'] ? 'written' : 'differs; `npm run bundle -- --write-deps` writes it';
    process.stdout.write(`functions/${name}/deps.txt: ${outcome}\n${changes.map((line) => `  ${line}\n`).join('')}`);
  }
} catch (fault) {
  if (!(fault instanceof BundleRefused)) throw fault;
  process.stderr.write(`bundle: ${fault.message}\n`);
  process.exitCode = 1;
}
