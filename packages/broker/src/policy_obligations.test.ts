import { expect, test } from 'vitest';
import { parsePolicyObligations, parseStepUp } from './policy_obligations.ts';

test('what a permit obliges to is done in order', () => {
  expect(parsePolicyObligations(['set-header:x-tenant=a=b', 'remove-header:x-debug', 'set-header:x-empty='])).toEqual({
    ok: true,
    value: [
      { kind: 'set-header', name: 'x-tenant', value: 'a=b' },
      { kind: 'remove-header', name: 'x-debug' },
      { kind: 'set-header', name: 'x-empty', value: '' },
    ],
  });
});

test.each([
  'log',
  'set-header',
  'set-header:x-a',
  'remove-header:x-a=b',
  'set-header:X-Upper=1',
  'set-header:=1',
  'set-header:host=evil.test',
  'set-header::path=/admin',
  'set-header:content-length=0',
  'set-header:x-postern-user=root',
  'remove-header:x-postern-user',
  'set-header:x-envoy-original-path=/',
  'set-header:x-a=b\r\nx-c: d',
  `set-header:x-a=${'b'.repeat(1025)}`,
])('a permit under a condition nobody would meet, such as `%s`, is no permit', (annotation) => {
  expect(parsePolicyObligations(['remove-header:x-debug', annotation])).toMatchObject({
    ok: false,
    reason: 'obligation-unknown',
  });
});

test('the strictest of several step-ups is asked for', () => {
  expect(parseStepUp(['step-up:3600', 'step-up:300'])).toEqual({ kind: 'step-up', maxAgeSeconds: 300 });
});

test.each([
  [[]],
  [['step-up']],
  [['step-up:0']],
  [['step-up:-1']],
  [['step-up:3600', 'enrol-device']],
  [['step-up:1e3']],
])('a challenge %j shows no way out and is not offered as one', (challenges) => {
  expect(parseStepUp(challenges)).toBeUndefined();
});
