/** `postern audit list` */
import { PATHS } from '@postern/api';
import type { AuditRecord, RecordPage } from '@postern/audit';
import { type Command, Option } from 'commander';
import type { Cli } from '../cli.ts';
import { addControlPlaneOptions, type ControlPlaneOptions, connectControlPlane } from '../control_plane.ts';
import { defineCommand } from '../define_command.ts';
import { parseNumber } from '../option_values.ts';
import { summaryOf } from '../record_text.ts';
import { formatTable, formatTime, printable } from '../terminal_text.ts';

/** A misspelt word would find nothing, and look as if nothing had happened. */
const KINDS: { readonly [K in AuditRecord['kind']]: true } = {
  decision: true,
  'issuance-begin': true,
  'issuance-complete': true,
  'issuance-failed': true,
  'jwt-issued': true,
  'jwt-failed': true,
  join: true,
  'issuer-certified': true,
  'rollover-step': true,
  'entry-created': true,
  'entry-updated': true,
  'entry-deleted': true,
  'acme-account': true,
  'acme-order': true,
  'acme-challenge': true,
  'release-published': true,
  'administrator-action': true,
  'signal-received': true,
  revocation: true,
  'revocation-list': true,
  refusal: true,
  'release-activated': true,
  'posture-changed': true,
  'producer-opened': true,
  'producer-closed': true,
  drop: true,
};
const OUTCOMES: { readonly [O in Extract<AuditRecord, { kind: 'decision' }>['outcome']]: true } = {
  allow: true,
  deny: true,
  challenge: true,
};

interface Options extends ControlPlaneOptions {
  readonly kind?: string;
  readonly outcome?: string;
  readonly service?: string;
  readonly party?: string;
  readonly limit: number;
  readonly after?: string;
}

export function addAuditList(parent: Command, cli: Cli): void {
  defineCommand<Options>(parent, cli, {
    name: 'list',
    description: 'records, newest first',
    examples: [
      ['postern audit list --kind decision --outcome deny --service payments', 'who was refused at payments'],
      ['postern audit list --party spiffe://demo.test/storefront', 'what one workload did, and was issued'],
    ],
    configure: (command) =>
      addControlPlaneOptions(command)
        .addOption(new Option('--kind <kind>', 'records of one kind').choices(Object.keys(KINDS)))
        .addOption(new Option('--outcome <outcome>', 'decisions with one outcome').choices(Object.keys(OUTCOMES)))
        .option('--service <name>', 'decisions about this service')
        .option('--party <name>', 'SPIFFE ID, user’s subject or device')
        .option('--limit <number>', 'at most so many, up to 1000', parseNumber(1, 1000), 50)
        .option('--after <cursor>', '`next` of the page before'),
    async run(cli, { kind, outcome, service, party, limit, after, ...options }) {
      const query = { kind, outcome, service, party, limit, after };
      const page = await connectControlPlane(cli, options).get<RecordPage>(PATHS.admin.records, query);
      return {
        json: page,
        text(paint) {
          const rows = page.records.map((record) => [
            formatTime(record.atMs),
            record.kind,
            record.id,
            summaryOf(record),
          ]);
          const more = page.next === undefined || rows.length === 0 ? '' : `more: --after '${printable(page.next)}'\n`;
          return formatTable(paint, ['TIME', 'KIND', 'ID', 'WHAT'], rows, 'no records') + more;
        },
      };
    },
  });
}
