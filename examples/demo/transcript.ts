/** The readable account of a run, for 80 columns. Colours only on a terminal, and never with NO_COLOR. */
import type { AuditRecord } from '@postern/audit';
import type { Scenario } from './scenarios.ts';

const useColour =
  process.stdout.isTTY === true && (process.env['NO_COLOR'] ?? '') === '' && process.env['TERM'] !== 'dumb';
const paint = (code: number) => (text: string) => (useColour ? `\u001b[${code}m${text}\u001b[0m` : text);
const [bold, dim, green, red, yellow] = [paint(1), paint(2), paint(32), paint(31), paint(33)] as const;
const OUTCOMES = { allow: green('allowed'), deny: red('denied'), challenge: yellow('challenged') };
const COLUMNS = 80;

let stream: NodeJS.WritableStream = process.stdout;

/** For a run whose standard output is for programs. */
export function sayTo(other: NodeJS.WritableStream): void {
  stream = other;
}

export function say(text = ''): void {
  stream.write(`${text}\n`);
}

export function heading(text: string): void {
  say(`\n${bold(text)}`);
}

export function step(text: string): void {
  say(`  ${text}`);
}

export interface Shown {
  readonly scenario: Scenario;
  readonly status: number;
  readonly decisionId: string | undefined;
  readonly record: AuditRecord | undefined;
  readonly isAsDeclared: boolean;
}

export function showDecision({ scenario, status, decisionId, record, isAsDeclared }: Shown): void {
  const outcome = record?.kind === 'decision' ? OUTCOMES[record.outcome] : red('no record');
  say(`\n  ${outcome}  ${scenario.title}`);
  say(dim(`      ${scenario.sender} → ${scenario.service}  ${scenario.method} ${scenario.target}  → ${status}`));
  if (record?.kind === 'decision') {
    detail('reason', `${record.reason}${record.detail === undefined ? '' : ` (${record.detail})`}`);
    for (const { principal, outcome: own, policies } of record.parties)
      detail(own, principal, policies.length > 0 ? `by ${policies.join(', ')}` : 'by no policy');
  }
  say(dim(`      decision   ${decisionId ?? 'without id'}`));
  if (!isAsDeclared) {
    const { expect } = scenario;
    say(red(`      not as declared: ${expect.status}, ${expect.outcome}, ${expect.reason}`));
  }
}

/** What does not fit beside its subject goes below it. */
function detail(name: string, text: string, more = ''): void {
  const line = `      ${name.padEnd(11)}${text}`;
  const between = line.length + 1 + more.length <= COLUMNS ? ' ' : `\n${' '.repeat(17)}`;
  say(more === '' ? line : line + between + more);
}

export function showRecord(record: AuditRecord): void {
  const { atMs, producer, number, ...rest } = record;
  const what = 'outcome' in rest ? `${rest.outcome} ${'reason' in rest ? rest.reason : ''}` : rest.kind;
  const by = producer.replace(/#.*$/, '').replace(/^spiffe:\/\/[^/]+\/postern\//, '');
  say(`  ${formatSecond(atMs)}  ${what.padEnd(26)}  ${dim(`no. ${number} of ${by}`)}`);
}

export function showCheck({
  title,
  ok,
  detail: seen,
}: {
  readonly title: string;
  readonly ok: boolean;
  readonly detail: string;
}): void {
  say(`  ${ok ? green('holds') : red('FAILS')}  ${title}`);
  say(dim(`         ${seen}`));
}

export function formatSecond(timeMs: number): string {
  return new Date(timeMs).toISOString().replace(/\.\d{3}Z$/, 'Z');
}
