/** `postern revoke` */
import { PATHS, type RevokeRequest } from '@postern/api';
import type { Command } from 'commander';
import type { Cli } from '../cli.ts';
import { addControlPlaneOptions, type ControlPlaneOptions, connectControlPlane } from '../control_plane.ts';
import { defineCommand } from '../define_command.ts';
import { parseDuration } from '../option_values.ts';
import { printable } from '../terminal_text.ts';

interface Options extends ControlPlaneOptions {
  readonly reason: string;
  readonly expiresIn?: number;
}

interface Revocation {
  readonly subject: string;
  readonly sequence: number;
}

export function addRevokeCommand(parent: Command, cli: Cli): void {
  defineCommand<Options>(parent, cli, {
    name: 'revoke <subject>',
    description:
      'take access back at every decision point: svid:SERIAL, spiffe-id:URI, issuer:KEY-ID, user:ISSUER#SUBJECT, session:ID or device:ID',
    examples: [
      ['postern revoke device:laptop-17 --reason "reported stolen"', 'nobody gets in from this device'],
      ['postern revoke svid:5f0c… --reason "key on a lost disk"', 'one certificate, by its serial'],
    ],
    configure: (command) =>
      addControlPlaneOptions(command)
        .requiredOption('--reason <text>', 'why; goes to the record')
        .option('--expires-in <duration>', 'when it is over; 30d when absent', parseDuration),
    async run(cli, { reason, expiresIn, ...options }, [subject = '']) {
      const expiresAtMs = expiresIn === undefined ? undefined : cli.io.nowMs() + expiresIn * 1000;
      const request: RevokeRequest = { subject, reason, expiresAtMs };
      const revoked = await connectControlPlane(cli, options).post<Revocation>(PATHS.admin.revocations, request);
      return {
        json: revoked,
        text: () => `revoked ${printable(revoked.subject)} (feed ${printable(revoked.sequence)})\n`,
      };
    },
  });
}
