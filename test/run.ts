/**
 * `npm test [-- --long] [-- FILTER…]`: checks, tools, then every test, with what happens visible as it happens. The last
 * line is `N passed, N failed, N skipped`: the tests, and one for each check. The exit code is 0 only without a failure.
 */
import { spawn } from 'node:child_process';
import { rm } from 'node:fs/promises';
import { constants } from 'node:os';
import { join } from 'node:path';
import { runChecks } from './checks.ts';
import { readCommandLine } from './kit/command_line.ts';
import { addTallies, loadVitestTally, type Tally } from './tally.ts';
import { repositoryFolder } from './tools/places.ts';

const { values, words: filters } = readCommandLine({
  name: 'npm test',
  options: { long: { type: 'boolean', default: false } },
  words: 'any',
  usage: `npm test [-- PART…] [-- --long]

Checks, then tools, then the tests: all of them, or those whose path has a PART in it.
The last line is \`N passed, N failed, N skipped\`.

  --long  with large counts, as \`npm run test:long\` does
  --help  this text

Examples:
  npm test
  npm test -- packages/ca functions/issue

Exit codes: 0 without a failure, 1 otherwise, 2 for a mistake in the command line.
`,
});
const environment = values.long ? { ...process.env, POSTERN_LONG: '1' } : process.env;

const tallies = [await runAllChecks(), await runTools(), await runTests(filters)];
const total = addTallies(tallies);
process.exitCode = total.failed === 0 && total.passed > 0 ? 0 : 1;
process.stdout.write(`\n${total.passed} passed, ${total.failed} failed, ${total.skipped} skipped\n`);

async function runAllChecks(): Promise<Tally> {
  say('checks');
  const reports = await runChecks(({ name, isPassed, tookMs, output }) => {
    if (!isPassed) process.stdout.write(`${output.trimEnd()}\n`);
    process.stdout.write(`  ${isPassed ? 'pass' : 'FAIL'}  ${name} (${(tookMs / 1000).toFixed(1)} s)\n`);
  });
  const passed = reports.filter((report) => report.isPassed).length;
  return { passed, failed: reports.length - passed, skipped: 0 };
}

/** Missing peers are reported by the installer, and fail here only where it says so (CI=true). */
async function runTools(): Promise<Tally> {
  say('tools');
  const code = await runNode(join(import.meta.dirname, 'tools', 'install.ts'), []);
  return code === 0 ? { passed: 1, failed: 0, skipped: 0 } : { passed: 0, failed: 1, skipped: 0 };
}

async function runTests(parts: readonly string[]): Promise<Tally> {
  say(`tests${values.long ? ', the long way' : ''}`);
  const reportFile = join(repositoryFolder, 'test-results', 'vitest.json');
  await rm(reportFile, { force: true });
  const vitest = join(repositoryFolder, 'node_modules', 'vitest', 'vitest.mjs');
  const args = ['run', '--reporter=default', '--reporter=json', `--outputFile.json=${reportFile}`, ...parts];
  const code = await runNode(vitest, args);
  const tally = await loadVitestTally(reportFile, say);
  // A run that ends badly without a failed test (a file that does not load, an error between tests) is still a failure.
  return code !== 0 && tally.failed === 0 ? { ...tally, failed: 1 } : tally;
}

function runNode(program: string, args: string[]): Promise<number> {
  return new Promise((resolve, reject) => {
    const child = spawn(process.execPath, [program, ...args], {
      cwd: repositoryFolder,
      env: environment,
      stdio: ['ignore', 'inherit', 'inherit'],
    });
    child.once('error', reject);
    child.once('close', (code, signal) => resolve(code ?? 128 + (signal === null ? 0 : constants.signals[signal])));
  });
}

function say(step: string): void {
  process.stdout.write(`\n== ${step}\n`);
}
