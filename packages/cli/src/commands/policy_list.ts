/** `postern policy list` */
import { PATHS } from '@postern/api';
import type { Command } from 'commander';
import type { Cli } from '../cli.ts';
import { addControlPlaneOptions, type ControlPlaneOptions, connectControlPlane } from '../control_plane.ts';
import { defineCommand } from '../define_command.ts';
import { formatTable, formatTime } from '../terminal_text.ts';

interface Releases {
  readonly current: number;
  readonly releases: readonly {
    readonly number: number;
    readonly madeAtMs: number;
    readonly contentDigest: string;
    readonly policies: number;
    readonly services: readonly string[];
  }[];
}

export function addPolicyList(parent: Command, cli: Cli): void {
  defineCommand<ControlPlaneOptions>(parent, cli, {
    name: 'list',
    description: 'the last releases, newest first',
    examples: [['postern policy list', 'which release is in force, and which could be rolled back to']],
    configure: addControlPlaneOptions,
    async run(cli, options) {
      const answer = await connectControlPlane(cli, options).get<Releases>(PATHS.admin.releases);
      return {
        json: answer,
        text(paint) {
          const rows = answer.releases.map(({ number, madeAtMs, policies, services, contentDigest }) => [
            number,
            number === answer.current ? 'in force' : '',
            formatTime(madeAtMs),
            policies,
            services.join(' '),
            contentDigest.slice(0, 16),
          ]);
          return formatTable(
            paint,
            ['NUMBER', '', 'MADE', 'POLICIES', 'SERVICES', 'CONTENT'],
            rows,
            'no release yet: postern policy publish DIR',
          );
        },
      };
    },
  });
}
