import { type DecisionReason, REASONS } from '@postern/broker';
import { describe, expect, test } from 'vitest';
import { createDecisionCounts, UNKNOWN_SERVICE } from './decision_counts.ts';
import type { HistogramValue, Sample } from './exposition.ts';

const ALLOW = { service: 'web', outcome: 'allow', observed: false, reason: 'permitted' } as const;
const DENY = { service: 'web', outcome: 'deny', observed: false, reason: 'no-permit' } as const;

const valuesOf = (samples: readonly Sample[], metric: Sample['metric']) =>
  Object.fromEntries(
    samples
      .filter((sample) => sample.metric === metric && sample.value !== 0)
      .map(({ labels = {}, value }) => [Object.values(labels).join(' '), value]),
  );

describe('whoever sends requests', () => {
  test('makes no new series by naming services that there are not', () => {
    const counts = createDecisionCounts(() => new Set(['web']));
    for (let index = 0; index < 10_000; index += 1) counts.decided({ ...DENY, service: `made-up-${index}` }, 'grpc', 0);
    const services = new Set(counts.samples().flatMap(({ labels }) => labels?.['service'] ?? []));
    expect(services).toEqual(new Set([UNKNOWN_SERVICE]));
    expect(valuesOf(counts.samples(), 'postern_decisions_total')).toEqual({ '_unknown deny grpc': 10_000 });
  });

  test.each(['__proto__', 'constructor', ''])('as little by naming %j', (service) => {
    const counts = createDecisionCounts(() => new Set(['web']));
    counts.decided({ ...ALLOW, service }, 'http', 0);
    expect(valuesOf(counts.samples(), 'postern_decisions_total')).toEqual({ '_unknown allow http': 1 });
  });
});

test('services come and go with the release', () => {
  let services = new Set(['web', 'old']);
  const counts = createDecisionCounts(() => services);
  counts.decided({ ...ALLOW, service: 'old' }, 'grpc', 0);
  expect(valuesOf(counts.samples(), 'postern_decisions_total')).toEqual({ 'old allow grpc': 1 });
  services = new Set(['web', 'new']);
  counts.decided({ ...ALLOW, service: 'new' }, 'grpc', 0);
  expect(valuesOf(counts.samples(), 'postern_decisions_total')).toEqual({ 'new allow grpc': 1 });
});

test('each outcome counts by itself, and what was let through by observing is no plain allow', () => {
  const counts = createDecisionCounts(() => new Set(['web']));
  counts.decided(ALLOW, 'grpc', 0);
  counts.decided(ALLOW, 'http', 0);
  counts.decided(DENY, 'grpc', 0);
  counts.decided({ ...ALLOW, outcome: 'challenge', reason: 'step-up-required' }, 'grpc', 0);
  counts.decided({ ...ALLOW, observed: true, reason: 'no-permit' }, 'grpc', 0);
  counts.failed('http');
  expect(valuesOf(counts.samples(), 'postern_decisions_total')).toEqual({
    'web allow grpc': 1,
    'web allow http': 1,
    'web deny grpc': 1,
    'web challenge grpc': 1,
    'web observed grpc': 1,
  });
  expect(valuesOf(counts.samples(), 'postern_refusals_total')).toEqual({ 'no-permit': 2, 'step-up-required': 1 });
  expect(valuesOf(counts.samples(), 'postern_decision_faults_total')).toEqual({ http: 1 });
});

test('every reason that a decision can have is counted as itself', () => {
  const reasons = (Object.keys(REASONS) as DecisionReason[]).filter((reason) => reason !== 'permitted');
  const counts = createDecisionCounts(() => new Set(['web']));
  for (const reason of reasons) counts.decided({ ...DENY, reason }, 'grpc', 0);
  expect(valuesOf(counts.samples(), 'postern_refusals_total')).toEqual(
    Object.fromEntries(reasons.map((reason) => [reason, 1])),
  );
});

test.each([
  [0, 0],
  [0.00005, 0],
  [0.000051, 1],
  [0.2, 9],
  [0.201, 10],
  [60, 10],
])('%d seconds go into bucket %d', (seconds, bucket) => {
  const counts = createDecisionCounts(() => new Set(['web']));
  counts.decided(ALLOW, 'grpc', seconds);
  const [sample] = counts.samples().filter(({ metric }) => metric === 'postern_decision_duration_seconds');
  const value = sample?.value as HistogramValue;
  expect(value.counts.indexOf(1)).toBe(bucket);
  expect(value.counts).toHaveLength(value.bounds.length + 1);
  expect(value.sum).toBe(seconds);
});

test('counting costs a decision next to nothing', () => {
  const names = Array.from({ length: 100 }, (_, index) => `service-${index}`);
  const counts = createDecisionCounts(() => new Set(names));
  const decisions = names.map((service, index) => ({ ...(index % 4 === 0 ? DENY : ALLOW), service }));
  const rounds = 10_000;
  const count = () => {
    for (let round = 0; round < rounds; round += 1)
      for (const decision of decisions) counts.decided(decision, 'grpc', 0.00012);
  };
  count();
  const before = process.cpuUsage();
  count();
  const { user, system } = process.cpuUsage(before);
  // 0.2 µs is the goal; the rest is room for a machine that is slow or busy.
  expect((user + system) / (rounds * decisions.length)).toBeLessThan(1);
});
