/** `postern entry list` */
import { PATHS } from '@postern/api';
import type { Command } from 'commander';
import type { Cli } from '../cli.ts';
import { addControlPlaneOptions, type ControlPlaneOptions, connectControlPlane } from '../control_plane.ts';
import { defineCommand } from '../define_command.ts';
import type { Entry } from '../entry_text.ts';
import { parseNumber } from '../option_values.ts';
import { formatTable, printable } from '../terminal_text.ts';

interface Options extends ControlPlaneOptions {
  readonly limit: number;
  readonly after?: string;
}

interface EntryPage {
  readonly entries: readonly Entry[];
  readonly next?: string;
}

export function addEntryList(parent: Command, cli: Cli): void {
  defineCommand<Options>(parent, cli, {
    name: 'list',
    description: 'registration entries, oldest first',
    examples: [['postern entry list --limit 1000 --json', 'the first thousand, for a program']],
    configure: (command) =>
      addControlPlaneOptions(command)
        .option('--limit <number>', 'at most so many, up to 1000', parseNumber(1, 1000), 100)
        .option('--after <cursor>', '`next` of the page before'),
    async run(cli, { limit, after, ...options }) {
      const page = await connectControlPlane(cli, options).get<EntryPage>(PATHS.admin.entries, { limit, after });
      return {
        json: page,
        text: (paint) => {
          const rows = page.entries.map((entry) => [
            entry.id,
            entry.spiffeId,
            entry.parentId,
            entry.selectors.join(' '),
          ]);
          const more = page.next === undefined ? '' : `more: --after ${printable(page.next)}\n`;
          return formatTable(paint, ['ID', 'SPIFFE ID', 'PARENT', 'SELECTORS'], rows, 'no entries') + more;
        },
      };
    },
  });
}
