/** `postern policy test` */
import { existsSync } from 'node:fs';
import { basename, dirname, resolve } from 'node:path';
import type { LoadedRelease } from '@postern/policy-engine';
import type { PolicyTestReport } from '@postern/policy-engine/publish';
import type { Command } from 'commander';
import type { Answer, Cli } from '../cli.ts';
import { addCompileOptions, type CompileOptions } from '../compile_policies.ts';
import { defineCommand } from '../define_command.ts';
import { CommandFailure } from '../failure.ts';
import { loadPolicies } from '../load_policies.ts';
import { parseNumber } from '../option_values.ts';
import { type Paint, printable } from '../terminal_text.ts';
import { formatTestResult } from '../test_text.ts';
import { writeFiles } from '../write_files.ts';

interface Options extends CompileOptions {
  /** Per cent. */
  readonly coverage?: number;
  readonly writeRecords?: string;
}

export function addPolicyTest(parent: Command, cli: Cli): void {
  defineCommand<Options>(parent, cli, {
    name: 'test <dir>',
    description: 'run the tests of a policy repository (`tests/*.yaml`) offline',
    examples: [
      ['postern policy test policies', 'each test with what it decided; policies that no test exercises'],
      ['postern policy test policies --coverage 100', 'fails where a policy decides no test'],
      ['postern policy test policies --write-records inputs.jsonl', 'the tests’ requests, for `policy replay`'],
    ],
    configure: (command) =>
      addCompileOptions(command)
        .option('--coverage <percent>', 'exit code 1 when fewer of the policies decide a test', parseNumber(0, 100))
        .option(
          '--write-records <file>',
          'write the tests’ requests as recorded inputs, one JSON object a line; readable by you alone',
        ),
    run: (cli, options, [dir = '']) => runTests(cli, options, dir),
  });
}

async function runTests(
  cli: Cli,
  { coverage: least, writeRecords, ...options }: Options,
  dir: string,
): Promise<Answer> {
  const { files, loaded } = await loadPolicies(cli, dir, options);
  const { formatProblems, runPolicyTests } = await import('@postern/policy-engine/publish');
  const report = runPolicyTests(loaded, files);
  const written = writeRecords === undefined ? undefined : await writeRecordedTests(cli, writeRecords, loaded, files);
  const isCovered = least === undefined || report.coverage.percent >= least;
  const ok = report.ok && isCovered;
  return {
    json: { ...report, ok, ...(written !== undefined && { recordsWritten: written }) },
    exit: ok ? 'ok' : 'refused',
    text(paint) {
      const unreadable = report.problems.length === 0 ? '' : `${formatProblems(report.problems, 'text')}\n`;
      const failed = report.results.filter(({ passed }) => !passed).length;
      const counts = `${report.results.length - failed} passed, ${failed} failed`;
      const verdict = paint(report.ok ? 'green' : 'red', counts);
      const lines = report.results.map((result) => formatTestResult(paint, result)).join('');
      // What tests that nobody could read exercise is not known.
      const coverage = unreadable === '' ? formatCoverage(paint, report, isCovered ? undefined : least) : '';
      const records =
        written === undefined
          ? ''
          : `${written} recorded inputs written to ${printable(writeRecords ?? '')}, for you alone\n`;
      return `${unreadable}${lines}${coverage}${verdict}${unreadable === '' ? '' : ', not all tests could be read'}\n${records}`;
    },
  };
}

async function writeRecordedTests(
  { io }: Cli,
  file: string,
  loaded: LoadedRelease,
  files: ReadonlyMap<string, string>,
): Promise<number> {
  const { recordPolicyTests } = await import('@postern/policy-engine/publish');
  const { formatRecordedInput } = await import('@postern/policy-engine/replay');
  const lines = recordPolicyTests(loaded, files).tests.map(({ input }) => `${formatRecordedInput(input)}\n`);
  const path = resolve(io.folder, file);
  if (!existsSync(dirname(path)))
    throw new CommandFailure(
      'usage',
      'output-not-written',
      `there is no folder \`${dirname(path)}\``,
      'make it, or name a file in another one',
    );
  // Of people: who asked for what, from where and with which groups.
  writeFiles(dirname(path), [{ name: basename(path), text: lines.join(''), isSecret: true }]);
  return lines.length;
}

function formatCoverage(paint: Paint, { coverage }: PolicyTestReport, least: number | undefined): string {
  const { policies, exercised, percent, unexercised } = coverage;
  const lines = unexercised.map(({ id, file, line, isMet }) => {
    const how = isMet ? 'met by tests and never deciding' : 'met by no test';
    return `${paint('yellow', 'idle')}  ${printable(id)}: ${how}  ${printable(file)}:${line}\n`;
  });
  const share = `${exercised} of ${policies} policies decide a test: ${percent} %`;
  const verdict = least === undefined ? share : paint('red', `${share}, and ${least} % is asked for`);
  return `${lines.join('')}${verdict}\n`;
}
