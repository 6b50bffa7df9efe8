/** A plan and what came of it, for people: as `diff` shows it. */
import type { CreateEntryRequest } from '@postern/api';
import { type Paint, printable } from '../terminal_text.ts';
import type { Applied } from './apply_plan.ts';
import { settledOf } from './entry_key.ts';
import type { EntryPlan } from './entry_plan.ts';

const COLOURS = { '-': 'red', '+': 'green', '~': 'yellow', '!': 'red' } as const;

export function formatPlan(paint: Paint, file: string, plan: EntryPlan): string {
  const head = (mark: keyof typeof COLOURS, text: string) => `${paint(COLOURS[mark], mark)} ${printable(text)}\n`;
  const line = (mark: '+' | '-', member: string, value: unknown) =>
    `    ${paint(COLOURS[mark], printable(`${mark} ${member}: ${valueText(value)}`))}\n`;
  const name = ({ spiffeId, parentId }: CreateEntryRequest) => `${spiffeId} at ${parentId}`;
  const members = (entry: CreateEntryRequest, mark: '+' | '-') =>
    Object.entries(settledOf(entry))
      .filter(([member]) => !['spiffeId', 'parentId', 'owner'].includes(member))
      .map(([member, value]) => line(mark, member, value))
      .join('');
  return [
    ...plan.create.map((it) => `${head('+', `${name(it.request)}  ${file}:${it.line}`)}${members(it.request, '+')}`),
    ...plan.update.map((it) => {
      const changes = it.changes.map(
        ({ member, before, after }) =>
          (before === undefined ? '' : line('-', member, before)) +
          (after === undefined ? '' : line('+', member, after)),
      );
      return `${head('~', `${name(it.request)}  ${file}:${it.line}`)}${changes.join('')}`;
    }),
    ...plan.delete.map((it) => `${head('-', name(it))}${members(it, '-')}`),
    ...plan.conflicts.map(({ request, line: at, existing }) =>
      head(
        '!',
        `${name(request)}  ${file}:${at}: it is there, ${ownerText(existing.owner)}; take it over with --adopt`,
      ),
    ),
    plan.kept.length === 0
      ? ''
      : `${paint('dim', `${plan.kept.length} of this owner not in the file, and kept: delete them with --prune`)}\n`,
  ].join('');
}

function ownerText(owner: string | undefined): string {
  return owner === undefined ? 'entered by hand' : `of the owner ${owner}`;
}

function valueText(value: unknown): string {
  return Array.isArray(value) ? value.join(' ') : String(value);
}

export function formatCounts(plan: EntryPlan, verbs: readonly [string, string, string]): string {
  const { create, update, unchanged } = plan;
  const counts = [create.length, update.length, plan.delete.length].map((count, index) => `${count} ${verbs[index]}`);
  return `${counts.join(', ')}, ${unchanged} as they are\n`;
}

export function formatRefused(paint: Paint, file: string, { refused }: Applied): string {
  return refused
    .map(({ spiffeId, line, message, advice }) => {
      const place = line === undefined ? '' : `${file}:${line}: `;
      return `${paint('red', 'refused')} ${printable(`${place}${spiffeId}: ${message}`)}\n  ${printable(advice)}\n`;
    })
    .join('');
}
