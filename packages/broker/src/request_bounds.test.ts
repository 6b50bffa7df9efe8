import { expect, test } from 'vitest';
import type { CheckRequest } from './request.ts';
import { checkRequestBounds, MAX_HEADER_LINES, MAX_HEADERS_LENGTH } from './request_bounds.ts';

const request: CheckRequest = {
  service: 'payments',
  method: 'GET',
  target: '/balance',
  authority: 'payments.demo.test',
  scheme: 'https',
  headers: [['accept', '*/*']],
  transport: 'grpc',
};
const lines = (count: number): [string, string][] => Array.from({ length: count }, () => ['accept', 'a']);

test.each<[string, Partial<CheckRequest>, string | undefined]>([
  ['an ordinary request', {}, undefined],
  ['accept twice', { headers: lines(2) }, undefined],
  ['the most header lines', { headers: lines(MAX_HEADER_LINES) }, undefined],
  ['one header line more', { headers: lines(MAX_HEADER_LINES + 1) }, 'request-too-large'],
  ['the most header bytes', { headers: [['a', 'b'.repeat(MAX_HEADERS_LENGTH - 1)]] }, undefined],
  ['one header byte more', { headers: [['a', 'b'.repeat(MAX_HEADERS_LENGTH)]] }, 'request-too-large'],
  ['a long service name', { service: 'a'.repeat(256) }, 'request-too-large'],
  ['a long request id', { requestId: 'a'.repeat(256) }, 'request-too-large'],
  [
    'two authorizations',
    {
      headers: [
        ['authorization', 'Bearer a'],
        ['authorization', 'Bearer b'],
      ],
    },
    'header-duplicate',
  ],
  [
    'two equal authorizations',
    {
      headers: [
        ['authorization', 'a'],
        ['authorization', 'a'],
      ],
    },
    'header-duplicate',
  ],
  ['two joined authorizations', { headers: [['authorization', 'Bearer a,Bearer b']] }, 'credential-ambiguous'],
  [
    'two DPoP proofs',
    {
      headers: [
        ['dpop', 'a'],
        ['dpop', 'b'],
      ],
    },
    'header-duplicate',
  ],
  ['two joined DPoP proofs', { headers: [['dpop', 'a,b']] }, 'credential-ambiguous'],
  [
    'two hosts',
    {
      headers: [
        ['host', 'a'],
        ['host', 'b'],
      ],
    },
    'header-duplicate',
  ],
  [
    'two cookies',
    {
      headers: [
        ['cookie', 'a=1'],
        ['cookie', 'a=2'],
      ],
    },
    'header-duplicate',
  ],
  [
    'two of our headers',
    {
      headers: [
        ['x-postern-user', 'a'],
        ['x-postern-user', 'b'],
      ],
    },
    'header-duplicate',
  ],
  [
    'two lengths',
    {
      headers: [
        ['content-length', '1'],
        ['content-length', '2'],
      ],
    },
    'header-duplicate',
  ],
  [
    'two forwarded certificates',
    {
      headers: [
        ['x-forwarded-client-cert', 'a'],
        ['x-forwarded-client-cert', 'b'],
      ],
    },
    'header-duplicate',
  ],
  ['an upper-case name', { headers: [['Authorization', 'a']] }, 'request-malformed'],
  ['a name with a space', { headers: [['authorization ', 'a']] }, 'request-malformed'],
  ['an empty name', { headers: [['', 'a']] }, 'request-malformed'],
  ['a value with a line break', { headers: [['accept', 'a\r\nb: c']] }, 'request-malformed'],
  ['a value with NUL', { headers: [['accept', 'a\0']] }, 'request-malformed'],
  ['a method with a space', { method: 'GET /admin' }, 'request-malformed'],
  ['no method', { method: '' }, 'request-malformed'],
  ['a long method', { method: 'G'.repeat(33) }, 'request-malformed'],
  ['no scheme', { scheme: '' }, 'request-malformed'],
  ['another scheme', { scheme: 'javascript' }, 'request-malformed'],
])('a request with %s is judged as it came', (_, change, reason) => {
  const checked = checkRequestBounds({ ...request, ...change });
  expect(checked.ok ? undefined : checked.reason).toBe(reason);
});
