import { describe, expect, test } from 'vitest';
import { type Measurement, measurementOf, ratioOf } from '../measure/measurement.ts';
import { replaceSection } from './document.ts';
import { type BenchOutcome, type Figure, formatJsonLine, isMet, roundTo3, shareOfBest } from './figure.ts';
import { renderSection } from './section.ts';
import { formatTable } from './table.ts';

const steady = (value: number): Measurement => measurementOf([value]);
const figure = (change: Partial<Figure> = {}): Figure => ({
  name: 'CPU per decision',
  unit: 'us',
  ours: measurementOf([1.5, 1.38, 1.4234]),
  peers: { 'cedar-wasm': steady(3500) },
  goal: { text: '≤ 1/20 of the best peer', limit: 175 },
  ...change,
});
const outcome = (change: Partial<BenchOutcome> = {}): BenchOutcome => ({
  figures: [figure()],
  versions: ['cedar-wasm 4.13.0'],
  notes: ['warm'],
  ...change,
});

describe('a measurement', () => {
  test('is the middle of its runs, so that one disturbed run does not move it', () => {
    expect(measurementOf([5, 1, 900])).toEqual({ median: 5, min: 1, max: 900, runs: 3 });
    expect(measurementOf([1, 2, 4, 100]).median).toBe(3);
    expect(() => measurementOf([])).toThrow('nothing was measured');
  });

  test('of a quotient claims no less noise than its parts have', () => {
    expect(ratioOf(measurementOf([10, 20, 30]), measurementOf([1, 2, 4]))).toEqual({
      median: 10,
      min: 2.5,
      max: 30,
      runs: 3,
    });
  });
});

describe('a goal', () => {
  test('counts as met only up to its limit', () => {
    const judged = (ours: number, isFloor?: boolean) =>
      isMet(figure({ ours: steady(ours), goal: { text: '', limit: 3, ...(isFloor !== undefined && { isFloor }) } }));
    expect([judged(3), judged(3.01)]).toEqual([true, false]);
    expect([judged(3, true), judged(2.99, true)]).toEqual([true, false]);
    expect(isMet(figure({ goal: undefined }))).toBe(null);
  });

  test('is not invented where no peer was measured', () => {
    expect(shareOfBest('half', 1 / 2, {})).toBe(undefined);
    expect(shareOfBest('half', 1 / 2, { a: steady(10), b: steady(4) })).toEqual({ text: 'half', limit: 2 });
  });
});

describe('the line of JSON', () => {
  test('has the form that other programs read', () => {
    expect(formatJsonLine('decide', outcome())).toBe(
      '{"bench":"decide","figures":[{"name":"CPU per decision","unit":"us","ours":1.42,"peers":{"cedar-wasm":3500},"goal":"≤ 1/20 of the best peer","met":true}]}',
    );
  });

  test('does not claim a goal for a figure that is only reported, nor hides what was not measured', () => {
    const line = formatJsonLine('agent', outcome({ figures: [figure({ goal: undefined })], missing: 'no Envoy' }));
    expect(JSON.parse(line)).toMatchObject({ figures: [{ goal: 'reported', met: null }], missing: 'no Envoy' });
  });

  test.each([
    [0.012345, 0.0123],
    [99.94, 99.9],
    [123.4, 123],
    [48_211.7, 48_212],
  ])('gives %d as %d', (value, rounded) => expect(roundTo3(value)).toBe(rounded));
});

describe('the table', () => {
  test('shows the noise beside each median, and keeps a bar in a name from making a column', () => {
    const rows = formatTable([figure({ name: 'a|b' })]).split('\n');
    expect(rows).toHaveLength(3);
    expect(new Set(rows.map((row) => row.length)).size).toBe(1);
    expect(rows[2]).toContain('a\\|b');
    expect(rows[2]).toContain('1.42 (1.38–1.5)');
    expect(rows[2]).toContain('cedar-wasm 3,500 ');
  });
});

describe('the document', () => {
  test('keeps every other section, and what people wrote around it', () => {
    const first = replaceSection('', 'decide', 'one');
    const both = `${replaceSection(first, 'issue', 'two')}\nA remark.\n`;
    const again = replaceSection(both, 'decide', 'three');
    expect(again).toBe(both.replace('one', 'three'));
    expect(replaceSection(again, 'decide', 'three')).toBe(again);
  });

  test('is not written over when somebody broke a pair of markers', () => {
    const whole = replaceSection('', 'decide', 'one');
    expect(() => replaceSection(whole.replace('<!-- bench:decide -->', ''), 'decide', 'two')).toThrow('pair');
    expect(() => replaceSection(whole.replace('<!-- /bench:decide -->', ''), 'decide', 'two')).toThrow('pair');
  });

  test('says what the figures were measured on, or why there are none', () => {
    const machine = { cpu: 'CPU', cores: 2, memoryGib: 24, kernel: 'Linux 6', node: '24.0.0' };
    const input = { title: 'decide: x', machine, command: 'npm run bench -- decide', date: '2026-11-24' };
    const section = renderSection({ ...input, outcome: outcome() });
    for (const fact of ['CPU, 2 cores, 24 GiB', 'node 24.0.0, cedar-wasm 4.13.0', '2026-11-24', '| figure'])
      expect(section).toContain(fact);
    const empty = renderSection({ ...input, outcome: outcome({ figures: [], missing: 'no Envoy' }) });
    expect(empty).toContain('Not measured: no Envoy');
    expect(empty).not.toContain('| figure');
  });
});
