/**
 * `npm run bundle [-- NAME…] [-- --write-deps]`: bundles the functions into `.build/functions/`, says how large each is,
 * and with `--write-deps` writes what each contains to `functions/NAME/deps.txt`.
 */
import { parseArgs } from 'node:util';
import { FUNCTION_NAMES, type FunctionName } from '@postern/functions/access';
import { bundleFunctions } from './bundle_functions.ts';
import { BundleRefused } from './check_contents.ts';
import {
  compareDependencyLists,
  formatDependencyList,
  readDependencyList,
  writeDependencyList,
} from './dependency_list.ts';

const { values, positionals } = parseArgs({
  options: { 'write-deps': { type: 'boolean', default: false } },
  allowPositionals: true,
});
const unknown = positionals.filter((name) => !(FUNCTION_NAMES as readonly string[]).includes(name));
if (unknown.length > 0) {
  process.stderr.write(
    `bundle: unknown \`${unknown.join('`, `').slice(0, 200)}\`; known are ${FUNCTION_NAMES.join(', ')}\n`,
  );
  process.exit(2);
}

try {
  const names = positionals.length === 0 ? FUNCTION_NAMES : (positionals as FunctionName[]);
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
