import type { Decision } from '@postern/broker';
import { refuse } from '@postern/result';
import { expect, test } from 'vitest';
import type { LogFields } from '../log.ts';
import { createDenialLog } from './denial_log.ts';
import type { Call } from './settle_call.ts';

const CALL: Call = {
  protocol: 'http',
  peer: { pid: 1, uid: 1, gid: 1 } as Call['peer'],
  startMs: 0,
  request: refuse('request-malformed'),
};
const DENIAL = {
  id: 'decision-1',
  outcome: 'deny',
  observed: false,
  reason: 'no-permit',
  detail: 'a detail',
  service: 'web',
  action: 'read',
  method: 'GET',
  path: '/reset/secret-token',
  host: 'web.demo.test',
  enforcementPoint: 'spiffe://demo.test/web',
  workload: { spiffeId: 'spiffe://demo.test/app', serial: '01' },
  user: { issuer: 'https://idp.demo.test', subject: 'alice' },
  releaseNumber: 3,
} as unknown as Decision;

function start() {
  const lines: LogFields[] = [];
  const time = { nowMs: 0 };
  const denials = createDenialLog(
    (level, event, fields) => void lines.push({ level, event, ...fields }),
    () => time.nowMs,
  );
  return { lines, time, decide: (change: object = {}) => denials.decided({ ...DENIAL, ...change }, CALL, 1) };
}

test('a line names the decision, and neither person nor path', () => {
  const { lines, decide } = start();
  decide();
  expect(lines).toEqual([
    {
      level: 'info',
      event: 'decision-refused',
      id: 'decision-1',
      outcome: 'deny',
      reason: 'no-permit',
      service: 'web',
      action: 'read',
      workload: 'spiffe://demo.test/app',
      enforcementPoint: 'spiffe://demo.test/web',
      protocol: 'http',
      release: 3,
      suppressed: undefined,
    },
  ]);
});

test('whoever is denied on purpose does not fill the log, and what was left out is counted', () => {
  const { lines, time, decide } = start();
  for (let count = 0; count < 10_000; count += 1) decide();
  expect(lines).toHaveLength(20);
  time.nowMs = 50;
  decide({ id: 'later' });
  expect(lines[20]).toMatchObject({ id: 'later', suppressed: 9_980 });
  time.nowMs = 3_600_000;
  for (let count = 0; count < 10_000; count += 1) decide();
  expect(lines).toHaveLength(41);
});

test.each([
  ['an allow', { outcome: 'allow' }, undefined],
  ['what observing let through', { outcome: 'allow', observed: true }, 'observed'],
  ['a challenge', { outcome: 'challenge' }, 'challenge'],
])('%s', (_, change, outcome) => {
  const { lines, decide } = start();
  decide(change);
  expect(lines.map((line) => line['outcome'])).toEqual(outcome === undefined ? [] : [outcome]);
});
