/** The metrics of a real agent: what it prints is what docs/metrics.md says, and it moves with what happens. */
import { execFileSync } from 'node:child_process';
import { request } from 'node:http';
import { METRICS, type MetricDefinition } from '@postern/agent/metrics';
import { afterAll, beforeAll, expect, test } from 'vitest';
import { describeWithTool } from '../kit/tools.ts';
import { waitUntil } from '../kit/wait.ts';
import { MINIMAL_POLICIES, startTestNode, type TestNode } from './node.ts';

const READ = `
import json, sys
from prometheus_client.openmetrics.parser import text_string_to_metric_families as read
print(json.dumps([[s.name, s.labels, s.value] for f in read(sys.stdin.read()) for s in f.samples]))
`;

type Sample = readonly [name: string, labels: { readonly [label: string]: string }, value: number];

describeWithTool('the metrics of an agent', ['telemetry-peers'], (paths) => {
  let node: TestNode;
  beforeAll(async () => {
    node = await startTestNode(MINIMAL_POLICIES, {
      authorizes: true,
      status: { address: '127.0.0.1', port: 0 },
      // Nobody takes them.
      otlp: 'http://127.0.0.1:1',
    });
    await node.enter('web', process.execPath);
  });
  afterAll(() => node?.stop());

  const urlOf = (path: string) => {
    const { status } = node.agent;
    if (status === undefined || 'path' in status) throw new Error('not on a port');
    return `http://127.0.0.1:${status.port}${path}`;
  };
  async function scrape(): Promise<readonly Sample[]> {
    const answer = await fetch(urlOf('/metrics'), { headers: { accept: 'application/openmetrics-text' } });
    const input = await answer.text();
    return JSON.parse(execFileSync(paths['telemetry-peers'], ['-c', READ], { input, encoding: 'utf8' })) as Sample[];
  }
  const figure = (samples: readonly Sample[], name: string, labels: object = {}) =>
    samples.find(
      ([known, own]) => known === name && Object.entries(labels).every(([label, value]) => own[label] === value),
    )?.[2];
  /** As a proxy asks; answers the status. */
  const ask = (service: string) =>
    new Promise<number | undefined>((resolve, reject) => {
      const headers = {
        'x-postern-service': service,
        'x-postern-method': 'GET',
        'x-postern-target': '/',
        'x-postern-authority': 'web.demo.test',
        'x-postern-scheme': 'https',
      };
      const call = request({ socketPath: node.authzHttpSocket, path: '/check', headers }, (response) => {
        response.resume();
        resolve(response.statusCode);
      });
      call.on('error', reject).end();
    });

  test('are those of the table, each of them, and move with what happens', async () => {
    await node.agent.ready(20_000);
    await waitUntil('an SVID', 20_000, async () => figure(await scrape(), 'postern_workload_svids') === 1);
    expect((await fetch(urlOf('/readyz'))).status).toBe(200);
    expect(await ask('web')).toBe(200);
    expect(await ask('web')).toBe(200);
    expect(await ask('another')).toBe(403);
    const samples = await waitUntil('the records to be acknowledged', 20_000, async () => {
      const read = await scrape();
      const isSent = figure(read, 'postern_audit_records_waiting') === 0;
      return isSent && (figure(read, 'postern_audit_records_total') ?? 0) >= 3 && read;
    });
    const web = { service: 'web', protocol: 'http' };
    expect(figure(samples, 'postern_decisions_total', { ...web, outcome: 'allow' })).toBe(2);
    expect(figure(samples, 'postern_decisions_total', { service: '_unknown', outcome: 'deny' })).toBe(1);
    expect(figure(samples, 'postern_decision_duration_seconds_count', web)).toBe(2);
    expect(figure(samples, 'postern_decision_duration_seconds_sum', web)).toBeGreaterThan(0);
    expect(figure(samples, 'postern_release_number')).toBe(1);
    expect(figure(samples, 'postern_ready')).toBe(1);
    expect(figure(samples, 'postern_services_stale')).toBe(0);
    expect(figure(samples, 'postern_workload_svids_missing')).toBe(0);
    expect(figure(samples, 'postern_workload_svid_least_seconds_left')).toBeGreaterThan(3600);
    expect(figure(samples, 'postern_agent_svid_seconds_left')).toBeGreaterThan(3600);
    expect(figure(samples, 'postern_feed_head_age_seconds')).toBeLessThan(30);
    expect(figure(samples, 'process_resident_memory_bytes')).toBeGreaterThan(1e7);
    expect(figure(samples, 'postern_spans_exported_total')).toBe(0);
    expect(figure(samples, 'postern_build_info', { version: 'test' })).toBe(1);

    const isOf = (metric: string, [name]: Sample) =>
      name === metric || ['_bucket', '_sum', '_count'].some((part) => name === metric + part);
    for (const [metric, { labels = {} }] of Object.entries(METRICS) as [string, MetricDefinition][]) {
      // Counted when something goes wrong, and nothing did.
      if (metric === 'postern_log_events_total') continue;
      const own = samples.filter((sample) => isOf(metric, sample));
      expect(own.length, metric).toBeGreaterThan(0);
      for (const [, given] of own)
        expect(
          Object.keys(given)
            .filter((label) => label !== 'le')
            .sort(),
        ).toEqual(Object.keys(labels).sort());
    }
    expect(samples.filter((sample) => !Object.keys(METRICS).some((metric) => isOf(metric, sample)))).toEqual([]);
  });
});
