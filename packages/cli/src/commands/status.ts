/** `postern status` */
import { PATHS, type StatusAnswer } from '@postern/api';
import type { Command } from 'commander';
import type { Cli } from '../cli.ts';
import { addControlPlaneOptions, type ControlPlaneOptions, connectControlPlane } from '../control_plane.ts';
import { defineCommand } from '../define_command.ts';
import { formatFields } from '../terminal_text.ts';

export function addStatusCommand(parent: Command, cli: Cli): void {
  defineCommand<ControlPlaneOptions>(parent, cli, {
    name: 'status',
    description: 'trust domain, release and feed of the control plane',
    examples: [
      ['postern status', 'is the control plane there, and at which release?'],
      ['postern status --deployment outputs.json', 'the same of a deployed control plane, with your AWS credentials'],
      ['postern status --json > trust.json', 'keep what it vouches with, to verify its audit trail by later'],
    ],
    configure: addControlPlaneOptions,
    async run(cli, options) {
      const controlPlane = connectControlPlane(cli, options);
      const { url, deployment } = controlPlane;
      const status = await controlPlane.get<StatusAnswer>(PATHS.admin.status);
      return {
        json: { url, deployment, ...status },
        text: (paint) =>
          formatFields(paint, [
            ['url', url],
            ['deployment', deployment && `${deployment.stack} in ${deployment.region}`],
            ['trust domain', status.trustDomain],
            ['release', status.releaseNumber === 0 ? 'none yet' : status.releaseNumber],
            ['feed', `${status.feedSequence} in ${status.epoch}`],
            ['root digest', status.rootDigest],
          ]),
      };
    },
  });
}
