/** `postern acme key delete` */
import { PATHS } from '@postern/api';
import type { Command } from 'commander';
import type { Cli } from '../cli.ts';
import { addControlPlaneOptions, type ControlPlaneOptions, connectControlPlane } from '../control_plane.ts';
import { defineCommand } from '../define_command.ts';
import { printable } from '../terminal_text.ts';

export function addAcmeKeyDelete(parent: Command, cli: Cli): void {
  defineCommand<ControlPlaneOptions>(parent, cli, {
    name: 'delete <id>',
    description: 'issue nothing more to the account that was made with a key, and let none be made with it',
    examples: [['postern acme key delete 0190…', 'as `acme key list` names it']],
    configure: addControlPlaneOptions,
    async run(cli, options, [id = '']) {
      const path = PATHS.admin.acmeKey(encodeURIComponent(id));
      const answer = await connectControlPlane(cli, options).delete<{ readonly id: string; readonly entryId: string }>(
        path,
      );
      const advice = `certificates in use live until they expire or are revoked: postern revoke entry:${answer.entryId}`;
      return { json: answer, text: () => `deleted ${printable(answer.id)}\n${printable(advice)}\n` };
    },
  });
}
