/** `postern revoke` */
import { PATHS, type RevocationAnswer, type RevocationsAnswer, type RevokeRequest } from '@postern/api';
import { REASON_CODES } from '@postern/ca';
import { type Command, Option } from 'commander';
import type { Cli } from '../cli.ts';
import {
  addControlPlaneOptions,
  type ControlPlane,
  type ControlPlaneOptions,
  connectControlPlane,
} from '../control_plane.ts';
import { defineCommand } from '../define_command.ts';
import { CommandFailure } from '../failure.ts';
import { parseDuration } from '../option_values.ts';
import { formatTable, formatTime, printable } from '../terminal_text.ts';

interface Options extends ControlPlaneOptions {
  readonly list?: true;
  readonly reason?: string;
  readonly reasonCode?: string;
  readonly expiresIn?: number;
  readonly lift?: true;
  readonly dryRun?: true;
}

/** A list that never ends is no list of ours. */
const MAX_PAGES = 1000;

export function addRevokeCommand(parent: Command, cli: Cli): void {
  defineCommand<Options>(parent, cli, {
    name: 'revoke [subject]',
    description:
      'take access back at every decision point: svid:SERIAL, entry:ID, agent:NAME, spiffe-id:URI, issuer:KEY-ID, user:ISSUER#SUBJECT, session:ID or device:ID',
    examples: [
      ['postern revoke device:laptop-17 --reason "reported stolen"', 'nobody gets in from this device'],
      ['postern revoke svid:5f0c… --reason "key on a lost disk"', 'one certificate, by its serial'],
      ['postern revoke agent:node-1 --reason "node taken over" --dry-run', 'how many SVIDs that would be'],
      ['postern revoke --list --json', 'what is revoked now'],
    ],
    configure: (command) =>
      addControlPlaneOptions(command)
        .option('--reason <text>', 'why; goes to the record')
        .addOption(
          new Option('--reason-code <code>', 'why, as revocation lists say it').choices(Object.keys(REASON_CODES)),
        )
        .option('--expires-in <duration>', 'when it is over; 30d when absent', parseDuration)
        .option('--lift', 'give back an entry, an agent, a device, or what was on certificate-hold')
        .option('--dry-run', 'say what it would revoke or give back, and do neither')
        .option('--list', 'what is revoked now'),
    async run(
      cli,
      { list = false, reason, reasonCode, expiresIn, lift = false, dryRun = false, ...options },
      [subject],
    ) {
      if (list) {
        if (subject !== undefined || lift || dryRun || reason !== undefined) throw misused('--list goes by itself');
        return listed(connectControlPlane(cli, options));
      }
      if (subject === undefined) throw misused('name what to revoke, or --list');
      if (reason === undefined) throw misused('--reason is missing');
      const expiresAtMs = expiresIn === undefined ? undefined : cli.io.nowMs() + expiresIn * 1000;
      const request: RevokeRequest = { subject, reason, reasonCode, expiresAtMs, lift, dryRun };
      const answer = await connectControlPlane(cli, options).post<RevocationAnswer>(PATHS.admin.revocations, request);
      return { json: answer, text: () => textOf(answer, lift) };
    },
  });
}

function misused(message: string): CommandFailure {
  return new CommandFailure('usage', 'command-line', message, 'see postern revoke --help');
}

/** `lifts`: what was asked for; a dry run's answer does not say it. */
function textOf({ subject, sequence, svids = 0, isApplied, lifted, dryRun }: RevocationAnswer, lifts: boolean): string {
  const count = svids === 0 ? '' : `, with ${printable(svids)} SVID${svids === 1 ? '' : 's'}`;
  if (dryRun) return `would ${lifts ? 'give back' : 'revoke'} ${printable(subject)}${count}\n`;
  const later = isApplied === false ? '; its SVIDs and revocation lists follow within a minute' : '';
  const what = lifted ? 'gave back' : 'revoked';
  return `${what} ${printable(subject)}${count} (feed ${printable(sequence)})${later}\n`;
}

async function listed(controlPlane: ControlPlane) {
  const revocations: RevocationsAnswer['revocations'][number][] = [];
  let after: string | undefined;
  for (let pages = 0; pages < MAX_PAGES; pages++) {
    const page = await controlPlane.get<RevocationsAnswer>(PATHS.admin.revocations, { after });
    revocations.push(...page.revocations);
    after = page.next;
    if (after === undefined) break;
  }
  return {
    json: { revocations },
    text: (paint: Parameters<typeof formatTable>[0]) =>
      formatTable(
        paint,
        ['SUBJECT', 'REVOKED', 'UNTIL', 'CODE', 'REASON'],
        revocations.map((it) => [
          it.subject,
          formatTime(it.revokedAtMs),
          formatTime(it.expiresAtMs),
          it.reasonCode ?? '',
          it.reason,
        ]),
        'nothing is revoked',
      ),
  };
}
