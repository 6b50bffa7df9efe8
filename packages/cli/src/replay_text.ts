/** What a replay found, for people: each change with its count and an example of both sides. */
import type { ReplayChange, ReplayedSide, ReplayReport, ReplayTotal } from '@postern/policy-engine/replay';
import { formatTime, type Paint, printable } from './terminal_text.ts';

export function formatReplay(paint: Paint, report: ReplayReport, limit: number): string {
  const { records, ofUnknownServices, unknownServices, widened, narrowed, decidedOtherwise, changes, ungrouped } =
    report;
  const sums = report.totals.map((total) => formatTotal(paint, total));
  const listed = changes.slice(0, limit).map((change) => formatChange(paint, change));
  const hidden = changes.length - listed.length;
  const more = hidden > 0 ? `${count(hidden, 'further change')}: --limit, or --json for all of them\n\n` : '';
  const beyond = ungrouped > 0 ? `${count(ungrouped, 'changed record')} more, not grouped\n\n` : '';
  const verdict =
    widened > 0
      ? paint('red', `${count(widened, 'record')} let through more than before`)
      : paint('green', 'no record lets through more than before');
  const rest = [
    `${narrowed} less`,
    `${decidedOtherwise} the same by other policies`,
    `${count(records, 'record')} in all`,
  ];
  const blank = sums.length === 0 ? '' : '\n';
  const details = listed.map((text) => `${text}\n`).join('');
  const unknown =
    ofUnknownServices === 0
      ? ''
      : `${count(ofUnknownServices, 'record')} ${ofUnknownServices === 1 ? 'is' : 'are'} of services that neither side has: ${printable(unknownServices.join(', '))}\n`;
  const counts = `${verdict}; ${rest.join(', ')}\n`;
  return `${details}${more}${beyond}${sums.join('')}${blank}${counts}${unknown}${paint('dim', NOT_LOOKED_AT)}\n`;
}

/** What a line of recorded inputs does not hold (docs/decisions/0011). */
const NOT_LOOKED_AT =
  'not looked at: `mode: observe`, which lets denials through; issuers and the groups they give: people have those of the record';

function formatTotal(paint: Paint, { before, after, service, action, count: times, parties }: ReplayTotal): string {
  const head = formatTransition(paint, before, after);
  return `${head}  ${printable(service)}  ${printable(action)}: ${count(times, 'record')} of ${countParties(parties)}\n`;
}

function countParties(parties: number): string {
  return parties === 1 ? '1 party' : `${parties} parties`;
}

function formatTransition(paint: Paint, before: string, after: string): string {
  const isWider = after === 'allow' || (before === 'deny' && after === 'challenge');
  return paint(isWider ? 'red' : 'yellow', `${before} → ${after}`);
}

function formatChange(paint: Paint, change: ReplayChange): string {
  const { before, after, party, service, action, count: times, example } = change;
  const head = formatTransition(paint, before, after);
  const { method, path } = example.request;
  const where = `line ${example.line}: ${method} ${path} at ${formatTime(example.atMs)}`;
  return [
    `${head}  ${times}×  ${printable(party)}  ${printable(service)}  ${printable(action)}`,
    `  ${paint('dim', printable(where))}`,
    ...formatSide('before', before, example.before),
    ...formatSide('after', after, example.after),
    '',
  ].join('\n');
}

function formatSide(name: string, outcome: string, { reason, parties }: ReplayedSide): string[] {
  const lines = parties.map((party) => {
    const policies = party.determining.map(({ id, file, line }) => `${id} (${file}:${line})`);
    const by = policies.length === 0 ? 'by no policy' : `by ${policies.join(', ')}`;
    return `          ${printable(party.outcome)} ${printable(party.principal)} ${printable(by)}`;
  });
  return [`  ${name.padEnd(6)}  ${outcome} (${printable(reason)})`, ...lines];
}

function count(number: number, noun: string): string {
  return `${number} ${noun}${number === 1 ? '' : 's'}`;
}
