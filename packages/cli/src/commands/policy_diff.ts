/** `postern policy diff` */
import type { Command } from 'commander';
import type { Answer, Cli } from '../cli.ts';
import { defineCommand } from '../define_command.ts';
import { formatDiff } from '../diff_text.ts';
import { loadPolicies } from '../load_policies.ts';
import { formatReplay } from '../replay_text.ts';
import { addReplayOptions, exitOf, type ReplayOptions, runReplay } from './policy_replay.ts';

interface Options extends ReplayOptions {
  readonly records?: string;
}

export function addPolicyDiff(parent: Command, cli: Cli): void {
  defineCommand<Options>(parent, cli, {
    name: 'diff <before> <after>',
    description: 'what two policy repositories say differently, and with records, what that changes; offline',
    examples: [
      [
        'postern policy diff main/policies policies',
        'policies, services, routes and teams, by what they are; exit code 6 when that lets more through',
      ],
      [
        'postern policy diff --records inputs.jsonl main/policies policies',
        'and who gains or loses by it; exit code 6 also when a record is let through more',
      ],
    ],
    configure: (command) =>
      addReplayOptions(
        command.option('--records <file>', 'recorded inputs to replay, one JSON object a line'),
        'more is let through, by records or by what is said differently',
      ),
    run: (cli, options, [before = '', after = '']) => diff(cli, options, before, after),
  });
}

async function diff(cli: Cli, options: Options, before: string, after: string): Promise<Answer> {
  const { diffReleases, findWidenings } = await import('@postern/policy-engine/diff');
  const left = (await loadPolicies(cli, before, options)).loaded;
  const right = (await loadPolicies(cli, after, options)).loaded;
  const found = diffReleases(left.release, right.release);
  const widenings = findWidenings(left, right);
  const { records, limit } = options;
  const report = records === undefined ? undefined : await runReplay(cli, records, [left, right]);
  return {
    json: { ...found, widenings, ...(report !== undefined && { replay: report }) },
    exit: exitOf(widenings.length > 0 || (report?.widened ?? 0) > 0, options),
    text(paint) {
      const replayed = report === undefined ? '' : `\n${formatReplay(paint, report, limit)}`;
      return `${formatDiff(paint, found, widenings, { isReplayed: report !== undefined })}${replayed}`;
    },
  };
}
