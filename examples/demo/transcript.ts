/** The readable account of a run. Colours only on a terminal, and never with NO_COLOR. */
import type { AuditRecord } from '@postern/audit';
import type { Scenario } from './scenarios.ts';

const useColour = process.stdout.isTTY === true && process.env['NO_COLOR'] === undefined;
const paint = (code: number) => (text: string) => (useColour ? `\u001b[${code}m${text}\u001b[0m` : text);
const [bold, dim, green, red, yellow] = [paint(1), paint(2), paint(32), paint(31), paint(33)] as const;
const OUTCOMES = { allow: green('allowed'), deny: red('denied'), challenge: yellow('challenged') };

export function say(text = ''): void {
  process.stdout.write(`${text}\n`);
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
    say(`      reason    ${record.reason}${record.detail === undefined ? '' : ` (${record.detail})`}`);
    for (const party of record.parties) {
      const by = party.policies.length > 0 ? `by ${party.policies.join(', ')}` : 'by no policy';
      say(`      party     ${party.principal}: ${party.outcome} ${by}`);
    }
  }
  say(dim(`      decision  ${decisionId ?? 'without id'}`));
  if (!isAsDeclared) {
    const { expect } = scenario;
    say(red(`      not as declared: ${expect.status}, ${expect.outcome}, ${expect.reason}`));
  }
}

export function showRecord(record: AuditRecord): void {
  const { atMs, kind, producer, number, ...rest } = record;
  const what = 'outcome' in rest ? `${rest.outcome} ${'reason' in rest ? rest.reason : ''}` : '';
  say(
    `  ${new Date(atMs).toISOString()}  ${kind.padEnd(18)} ${what.padEnd(28)} ${dim(`${producer.replace(/#.*$/, '')} no. ${number}`)}`,
  );
}
