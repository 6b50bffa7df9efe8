/** `postern ca status` */
import { type AuthorityAnswer, PATHS } from '@postern/api';
import type { Command } from 'commander';
import { formatAuthority } from '../authority_text.ts';
import type { Cli } from '../cli.ts';
import { addControlPlaneOptions, type ControlPlaneOptions, connectControlPlane } from '../control_plane.ts';
import { defineCommand } from '../define_command.ts';

export function addCaStatus(parent: Command, cli: Cli): void {
  defineCommand<ControlPlaneOptions>(parent, cli, {
    name: 'status',
    description: 'each key of the authority in its phase, who is waited for, and until when',
    examples: [
      ['postern ca status', 'does a rollover wait for somebody?'],
      ['postern ca status --json', 'the same for a program, with the first hundred who are waited for'],
    ],
    configure: addControlPlaneOptions,
    async run(cli, options) {
      const { status } = await connectControlPlane(cli, options).get<AuthorityAnswer>(PATHS.admin.authority);
      return { json: status, text: (paint) => formatAuthority(paint, status) };
    },
  });
}
