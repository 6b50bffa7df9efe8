/** `postern policy replay` */
import type { LoadedRelease } from '@postern/policy-engine';
import type { ReplayReport } from '@postern/policy-engine/replay';
import type { Command } from 'commander';
import type { Answer, Cli } from '../cli.ts';
import { addCompileOptions, type CompileOptions } from '../compile_policies.ts';
import { defineCommand } from '../define_command.ts';
import { CommandFailure } from '../failure.ts';
import { loadPolicies } from '../load_policies.ts';
import { parseNumber } from '../option_values.ts';
import { readRecordedInputs } from '../recorded_inputs.ts';
import { formatReplay } from '../replay_text.ts';

export interface ReplayOptions extends CompileOptions {
  readonly allowWidening?: true;
  readonly limit: number;
}

interface Options extends ReplayOptions {
  readonly records: string;
}

const DEFAULT_LIMIT = 20;

/** `what`: by which more is known to be let through. */
export function addReplayOptions(command: Command, what: string): Command {
  return addCompileOptions(command)
    .option('--allow-widening', `exit code 0 also when ${what}: it was looked at`)
    .option('--limit <number>', 'changes shown', parseNumber(0, 10_000), DEFAULT_LIMIT);
}

export function addPolicyReplay(parent: Command, cli: Cli): void {
  defineCommand<Options>(parent, cli, {
    name: 'replay <before> <after>',
    description: 'run recorded decision inputs against two policy repositories, offline: who gains, who loses',
    examples: [
      ['postern policy replay --records inputs.jsonl main/policies policies', 'exit code 6 when more is let through'],
      ['postern policy test policies --write-records inputs.jsonl', 'where there are no records yet'],
    ],
    configure: (command) =>
      addReplayOptions(
        command.requiredOption('--records <file>', 'recorded inputs, one JSON object a line'),
        'a record is let through more',
      ),
    run: (cli, options, [before = '', after = '']) => replay(cli, options, before, after),
  });
}

async function replay(cli: Cli, options: Options, before: string, after: string): Promise<Answer> {
  const report = await runReplay(cli, options.records, [
    (await loadPolicies(cli, before, options)).loaded,
    (await loadPolicies(cli, after, options)).loaded,
  ]);
  return {
    json: report,
    exit: exitOf(report.widened > 0, options),
    text: (paint) => formatReplay(paint, report, options.limit),
  };
}

export async function runReplay(
  cli: Cli,
  file: string,
  [before, after]: readonly [LoadedRelease, LoadedRelease],
): Promise<ReplayReport> {
  const { createReplay } = await import('@postern/policy-engine/replay');
  const replay = createReplay(before, after);
  await readRecordedInputs(cli, file, replay.add);
  const report = replay.report();
  checkCompared(file, report);
  return report;
}

/** A replay that compared nothing would vouch for every change. */
function checkCompared(file: string, { records, ofUnknownServices, unknownServices }: ReplayReport): void {
  if (records === 0)
    throw new CommandFailure(
      'usage',
      'records-empty',
      `there is no record in \`${file}\``,
      'make some of the tests: postern policy test DIR --write-records FILE',
    );
  if (ofUnknownServices === records)
    throw new CommandFailure(
      'usage',
      'records-of-unknown-services',
      `every record in \`${file}\` is of services that neither side has: ${unknownServices.join(', ')}`,
      'name records of these services, or the folders that hold them',
      { members: { records, unknownServices } },
    );
}

export function exitOf(isWider: boolean, { allowWidening }: Pick<ReplayOptions, 'allowWidening'>): Answer['exit'] {
  return isWider && allowWidening !== true ? 'widened' : 'ok';
}
