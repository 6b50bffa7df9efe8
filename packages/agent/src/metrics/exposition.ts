/** Samples → text: OpenMetrics 1.0 for whoever asks for it, else Prometheus' text format 0.0.4. */
import { METRICS, type MetricName } from './definitions.ts';

export interface Sample {
  readonly metric: MetricName;
  /** Values are written as they are, quoted. */
  readonly labels?: { readonly [label: string]: string };
  readonly value: number | HistogramValue;
}

export interface HistogramValue {
  /** Upper bounds as they are written, ascending, without `+Inf`. */
  readonly bounds: readonly string[];
  /** Of each bound by itself and of what is beyond the last. */
  readonly counts: readonly number[];
  readonly sum: number;
}

export type ExpositionFormat = 'openmetrics' | 'prometheus';

export const CONTENT_TYPES: { readonly [F in ExpositionFormat]: string } = {
  openmetrics: 'application/openmetrics-text; version=1.0.0; charset=utf-8',
  prometheus: 'text/plain; version=0.0.4; charset=utf-8',
};

/** By the `accept` header: scrapers that know OpenMetrics name it. */
export function chooseFormat(accept: string | undefined): ExpositionFormat {
  return accept?.includes('application/openmetrics-text') === true ? 'openmetrics' : 'prometheus';
}

const TOTAL = '_total';

/** In the order of the table; a metric without samples is left out. */
export function renderMetrics(samples: readonly Sample[], format: ExpositionFormat): string {
  const lines: string[] = [];
  for (const name of Object.keys(METRICS) as MetricName[]) {
    const own = samples.filter(({ metric }) => metric === name);
    if (own.length === 0) continue;
    const { type, help } = METRICS[name];
    const family = format === 'openmetrics' && name.endsWith(TOTAL) ? name.slice(0, -TOTAL.length) : name;
    lines.push(`# HELP ${family} ${escapeText(help)}`, `# TYPE ${family} ${type}`);
    for (const sample of own) lines.push(...linesOf(name, sample));
  }
  if (format === 'openmetrics') lines.push('# EOF');
  return `${lines.join('\n')}\n`;
}

function linesOf(name: MetricName, { labels = {}, value }: Sample): string[] {
  if (typeof value === 'number') return [`${name}${formatLabels(labels)} ${value}`];
  const lines: string[] = [];
  let upTo = 0;
  for (const [index, le] of [...value.bounds, '+Inf'].entries()) {
    upTo += value.counts[index] ?? 0;
    lines.push(`${name}_bucket${formatLabels({ ...labels, le })} ${upTo}`);
  }
  lines.push(`${name}_sum${formatLabels(labels)} ${value.sum}`, `${name}_count${formatLabels(labels)} ${upTo}`);
  return lines;
}

function formatLabels(labels: { readonly [label: string]: string }): string {
  const pairs = Object.entries(labels).map(
    ([label, value]) => `${label}="${escapeText(value).replaceAll('"', '\\"')}"`,
  );
  return pairs.length === 0 ? '' : `{${pairs.join(',')}}`;
}

function escapeText(text: string): string {
  return text.replaceAll('\\', '\\\\').replaceAll('\n', '\\n');
}
