/** `postern entry delete` */
import { type EntryAnswer, PATHS } from '@postern/api';
import type { Command } from 'commander';
import type { Cli } from '../cli.ts';
import { addControlPlaneOptions, type ControlPlaneOptions, connectControlPlane } from '../control_plane.ts';
import { defineCommand } from '../define_command.ts';
import { printable } from '../terminal_text.ts';

export function addEntryDelete(parent: Command, cli: Cli): void {
  defineCommand<ControlPlaneOptions>(parent, cli, {
    name: 'delete <id>',
    description: 'issue nothing more for an entry; certificates in use live until they expire or are revoked',
    examples: [['postern entry delete 0198c0de-0000-7000-8000-000000000000', 'as `entry list` names it']],
    configure: addControlPlaneOptions,
    async run(cli, options, [id = '']) {
      const entry = await connectControlPlane(cli, options).delete<EntryAnswer>(
        PATHS.admin.entry(encodeURIComponent(id)),
      );
      const advice = `to end certificates in use too: postern revoke spiffe-id:${entry.spiffeId} --reason "entry deleted"`;
      return {
        json: entry,
        text: () => `deleted ${printable(`${entry.id} ${entry.spiffeId}`)}\n${printable(advice)}\n`,
      };
    },
  });
}
