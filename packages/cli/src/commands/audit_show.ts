/** `postern audit show` */
import { PATHS } from '@postern/api';
import type { AuditRecord } from '@postern/audit';
import type { Command } from 'commander';
import type { Cli } from '../cli.ts';
import { addControlPlaneOptions, type ControlPlaneOptions, connectControlPlane } from '../control_plane.ts';
import { defineCommand } from '../define_command.ts';
import { summaryOf } from '../record_text.ts';
import { formatTime, printable, printableJson } from '../terminal_text.ts';

export function addAuditShow(parent: Command, cli: Cli): void {
  defineCommand<ControlPlaneOptions>(parent, cli, {
    name: 'show <id>',
    description: 'one record with all it says: for a decision, by the id that its caller was told',
    examples: [['postern audit show 0198c0de-0000-7000-8000-000000000000', 'why was this request denied?']],
    configure: addControlPlaneOptions,
    async run(cli, options, [id = '']) {
      const record = await connectControlPlane(cli, options).get<AuditRecord>(
        PATHS.admin.record(encodeURIComponent(id)),
      );
      return {
        json: record,
        text: (paint) =>
          `${paint('bold', `${record.kind}: ${printable(summaryOf(record))}`)}\n${formatTime(record.atMs)}\n${printableJson(record, 2)}\n`,
      };
    },
  });
}
