/** What an operator reads before a root is distrusted: who would lose its identity by it. */
import type { AuthorityStatus, AuthorityWait } from '@postern/api';
import { expect, test } from 'vitest';
import { formatAuthority } from './authority_text.ts';

const untilMs = Date.UTC(2026, 0, 2, 3, 4, 5);
const plain = (_style: string, text: string) => text;
const agent = (index: number) => ({ name: `spiffe://demo.test/postern/agent/node-${index}`, root: 1, untilMs });

function textOf(wait: Partial<AuthorityWait>): string {
  const draining = { key: 'root', generation: 1, next: 'distrust', reason: 'certificates-count', untilMs } as const;
  const status: AuthorityStatus = {
    trustDomain: 'demo.test',
    sequence: 4,
    bundleSequence: 3,
    keys: { root: [], jwt: [] },
    waits: [{ ...draining, ...wait }],
    consumerCount: 20,
    foreign: [],
  };
  return formatAuthority(plain, status);
}

test('agents that have not followed are named where their root drains', () => {
  const said = textOf({ consumers: [agent(1), agent(2)], consumerCount: 2 });
  expect(said).toMatch(/certificates under it count until 2026-01-02.03:04:05/);
  expect(said).toContain(
    '2 have their own SVID under it; whoever distrusts it before they have followed has them join',
  );
  expect(said).toMatch(/node-1: ends 2026-01-02.03:04:05.*\n.*node-2: ends/);
});

test('of many the first ten are named, and the rest are counted', () => {
  const consumers = Array.from({ length: 100 }, (_, index) => agent(index));
  const said = textOf({ consumers, consumerCount: 250 });
  expect(said.match(/node-\d+: ends/g)).toHaveLength(10);
  expect(said).toContain('and 240 more; see --json');
});

test('when all have followed nobody is', () => {
  expect(textOf({})).not.toContain('join anew');
});

test('a name from elsewhere writes nothing to the terminal but itself', () => {
  expect(textOf({ consumers: [{ name: 'a\u001b[2Jb', untilMs }], consumerCount: 1 })).not.toContain('\u001b');
});
