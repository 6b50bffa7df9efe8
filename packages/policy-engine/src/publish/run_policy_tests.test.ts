import { describe, expect, test } from 'vitest';
import { decideRecorded } from '../replay/index.ts';
import { loadedFrom, PAYMENTS_FILES } from '../testing/index.ts';
import { recordPolicyTests, runPolicyTests } from './index.ts';

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

test('a caller that is not known surely enough is refused before any policy, as a decision point does', () => {
  const named = BALANCE.replace('{ name', '{ workload: "spiffe://demo.test/a", assurance: xfcc-uri, name');
  expect(run(`tests:\n  - ${named}, expect: { outcome: deny, reason: assurance-insufficient } }\n`).ok).toBe(true);
});

test('an address that is none is found where it stands', () => {
  for (const address of ['localhost', '10.0.0.0/8', '10.0.0.1:80']) {
    const from = BALANCE.replace('{ name', `{ sourceIp: "${address}", name`);
    const report = run(`tests:\n  - ${from}, expect: { outcome: allow } }\n`);
    expect(report).toMatchObject({ ok: false, problems: [{ code: 'yaml-value', line: 2 }] });
  }
});

describe('coverage', () => {
  const expecting = (outcome: string) => `tests:\n  - ${BALANCE}, expect: { outcome: ${outcome} } }\n`;

  test('tells a policy that tests meet from one that they do not', () => {
    const policies = `@id("read") permit (principal, action in Action::"read", resource);
@id("met") forbid (principal, action, resource) when { context.local.hour > 20 };
@id("unmet") permit (principal, action in Action::"write", resource);`;
    const other = loadedFrom({ ...PAYMENTS_FILES, 'org/a.cedar': policies });
    const { coverage } = runPolicyTests(other, new Map([['tests/a.yaml', expecting('allow')]]));
    expect(coverage).toEqual({
      policies: 3,
      exercised: 1,
      percent: 33,
      unexercised: [
        { id: 'met', effect: 'forbid', file: 'org/a.cedar', line: 2, isMet: true },
        { id: 'unmet', effect: 'permit', file: 'org/a.cedar', line: 3, isMet: false },
      ],
    });
  });

  test('of nothing is whole', () => {
    const { coverage } = runPolicyTests(loadedFrom(PAYMENTS_FILES), new Map([['tests/a.yaml', expecting('deny')]]));
    expect(coverage).toEqual({ policies: 0, exercised: 0, percent: 100, unexercised: [] });
  });
});

test('the requests of tests can be decided again by other policies', () => {
  const target = BALANCE.replace('/balance', '/balance?secret=1');
  const files = new Map([['tests/a.yaml', `tests:\n  - ${target}, expect: { outcome: allow } }\n`]]);
  const [recorded] = recordPolicyTests(loaded, files).tests;
  expect(recorded).toMatchObject({ name: 'n', input: { service: 'payments', request: { path: '/balance' } } });
  expect(recorded && decideRecorded(loaded, recorded.input)).toMatchObject({ outcome: 'allow', reason: 'permitted' });
});
