import { expect, it } from 'vitest';
import { loadVitestTally, tallyOf } from './tally.ts';

const results = (status: string, ...statuses: string[]) => ({
  status,
  assertionResults: statuses.map((each) => ({ status: each })),
});

it('counts skipped, pending and todo tests as skipped, never as passed', () => {
  const report = { testResults: [results('passed', 'passed', 'skipped', 'pending', 'todo')] };
  expect(tallyOf(report)).toEqual({ passed: 1, failed: 0, skipped: 3 });
});

it('counts a file that does not load as a failure', () => {
  const report = { testResults: [results('failed'), results('passed', 'passed')] };
  expect(tallyOf(report)).toEqual({ passed: 1, failed: 1, skipped: 0 });
});

it('counts a failed test once, not also its file', () => {
  expect(tallyOf({ testResults: [results('failed', 'failed', 'passed')] })).toEqual({
    passed: 1,
    failed: 1,
    skipped: 0,
  });
});

it('counts a missing report as a failure', async () => {
  const said: string[] = [];
  const tally = await loadVitestTally('/nonexistent/report.json', (message) => said.push(message));
  expect(tally).toEqual({ passed: 0, failed: 1, skipped: 0 });
  expect(said).toHaveLength(1);
});
