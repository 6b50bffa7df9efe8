/** `postern entry show` */
import { type EntryAnswer, PATHS } from '@postern/api';
import type { Command } from 'commander';
import type { Cli } from '../cli.ts';
import { addControlPlaneOptions, type ControlPlaneOptions, connectControlPlane } from '../control_plane.ts';
import { defineCommand } from '../define_command.ts';
import { formatEntry } from '../entry_text.ts';

export function addEntryShow(parent: Command, cli: Cli): void {
  defineCommand<ControlPlaneOptions>(parent, cli, {
    name: 'show <id>',
    description: 'one registration entry',
    examples: [['postern entry show 0198c0de-0000-7000-8000-000000000000', 'as `entry list` names it']],
    configure: addControlPlaneOptions,
    async run(cli, options, [id = '']) {
      const entry = await connectControlPlane(cli, options).get<EntryAnswer>(PATHS.admin.entry(encodeURIComponent(id)));
      return { json: entry, text: (paint) => formatEntry(paint, entry) };
    },
  });
}
