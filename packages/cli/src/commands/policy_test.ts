/** `postern policy test` */
import type { PolicyTestResult } from '@postern/policy-engine/publish';
import type { Command } from 'commander';
import type { Answer, Cli } from '../cli.ts';
import { addCompileOptions, type CompileOptions, compilePolicies } from '../compile_policies.ts';
import { defineCommand } from '../define_command.ts';
import { CommandFailure } from '../failure.ts';
import { type Paint, printable } from '../terminal_text.ts';

export function addPolicyTest(parent: Command, cli: Cli): void {
  defineCommand<CompileOptions>(parent, cli, {
    name: 'test <dir>',
    description: 'run the tests of a policy repository (`tests/*.yaml`) offline',
    examples: [['postern policy test policies', 'each test with what it decided; policies that no test exercises']],
    configure: addCompileOptions,
    run: (cli, options, [dir = '']) => runTests(cli, options, dir),
  });
}

async function runTests(cli: Cli, options: CompileOptions, dir: string): Promise<Answer> {
  const { compilation, files, problems } = await compilePolicies(cli, dir, options);
  const { formatProblems, runPolicyTests } = await import('@postern/policy-engine/publish');
  const { loadRelease } = await import('@postern/policy-engine');
  const loaded = compilation.ok ? loadRelease(compilation.release) : undefined;
  if (loaded?.ok !== true) {
    throw new CommandFailure(
      'refused',
      'policy-invalid',
      'the policies do not compile',
      `see: postern policy check ${dir}`,
      {
        members: { problems },
        text: formatProblems(problems, 'text'),
      },
    );
  }
  const report = runPolicyTests(loaded.value, files);
  return {
    json: report,
    exit: report.ok ? 'ok' : 'refused',
    text(paint) {
      const unreadable = report.problems.length === 0 ? '' : `${formatProblems(report.problems, 'text')}\n`;
      const failed = report.results.filter(({ passed }) => !passed).length;
      const idle =
        report.unexercised.length === 0 ? '' : `not exercised: ${report.unexercised.map(printable).join(', ')}\n`;
      const verdict = paint(report.ok ? 'green' : 'red', `${report.results.length - failed} passed, ${failed} failed`);
      return `${unreadable}${report.results.map((result) => formatResult(paint, result)).join('')}${idle}${verdict}\n`;
    },
  };
}

function formatResult(paint: Paint, result: PolicyTestResult): string {
  const { passed, name, file, line, outcome, reason, differences } = result;
  const mark = passed ? paint('green', 'pass') : paint('red', 'FAIL');
  const details = differences.map((difference) => `      ${printable(difference)}\n`).join('');
  return `${mark}  ${printable(name)}: ${outcome} (${reason})${passed ? '' : `  ${printable(file)}:${line}`}\n${details}`;
}
