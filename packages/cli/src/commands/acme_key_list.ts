/** `postern acme key list` */
import { type AcmeKeyAnswer, type AcmeKeysAnswer, PATHS } from '@postern/api';
import type { Command } from 'commander';
import type { Cli } from '../cli.ts';
import { addControlPlaneOptions, type ControlPlaneOptions, connectControlPlane } from '../control_plane.ts';
import { defineCommand } from '../define_command.ts';
import { formatTable, formatTime } from '../terminal_text.ts';

export function addAcmeKeyList(parent: Command, cli: Cli): void {
  defineCommand<ControlPlaneOptions>(parent, cli, {
    name: 'list',
    description: 'keys of ACME clients: for which entry, and whether an account was made with them',
    examples: [['postern acme key list --json', 'for a program']],
    configure: addControlPlaneOptions,
    async run(cli, options) {
      const answer = await connectControlPlane(cli, options).get<AcmeKeysAnswer>(PATHS.admin.acmeKeys);
      return {
        json: answer,
        text: (paint) =>
          formatTable(
            paint,
            ['KEY', 'ENTRY', 'MADE', 'ACCOUNT'],
            answer.keys.map((key) => [key.id, key.entryId, formatTime(key.createdAtMs), accountOf(key)]),
            'no keys of ACME clients',
          ),
      };
    },
  });
}

const accountOf = ({ isUsed, usableUntilMs }: AcmeKeyAnswer): string =>
  isUsed ? 'made' : `none; can be made until ${formatTime(usableUntilMs)}`;
