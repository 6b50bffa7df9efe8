/** `postern import cert-manager` */
import type { Command } from 'commander';
import type { Answer, Cli } from '../cli.ts';
import { defineCommand } from '../define_command.ts';
import { addImportOptions, type ImportOptions } from '../entries/import_options.ts';

interface Options extends ImportOptions {
  readonly attestor: string;
}

export function addImportCertManager(parent: Command, cli: Cli): void {
  defineCommand<Options>(parent, cli, {
    name: 'cert-manager <file>',
    description: 'make a file for `entry apply` of cert-manager’s policies and certificates with SPIFFE IDs; offline',
    examples: [
      [
        'postern import cert-manager cert-manager.json --attestor prod --out entries.yaml',
        'made with: kubectl get certificaterequestpolicies,certificates -A -o json > cert-manager.json',
      ],
    ],
    configure: (command) =>
      addImportOptions(command, 'cert-manager').requiredOption(
        '--attestor <name>',
        'the attestor that stands for this cluster: `postern attestor list`',
      ),
    run: (cli, options, [file = '']) => run(cli, options, file),
  });
}

async function run(cli: Cli, options: Options, file: string): Promise<Answer> {
  const { readJsonFile } = await import('../entries/import_file.ts');
  const { CERT_MANAGER_COMMAND, importCertManager } = await import('../entries/cert_manager_entries.ts');
  const { answerImport } = await import('../entries/import_answer.ts');
  return answerImport(
    cli,
    options,
    'cert-manager',
    importCertManager(readJsonFile(cli, file, CERT_MANAGER_COMMAND), options),
  );
}
