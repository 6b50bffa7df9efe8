/** `postern policy rollback` */
import { PATHS, type PublishAnswer, type RollbackRequest } from '@postern/api';
import type { Command } from 'commander';
import type { Cli } from '../cli.ts';
import { addControlPlaneOptions, type ControlPlaneOptions, connectControlPlane } from '../control_plane.ts';
import { defineCommand } from '../define_command.ts';
import { CommandFailure } from '../failure.ts';
import { parseNumber } from '../option_values.ts';

export function addPolicyRollback(parent: Command, cli: Cli): void {
  defineCommand<ControlPlaneOptions>(parent, cli, {
    name: 'rollback',
    description: 'publish the content of an earlier release under a new number',
    examples: [['postern policy rollback 41', 'what release 41 decided, from now on']],
    configure: (command) =>
      addControlPlaneOptions(command).argument(
        '<number>',
        'the earlier release, as `policy list` names it',
        parseNumber(1, Number.MAX_SAFE_INTEGER),
      ),
    async run(cli, options, [number]) {
      const request: RollbackRequest = { to: Number(number) };
      const answer = await connectControlPlane(cli, options)
        .post<PublishAnswer>(PATHS.admin.rollback, request)
        .catch((fault) => showUnknown(fault, request.to));
      return {
        json: answer,
        text: (paint) => `${paint('green', `published release ${answer.number}`)} with the content of ${request.to}\n`,
      };
    },
  });
}

function showUnknown(fault: unknown, number: number): never {
  if (!(fault instanceof CommandFailure) || fault.reason !== 'not-found') throw fault;
  const { exit, reason, members } = fault;
  throw new CommandFailure(exit, reason, `there is no release ${number}`, 'see: postern policy list', { members });
}
