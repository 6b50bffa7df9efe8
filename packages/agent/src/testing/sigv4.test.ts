import { describe, expect, test } from 'vitest';
import { type Expected, type ReceivedCall, verifySignature } from './sigv4.ts';

/** `get-vanilla` and `post-vanilla-query` of AWS's own Signature Version 4 test suite. */
const EXPECTED: Expected = {
  credentials: { accessKeyId: 'AKIDEXAMPLE', secretAccessKey: 'wJalrXUtnFEMI/K7MDENG+bPxRfiCYEXAMPLEKEY' },
  region: 'us-east-1',
  service: 'service',
  nowMs: Date.UTC(2015, 7, 30, 12, 36),
};
const signedWith = (signature: string) =>
  `AWS4-HMAC-SHA256 Credential=AKIDEXAMPLE/20150830/us-east-1/service/aws4_request, SignedHeaders=host;x-amz-date, Signature=${signature}`;
const headersOf = (signature: string): [string, string][] => [
  ['host', 'example.amazonaws.com'],
  ['x-amz-date', '20150830T123600Z'],
  ['authorization', signedWith(signature)],
];
const GET_VANILLA: ReceivedCall = {
  method: 'GET',
  target: '/',
  headers: new Map(headersOf('5fa00fa31553b73ebf1942676e86291e8372ff2a2260956d9b8aae1d763fbf31')),
  body: new Uint8Array(),
};
const POST_VANILLA_QUERY: ReceivedCall = {
  method: 'POST',
  target: '/?Param1=value1',
  headers: new Map(headersOf('28038455d6de14eafc1f9222cf5aa6f1a96197d7deb8263271d420d138af7f11')),
  body: new Uint8Array(),
};

test.each([
  ['get-vanilla', GET_VANILLA],
  ['post-vanilla-query', POST_VANILLA_QUERY],
])('%s of the published suite verifies', (_, call) => {
  expect(verifySignature(call, EXPECTED)).toEqual({ ok: true, value: ['host', 'x-amz-date'] });
});

describe('a signature is not that of', () => {
  const having = (name: string, value: string): ReceivedCall => ({
    ...GET_VANILLA,
    headers: new Map([...GET_VANILLA.headers, [name, value]]),
  });
  const without = (name: string): ReceivedCall => ({
    ...GET_VANILLA,
    headers: new Map([...GET_VANILLA.headers].filter(([known]) => known !== name)),
  });
  const authorization = GET_VANILLA.headers.get('authorization') ?? '';
  const rows: [string, ReceivedCall, string, Partial<Expected>?][] = [
    ['another method', { ...GET_VANILLA, method: 'POST' }, 'signature-wrong'],
    ['another path', { ...GET_VANILLA, target: '/x' }, 'signature-wrong'],
    ['another query', { ...GET_VANILLA, target: '/?a' }, 'signature-wrong'],
    ['another host', having('host', 'evil.example'), 'signature-wrong'],
    ['another body', { ...GET_VANILLA, body: Buffer.from('x') }, 'signature-wrong'],
    ['another second', having('x-amz-date', '20150830T123601Z'), 'signature-wrong'],
    ['another hour', GET_VANILLA, 'date-wrong', { nowMs: EXPECTED.nowMs + 3_600_000 }],
    ['another Region', GET_VANILLA, 'scope-wrong', { region: 'us-west-2' }],
    ['another service', GET_VANILLA, 'scope-wrong', { service: 's3' }],
    ['another key', having('authorization', authorization.replace('AKID', 'AKIX')), 'credential-unknown'],
    ['a role that it does not name', having('x-amz-security-token', 'x'), 'credential-unknown'],
    ['a header that it does not cover', having('x-amz-meta', 'x'), 'header-not-signed'],
    ['a header that was taken away', without('host'), 'signed-header-missing'],
    ['a user', having('authorization', 'Bearer x'), 'authorization-malformed'],
    ['nobody', without('authorization'), 'unsigned'],
  ];
  test.each(rows)('%s', (_, call, reason, change = {}) => {
    expect(verifySignature(call, { ...EXPECTED, ...change })).toMatchObject({ ok: false, reason });
  });
});
