/** `postern entry list` */
import type { Command } from 'commander';
import type { Cli } from '../cli.ts';
import { addControlPlaneOptions, type ControlPlaneOptions, connectControlPlane } from '../control_plane.ts';
import { defineCommand } from '../define_command.ts';
import { fetchEntries } from '../entries/entry_pages.ts';
import { parseNumber } from '../option_values.ts';
import { formatTable, printable } from '../terminal_text.ts';

interface Options extends ControlPlaneOptions {
  readonly prefix?: string;
  readonly parent?: string;
  readonly selector?: string;
  readonly owner?: string;
  readonly limit: number;
  readonly after?: string;
}

export function addEntryList(parent: Command, cli: Cli): void {
  defineCommand<Options>(parent, cli, {
    name: 'list',
    description: 'registration entries, oldest first',
    examples: [
      ['postern entry list --limit 1000 --json', 'the first thousand, for a program'],
      ['postern entry list --prefix spiffe://demo.test/shop/', 'what one team has'],
      ['postern entry list --parent spiffe://demo.test/postern/agent/node-1', 'what one node runs'],
    ],
    configure: (command) =>
      addControlPlaneOptions(command)
        .option('--prefix <text>', 'only those whose SPIFFE ID begins so')
        .option('--parent <id>', 'only those of this agent or attestor')
        .option('--selector <selector>', 'only those that have this selector')
        .option('--owner <name>', 'only those that `entry apply` keeps for this owner')
        .option('--limit <number>', 'at most so many, up to 100000', parseNumber(1, 100_000), 100)
        .option('--after <cursor>', '`next` of the page before'),
    async run(cli, { limit, after, prefix, parent: parentId, selector, owner, ...options }) {
      const filter = Object.fromEntries(
        Object.entries({ prefix, parent: parentId, selector, owner }).filter(([, value]) => value !== undefined),
      );
      const page = await fetchEntries(connectControlPlane(cli, options), filter, { after, most: limit });
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
