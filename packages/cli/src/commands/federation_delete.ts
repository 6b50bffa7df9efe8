/** `postern federation delete` */
import { PATHS } from '@postern/api';
import type { Command } from 'commander';
import type { Cli } from '../cli.ts';
import { addControlPlaneOptions, type ControlPlaneOptions, connectControlPlane } from '../control_plane.ts';
import { defineCommand } from '../define_command.ts';
import { printable } from '../terminal_text.ts';

export function addFederationDelete(parent: Command, cli: Cli): void {
  defineCommand<ControlPlaneOptions>(parent, cli, {
    name: 'delete <trust-domain>',
    description: 'believe no SVID of a trust domain any more; at every decision point within seconds',
    examples: [['postern federation delete other.test', 'its bundle is withdrawn at once']],
    configure: addControlPlaneOptions,
    async run(cli, options, [trustDomain = '']) {
      const path = PATHS.admin.federation(encodeURIComponent(trustDomain));
      const answer = await connectControlPlane(cli, options).delete<{ readonly trustDomain: string }>(path);
      return { json: answer, text: () => `${printable(answer.trustDomain)} is federated no more\n` };
    },
  });
}
