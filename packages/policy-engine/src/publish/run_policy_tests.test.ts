import { expect, test } from 'vitest';
import { loadedFrom, PAYMENTS_FILES } from '../testing/index.ts';
import { runPolicyTests } from './index.ts';

const POLICIES = {
  'org/a.cedar': `@id("read") permit (principal, action in Action::"read", resource);
@id("never") permit (principal is User, action, resource) when { context.request.host == "x" };`,
};
const loaded = loadedFrom({ ...PAYMENTS_FILES, ...POLICIES });

function run(text: string) {
  return runPolicyTests(loaded, new Map([['tests/a.yaml', text]]));
}

const BALANCE = '{ name: n, service: payments, method: GET, target: /balance, at: 2026-01-05T12:00:00Z';

test('what is decided as expected passes, and policies that no test exercises are named', () => {
  const report = run(`tests:\n  - ${BALANCE}, expect: { outcome: allow, reason: permitted, policies: [read] } }\n`);
  expect(report).toMatchObject({ ok: true, problems: [], unexercised: ['never'] });
  expect(report.results).toMatchObject([
    { name: 'n', file: 'tests/a.yaml', line: 2, passed: true, policies: ['read'] },
  ]);
});

test('what is decided otherwise fails and says how', () => {
  const report = run(`tests:\n  - ${BALANCE}, expect: { outcome: deny, reason: forbidden, policies: [never] } }\n`);
  expect(report.ok).toBe(false);
  expect(report.results[0]?.differences).toEqual([
    'outcome is `allow` (permitted), expected `deny`',
    'reason is `permitted`, expected `forbidden`',
    'not decided by `never`',
    'also decided by `read`',
  ]);
});

test('a request that is refused before any policy is a denial with its reason', () => {
  const target = BALANCE.replace('/balance', '/x/../balance');
  expect(run(`tests:\n  - ${target}, expect: { outcome: deny, reason: path-dot-segment } }\n`).ok).toBe(true);
});

test('a test with a misspelt key does not pass silently', () => {
  const report = run(`tests:\n  - ${BALANCE}, usr: { subject: a }, expect: { outcome: allow } }\n`);
  expect(report).toMatchObject({
    ok: false,
    results: [],
    problems: [{ code: 'yaml-key-unknown', file: 'tests/a.yaml', line: 2 }],
  });
});
