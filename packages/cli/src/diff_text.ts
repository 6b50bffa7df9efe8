/** How two policy repositories differ, for people: as `diff` shows it, by what things are and not by where they stand. */
import type {
  LineChanges,
  NamedChanges,
  PolicyChanges,
  PolicyPlace,
  ReleaseDiff,
  Widening,
} from '@postern/policy-engine/diff';
import { type Paint, printable } from './terminal_text.ts';

/** `isReplayed`: who gains and who loses follows below. */
export function formatDiff(
  paint: Paint,
  diff: ReleaseDiff,
  widenings: readonly Widening[],
  { isReplayed }: { readonly isReplayed: boolean },
): string {
  if (diff.isEmpty) return `${paint('green', 'no difference')} in what is decided by\n`;
  return [
    section(paint, 'policies', policyEntries(paint, diff.policies)),
    section(paint, 'services', namedEntries(paint, diff.services)),
    section(paint, 'teams', namedEntries(paint, diff.teams)),
    section(paint, 'workload groups', namedEntries(paint, diff.workloadGroups)),
    section(paint, 'issuers', namedEntries(paint, diff.issuers)),
    section(paint, 'settings', lineEntries(paint, diff.settings, '  ')),
    section(
      paint,
      'more is let through',
      widenings.map(({ subject, message }) => `  ${paint('red', printable(subject))}: ${printable(message)}\n`),
    ),
    ...(isReplayed ? [] : [`${paint('dim', 'who gains and who loses by conditions: --records FILE')}\n`]),
  ].join('');
}

function section(paint: Paint, title: string, entries: readonly string[]): string {
  return entries.length === 0 ? '' : `${paint('bold', title)}\n${entries.join('')}`;
}

function policyEntries(paint: Paint, { added, removed, changed }: PolicyChanges): string[] {
  const describe = ({ id, effect, file, line }: PolicyPlace) => `${effect} ${id}  ${file}:${line}`;
  return [
    ...removed.map((policy) => entry(paint, '-', describe(policy))),
    ...added.map((policy) => entry(paint, '+', describe(policy))),
    ...changed.map(
      ({ after, ...lines }) => `${entry(paint, '~', describe(after))}${lineEntries(paint, lines, '      ').join('')}`,
    ),
  ];
}

function namedEntries(paint: Paint, { added, removed, changed }: NamedChanges): string[] {
  return [
    ...removed.map((name) => entry(paint, '-', name)),
    ...added.map((name) => entry(paint, '+', name)),
    ...changed.map(({ name, ...lines }) => `${entry(paint, '~', name)}${lineEntries(paint, lines, '      ').join('')}`),
  ];
}

function lineEntries(paint: Paint, { removed, added }: LineChanges, indent: string): string[] {
  return [
    ...removed.map((line) => `${indent}${paint('red', `- ${printable(line)}`)}\n`),
    ...added.map((line) => `${indent}${paint('green', `+ ${printable(line)}`)}\n`),
  ];
}

const COLOURS = { '-': 'red', '+': 'green', '~': 'yellow' } as const;

function entry(paint: Paint, mark: keyof typeof COLOURS, text: string): string {
  return `  ${paint(COLOURS[mark], mark)} ${printable(text)}\n`;
}
