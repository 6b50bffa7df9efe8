/** `postern attestor show` */
import { type AttestorAnswer, PATHS } from '@postern/api';
import type { Command } from 'commander';
import { formatAttestor } from '../attestor_text.ts';
import type { Cli } from '../cli.ts';
import { addControlPlaneOptions, type ControlPlaneOptions, connectControlPlane } from '../control_plane.ts';
import { defineCommand } from '../define_command.ts';

export function addAttestorShow(parent: Command, cli: Cli): void {
  defineCommand<ControlPlaneOptions>(parent, cli, {
    name: 'show <name>',
    description: 'one attestor with its settings',
    examples: [['postern attestor show github', 'as `attestor list` names it']],
    configure: addControlPlaneOptions,
    async run(cli, options, [name = '']) {
      const path = PATHS.admin.attestor(encodeURIComponent(name));
      const attestor = await connectControlPlane(cli, options).get<AttestorAnswer>(path);
      return { json: attestor, text: (paint) => formatAttestor(paint, attestor) };
    },
  });
}
