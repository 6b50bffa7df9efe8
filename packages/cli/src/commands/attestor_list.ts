/** `postern attestor list` */
import { type AttestorsAnswer, PATHS } from '@postern/api';
import type { Command } from 'commander';
import type { Cli } from '../cli.ts';
import { addControlPlaneOptions, type ControlPlaneOptions, connectControlPlane } from '../control_plane.ts';
import { defineCommand } from '../define_command.ts';
import { formatTable, formatTime } from '../terminal_text.ts';

export function addAttestorList(parent: Command, cli: Cli): void {
  defineCommand<ControlPlaneOptions>(parent, cli, {
    name: 'list',
    description: 'platforms whose word the authority takes',
    examples: [['postern attestor list --json', 'with their settings, for a program']],
    configure: addControlPlaneOptions,
    async run(cli, options) {
      const answer = await connectControlPlane(cli, options).get<AttestorsAnswer>(PATHS.admin.attestors);
      return {
        json: answer,
        text: (paint) => {
          const rows = answer.attestors.map(({ name, kind, makes, createdAtMs = 0 }) => [
            name,
            kind,
            makes,
            formatTime(createdAtMs),
          ]);
          return formatTable(paint, ['NAME', 'KIND', 'MAKES', 'CREATED'], rows, 'no attestors');
        },
      };
    },
  });
}
