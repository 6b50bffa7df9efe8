import { execFileSync } from 'node:child_process';
import { expect, test } from 'vitest';
import { describeWithTool } from '../../../../test/kit/tools.ts';
import { METRICS, type MetricDefinition, type MetricName } from './definitions.ts';
import { chooseFormat, type ExpositionFormat, renderMetrics, type Sample } from './exposition.ts';

const AWKWARD = 'a "quoted" \\ back\\nslash\nand a line';

/** One of every metric, with values and labels that are hard to write. */
const SAMPLES: readonly Sample[] = (Object.keys(METRICS) as MetricName[]).map((metric): Sample => {
  const { type, labels = {} }: MetricDefinition = METRICS[metric];
  const given = Object.fromEntries(Object.keys(labels).map((label) => [label, AWKWARD]));
  const histogram = { bounds: ['0.00005', '0.25'], counts: [1, 2, 3], sum: 1.5e-7 };
  return { metric, labels: given, value: type === 'histogram' ? histogram : type === 'counter' ? 1e21 : -0.5 };
});

const READ = `
import json, sys
from prometheus_client.openmetrics.parser import text_string_to_metric_families as openmetrics
from prometheus_client.parser import text_string_to_metric_families as prometheus
read = openmetrics if sys.argv[1] == 'openmetrics' else prometheus
families = [[f.name, f.type, f.documentation, [[s.name, s.labels, s.value] for s in f.samples]] for f in read(sys.stdin.read())]
print(json.dumps(families))
`;

type Family = [name: string, type: string, help: string, samples: [string, { [label: string]: string }, number][]];

describeWithTool('Prometheus’ own parsers', ['telemetry-peers'], (paths) => {
  test.each<ExpositionFormat>(['openmetrics', 'prometheus'])('read every metric as it was meant: %s', (format) => {
    const input = renderMetrics(SAMPLES, format);
    const families = JSON.parse(
      execFileSync(paths['telemetry-peers'], ['-c', READ, format], { input, encoding: 'utf8' }),
    ) as Family[];
    const expected = (Object.entries(METRICS) as [string, MetricDefinition][]).map(([name, { type, help }]) => [
      type === 'counter' ? name.replace(/_total$/, '') : name,
      type,
      help,
    ]);
    expect(families.map(([name, type, help]) => [name, type, help])).toEqual(expected);
    for (const { metric, labels, value } of SAMPLES) {
      const samples = families.flatMap(([, , , own]) => own);
      if (typeof value === 'number') {
        expect(samples).toContainEqual([metric, labels, value]);
      } else {
        expect(samples).toContainEqual([`${metric}_bucket`, { ...labels, le: '0.25' }, 3]);
        expect(samples).toContainEqual([`${metric}_bucket`, { ...labels, le: '+Inf' }, 6]);
        expect(samples).toContainEqual([`${metric}_count`, labels, 6]);
        expect(samples).toContainEqual([`${metric}_sum`, labels, 1.5e-7]);
      }
    }
  });
});

test.each([
  [undefined, 'prometheus'],
  ['*/*', 'prometheus'],
  [
    'application/openmetrics-text;version=1.0.0;escaping=allow-utf-8;q=0.5,text/plain;version=0.0.4;q=0.2',
    'openmetrics',
  ],
])('who accepts %s gets %s', (accept, format) => {
  expect(chooseFormat(accept)).toBe(format);
});
