/** `postern import spire` */
import type { Command } from 'commander';
import type { Answer, Cli } from '../cli.ts';
import { defineCommand } from '../define_command.ts';
import { addImportOptions, type ImportOptions } from '../entries/import_options.ts';
import { collectParent, type ParentMap } from '../entries/parent_map.ts';

interface Options extends ImportOptions {
  readonly parent?: ParentMap;
}

export function addImportSpire(parent: Command, cli: Cli): void {
  defineCommand<Options>(parent, cli, {
    name: 'spire <file>',
    description: 'make a file for `entry apply` of SPIRE’s registration entries; offline',
    examples: [
      [
        'postern import spire entries.json --parent spiffe://demo.test/spire/agent/k8s_psat/prod/*=spiffe://demo.test/postern/attestor/prod --out entries.yaml',
        'made with: spire-server entry show -output json > entries.json',
      ],
      ['postern entry apply -f entries.yaml --dry-run', 'what that would change'],
    ],
    configure: (command) =>
      addImportOptions(command, 'spire').option(
        '--parent <from=to>',
        'which agent or attestor of ours a parent of SPIRE’s is; the first may end in *; repeatable',
        collectParent,
      ),
    run: (cli, options, [file = '']) => run(cli, options, file),
  });
}

async function run(cli: Cli, options: Options, file: string): Promise<Answer> {
  const { readJsonFile } = await import('../entries/import_file.ts');
  const { importSpireEntries, SPIRE_COMMAND } = await import('../entries/spire_entries.ts');
  const { answerImport } = await import('../entries/import_answer.ts');
  const document = readJsonFile(cli, file, SPIRE_COMMAND);
  const imported = importSpireEntries(document, { parents: options.parent ?? [], nowMs: cli.io.nowMs() });
  return answerImport(cli, options, 'SPIRE', imported);
}
