/** Why a request came out as it did, for people. */
import type { ExplainedCondition, NearPermit, Outcome } from '@postern/policy-engine';
import type { DecisionExplanation, ExplainedPolicy, PartyExplanation } from '@postern/policy-engine/explain';
import type { RecordedInput } from '@postern/policy-engine/replay';
import { formatTime, type Paint, printable } from './terminal_text.ts';

const COLOURS: { readonly [O in Outcome]: Parameters<Paint>[0] } = { allow: 'green', challenge: 'yellow', deny: 'red' };
/** Of one in one line with what it decides. */
const SHOWN_ABOVE = new Set(['id', 'reason']);

export function formatRefusal(paint: Paint, recorded: RecordedInput, reason: string, operator: string): string {
  const lines = ['no policy was asked', `what to do: ${operator}`].map((line) => `  ${printable(line)}\n`);
  return `${headOf(paint, recorded, 'deny', reason)}${lines.join('')}`;
}

export function formatExplanation(
  paint: Paint,
  recorded: RecordedInput,
  action: string,
  explanation: DecisionExplanation,
): string {
  const { outcome, reason, parties, toCaller, validUntilMs, reads, challenges, obligations } = explanation;
  const seconds = Math.floor((validUntilMs - recorded.atMs) / 1000);
  const holds = seconds > 0 ? `${seconds} s, if nothing but time goes by` : 'for this moment only';
  const rows = [
    ...challenges.map((challenge) => `asks for ${challenge}`),
    ...obligations.map((obligation) => `demands ${obligation}`),
    `holds ${holds}`,
    `depends on ${['the parties', ...reads].join(', ')}`,
  ].map((row) => `${paint('dim', printable(row))}\n`);
  const told = outcome === 'allow' ? [] : toldLines(paint, toCaller);
  const head = `${headOf(paint, recorded, outcome, reason, action)}`;
  return `${head}${parties.map((party) => formatParty(paint, party)).join('')}${told.join('')}${rows.join('')}`;
}

function headOf(paint: Paint, recorded: RecordedInput, outcome: Outcome, reason: string, action?: string): string {
  const { service, request, atMs } = recorded;
  const to = printable(action ?? service);
  const asked = `${printable(request.method)} ${printable(request.path)} → ${to} at ${formatTime(atMs)}`;
  return `${paint(COLOURS[outcome], outcome)} (${printable(reason)})  ${asked}\n`;
}

function formatParty(paint: Paint, party: PartyExplanation): string {
  const { outcome, principal, determining, errors, nearest } = party;
  const head = `\n${paint(COLOURS[outcome], outcome)}  ${printable(principal)}\n`;
  const decided = determining.flatMap((policy) => policyLines(paint, 'by', policy, policy.conditions));
  const failed = errors.map(
    ({ policyId, file, line, message }) =>
      `  error    ${printable(policyId)}  ${printable(file)}:${line}\n           ${printable(message)}\n`,
  );
  const near = nearest.flatMap((permit) =>
    policyLines(paint, permit.failed.length === 0 ? 'permit' : 'nearest', permit, permit.failed),
  );
  const none = decided.length + near.length === 0 ? ['  by no policy: no permit is about this action\n'] : [];
  return `${head}${[...decided, ...failed, ...near, ...none].join('')}`;
}

function policyLines(
  paint: Paint,
  how: string,
  policy: ExplainedPolicy | NearPermit,
  conditions: readonly ExplainedCondition[],
): string[] {
  const { id, effect, file, line, annotations, tell } = policy;
  const others = Object.entries(annotations).filter(([name]) => !SHOWN_ABOVE.has(name));
  const notes = [
    ...(annotations['reason'] === undefined ? [] : [annotations['reason']]),
    ...others.map(([name, text]) => `@${name}(${JSON.stringify(text)})`),
  ];
  const audience = tell === 'caller' ? '' : paint('dim', '  operator only');
  return [
    `  ${how.padEnd(7)}  ${effect} ${printable(id)}  ${printable(file)}:${line}${audience}\n`,
    ...notes.map((note) => `           ${paint('dim', printable(note))}\n`),
    ...conditions.map((condition) => conditionLine(paint, file, condition)),
  ];
}

/** Of the scope, whose place is that of the policy, only what it asks. */
function conditionLine(paint: Paint, file: string, { clause, line, text }: ExplainedCondition): string {
  if (clause === 'scope') return `           ${printable(text)}\n`;
  return `           ${clause} ${printable(text)}  ${paint('dim', `${printable(file)}:${line}`)}\n`;
}

function toldLines(paint: Paint, toCaller: readonly string[]): string[] {
  const head = `\n${paint('bold', 'the caller may be told')}`;
  if (toCaller.length === 0) return [`${head} nothing of this\n`];
  return [`${head}\n`, ...toCaller.map((line) => `  ${printable(line)}\n`)];
}
