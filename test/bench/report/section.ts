/** What a run of a benchmark leaves in the document. */
import type { BenchOutcome } from './figure.ts';
import type { Machine } from './machine.ts';
import { formatTable } from './table.ts';

export type SectionInput = {
  readonly title: string;
  readonly outcome: BenchOutcome;
  readonly machine: Machine;
  /** As a user would type it. */
  readonly command: string;
  readonly date: string;
};

export function renderSection({ title, outcome, machine, command, date }: SectionInput): string {
  const { figures, versions, notes, missing } = outcome;
  const facts = [
    `* machine: ${machine.cpu}, ${machine.cores} cores, ${machine.memoryGib} GiB; ${machine.kernel}`,
    `* versions: ${[`node ${machine.node}`, ...versions].join(', ')}`,
    `* ${date}, \`${command}\``,
  ];
  return [
    `## ${title}`,
    ...(missing === undefined ? [] : [`Not measured: ${missing}`]),
    ...(figures.length === 0 ? [] : [formatTable(figures)]),
    facts.join('\n'),
    ...(notes.length === 0 ? [] : [notes.map((note) => `* ${note}`).join('\n')]),
  ].join('\n\n');
}
