/** `postern attestor delete` */
import { type AttestorAnswer, PATHS } from '@postern/api';
import type { Command } from 'commander';
import type { Cli } from '../cli.ts';
import { addControlPlaneOptions, type ControlPlaneOptions, connectControlPlane } from '../control_plane.ts';
import { defineCommand } from '../define_command.ts';
import { printable } from '../terminal_text.ts';

export function addAttestorDelete(parent: Command, cli: Cli): void {
  defineCommand<ControlPlaneOptions>(parent, cli, {
    name: 'delete <name>',
    description: 'take a platform’s word no more; entries below it stay, and nothing is issued or renewed for them',
    examples: [['postern attestor delete github', 'as `attestor list` names it']],
    configure: addControlPlaneOptions,
    async run(cli, options, [name = '']) {
      const path = PATHS.admin.attestor(encodeURIComponent(name));
      const attestor = await connectControlPlane(cli, options).delete<AttestorAnswer>(path);
      const advice = 'certificates in use live until they expire or are revoked: postern revoke';
      return { json: attestor, text: () => `deleted ${printable(attestor.name)}\n${advice}\n` };
    },
  });
}
