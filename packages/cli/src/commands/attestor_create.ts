/** `postern attestor create` */
import { type AttestorAnswer, PATHS } from '@postern/api';
import type { Command } from 'commander';
import { ATTESTOR_FILE_ADVICE, readAttestorFile } from '../attestor_file.ts';
import { formatAttestor } from '../attestor_text.ts';
import type { Cli } from '../cli.ts';
import { addControlPlaneOptions, type ControlPlaneOptions, connectControlPlane } from '../control_plane.ts';
import { defineCommand } from '../define_command.ts';
import { CommandFailure } from '../failure.ts';

interface Options extends ControlPlaneOptions {
  readonly file: string;
  readonly dryRun?: true;
}

export function addAttestorCreate(parent: Command, cli: Cli): void {
  defineCommand<Options>(parent, cli, {
    name: 'create',
    description: 'trust a platform to say what runs where: its tokens or documents become selectors of entries',
    examples: [
      ['postern attestor create -f github.yaml --dry-run', 'whether its settings are right; nothing is made'],
      ['postern attestor create -f github.yaml', 'jobs of GitHub Actions, see docs/attestation.md for each kind'],
    ],
    configure: (command) =>
      addControlPlaneOptions(command)
        .requiredOption(
          '-f, --file <file>',
          'YAML of one attestor: name, kind, makes and settings; - for standard input',
        )
        .option('--dry-run', 'check it and make nothing'),
    async run(cli, { file, dryRun = false, ...options }) {
      const input = readAttestorFile(cli, file);
      const body = { ...input, dryRun };
      const attestor = await connectControlPlane(cli, options)
        .post<AttestorAnswer>(PATHS.admin.attestors, body)
        .catch(explain);
      const note = dryRun ? 'checked, and not made\n' : '';
      return { json: attestor, text: (paint) => formatAttestor(paint, attestor) + note };
    },
  });
}

/** What is wrong stands in the file, which no `--help` describes. */
function explain(fault: unknown): never {
  if (!(fault instanceof CommandFailure) || fault.reason !== 'malformed-request') throw fault;
  const { exit, reason, message, members } = fault;
  throw new CommandFailure(exit, reason, message, ATTESTOR_FILE_ADVICE, { members, cause: fault });
}
