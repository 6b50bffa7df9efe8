/** `npm run bench [-- NAME…] [--quick] [--json]`: measures, shows a table, writes it to docs/benchmarks.md. */
import { mkdir, readFile, writeFile } from 'node:fs/promises';
import { dirname, join } from 'node:path';
import { readCommandLine } from '../kit/command_line.ts';
import { repositoryFolder } from '../tools/places.ts';
import { type Bench, benches } from './benches.ts';
import { replaceSection } from './report/document.ts';
import { type BenchOutcome, formatJsonLine } from './report/figure.ts';
import { describeMachine } from './report/machine.ts';
import { renderSection } from './report/section.ts';
import { formatTable } from './report/table.ts';

const USAGE = `npm run bench [-- NAME...] [-- --quick] [-- --json]

Measures and writes docs/benchmarks.md. Without a NAME all of them:
${benches.map(({ name, title }) => `  ${name.padEnd(10)}${title.slice(name.length + 2)}`).join('\n')}

  --quick   a rough answer, all together within 50 seconds
  --json    print only the lines of JSON
  --help    this text

Each benchmark ends with one line of JSON:
  {"bench":"decide","figures":[{"name":"…","unit":"us","ours":1.4,"peers":{"cedar-wasm":3500},"goal":"…","met":true}]}
\`met\` is null for a figure that is only reported. Exit code: 0 when everything was measured, whether goals were met or
not; 1 when a benchmark failed, or, with CI=true, when a program it needs is missing; 2 for a wrong command line.

Examples:
  npm run bench -- decide
  npm run bench -- agent --quick
  npm run bench -- --quick --json | jq '.figures[] | select(.met == false)'
`;

const documentFile = join(repositoryFolder, 'docs', 'benchmarks.md');
const { values, words } = readCommandLine({
  name: 'npm run bench',
  options: { quick: { type: 'boolean', default: false }, json: { type: 'boolean', default: false } },
  words: benches.map(({ name }) => name),
  usage: USAGE,
});
const chosen = benches.filter(({ name }) => words.length === 0 || words.includes(name));
process.exitCode = await runAll({ chosen, isQuick: values.quick, isJson: values.json });

type Wanted = { readonly chosen: readonly Bench[]; readonly isQuick: boolean; readonly isJson: boolean };

/** One that fails does not keep the others from being measured. */
async function runAll({ chosen, isQuick, isJson }: Wanted): Promise<number> {
  let exitCode = 0;
  const write = (text: string) => process.stdout.write(`${text}\n`);
  const show = isJson ? () => true : write;
  for (const bench of chosen) {
    show(`\n== ${bench.title}${isQuick ? ' (quick: rough figures)' : ''}`);
    try {
      const outcome = await bench.run({ isQuick, say: (line) => show(`   ${line}`) });
      show(`\n${outcome.figures.length === 0 ? '' : formatTable(outcome.figures)}`);
      if (outcome.missing !== undefined) show(`   not measured: ${outcome.missing}`);
      if (outcome.missing !== undefined && process.env['CI'] === 'true') exitCode = 1;
      await save(bench, outcome, isQuick);
      write(formatJsonLine(bench.name, outcome));
    } catch (fault) {
      process.stderr.write(`${bench.name} failed: ${(fault as Error).stack ?? fault}\n`);
      exitCode = 1;
    }
  }
  return exitCode;
}

async function save({ name, title }: Bench, outcome: BenchOutcome, isQuick: boolean): Promise<void> {
  const section = renderSection({
    title,
    outcome,
    machine: describeMachine(),
    command: `npm run bench -- ${name}${isQuick ? ' --quick' : ''}`,
    date: new Date().toISOString().slice(0, 10),
  });
  const before = await readFile(documentFile, 'utf8').catch((fault: NodeJS.ErrnoException) => {
    if (fault.code === 'ENOENT') return '';
    throw fault;
  });
  await mkdir(dirname(documentFile), { recursive: true });
  await writeFile(documentFile, replaceSection(before, name, section));
}
