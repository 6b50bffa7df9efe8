import type { Finding } from '@postern/audit';
import { isStatement } from '@postern/audit';
import { expect, test } from 'vitest';
import { formatFindings } from './findings_text.ts';

const many = (count: number, kind: Finding['kind'], producer: string): Finding[] =>
  Array.from({ length: count }, (_, index) => ({ kind, producer: `${producer}#${index}`, detail: 'x' }));
const linesOf = (findings: readonly Finding[], isVerbose = false) =>
  formatFindings((_, text) => text, findings, { isStatement, isVerbose })
    .split('\n')
    .filter(Boolean);

test('a hundred instances of functions that ended without a word do not hide what else was found', () => {
  const findings = [
    ...many(60, 'producer-not-closed', 'function:issue'),
    { kind: 'tail-missing', producer: 'function:feed#1', detail: 'ends at 1, acknowledged to 2' } as const,
    ...many(40, 'producer-not-closed', 'function:feed'),
    ...many(1, 'producer-not-closed', 'spiffe://demo.test/postern/agent/node-1'),
  ];
  const lines = linesOf(findings);
  expect(lines).toHaveLength(6);
  expect(lines[3]).toMatch(/^producer-not-closed {2}and 97 more \(100 in all; /);
  expect(lines[4]).toMatch(/^tail-missing {2}function:feed#1/);
  expect(lines[5]).toMatch(/^producer-not-closed {2}spiffe:/);
  expect(linesOf(findings, true)).toHaveLength(102);
});

test('nothing that speaks against the trail is left out, and no count stands for a single line', () => {
  expect(linesOf(many(100, 'record-gap', 'function:issue'))).toHaveLength(100);
  expect(linesOf(many(4, 'producer-not-closed', 'function:issue')).at(-1)).toContain('function:issue#3');
});
