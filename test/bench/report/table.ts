/** Figures as a Markdown table that also reads well in a terminal. */
import type { Measurement } from '../measure/measurement.ts';
import { type Figure, isMet, roundTo3 } from './figure.ts';

const COLUMNS = ['figure', 'unit', 'ours', 'peers', 'goal', 'met'];

/** Medians, with the noise (lowest to highest run) in parentheses. */
export function formatTable(figures: readonly Figure[]): string {
  const rows = figures.map((figure) => [
    figure.name,
    figure.unit,
    formatMeasurement(figure.ours),
    Object.entries(figure.peers)
      .map(([name, peer]) => `${name} ${formatMeasurement(peer)}`)
      .join('; '),
    figure.goal?.text ?? 'reported',
    formatVerdict(isMet(figure)),
  ]);
  const cells = [COLUMNS, ...rows].map((row) => row.map((cell) => cell.replaceAll('|', '\\|')));
  const widths = COLUMNS.map((_, column) => Math.max(...cells.map((row) => row[column]!.length), 3));
  const lines = cells.map((row) => `| ${row.map((cell, column) => cell.padEnd(widths[column]!)).join(' | ')} |`);
  const rule = `| ${widths.map((width) => '-'.repeat(width)).join(' | ')} |`;
  return [lines[0], rule, ...lines.slice(1)].join('\n');
}

function formatMeasurement({ median, min, max }: Measurement): string {
  const [middle, low, high] = [median, min, max].map(formatNumber);
  return low === high ? `${middle}` : `${middle} (${low}–${high})`;
}

function formatNumber(value: number): string {
  return roundTo3(value).toLocaleString('en-US', { maximumSignificantDigits: 15 });
}

function formatVerdict(met: boolean | null): string {
  return met === null ? '–' : met ? 'yes' : 'no';
}
