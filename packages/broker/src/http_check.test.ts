import { describe, expect, test } from 'vitest';
import { readHttpCheck } from './http_check.ts';
import { checkRequestBounds } from './request_bounds.ts';

const FACTS: readonly (readonly [string, string])[] = [
  ['x-postern-service', 'payments'],
  ['x-postern-method', 'POST'],
  ['x-postern-target', '/refunds'],
  ['x-postern-authority', 'payments.demo.test'],
  ['x-postern-scheme', 'https'],
];
const SIGNATURE =
  'AWS4-HMAC-SHA256 Credential=ASIA/20261128/eu-central-1/lambda/aws4_request, SignedHeaders=host, Signature=00';

/** As it reaches a function behind a signed front door, with what that door adds. */
function signed(...lines: readonly (readonly [string, string])[]) {
  const platform: readonly (readonly [string, string])[] = [
    ['host', 'abc.lambda-url.eu-central-1.on.aws'],
    ['authorization', SIGNATURE],
    ['x-amz-date', '20261128T120000Z'],
    ['x-amz-security-token', 'session'],
    ['x-amzn-trace-id', 'Root=1-0'],
    ['x-forwarded-for', '192.0.2.1'],
  ];
  return readHttpCheck({ rawHeaders: [...platform, ...FACTS, ...lines], isSigned: true });
}

describe('in a call that the proxy signed', () => {
  test('its signature is nobody’s credential, and neither are the platform’s headers the client’s', () => {
    const read = signed();
    expect(read).toMatchObject({ ok: true, value: { headers: [] } });
  });

  test('the client’s credentials are those that the template put in', () => {
    const read = signed(['x-postern-authorization', 'Bearer a'], ['cookie', 'b=c'], ['dpop', 'd'], ['x-other', 'e']);
    expect(read.ok && read.value.headers).toEqual([
      ['cookie', 'b=c'],
      ['dpop', 'd'],
      ['authorization', 'Bearer a'],
    ]);
  });

  test.each(['', '-'])('a client without one has none (`%s`)', (value) => {
    const read = signed(['x-postern-authorization', value]);
    expect(read.ok && read.value.headers).toEqual([]);
  });

  test('two that came joined are refused and not read as either', () => {
    const read = signed(['x-postern-authorization', 'Bearer a,Bearer b']);
    if (!read.ok) throw new Error(read.reason);
    expect(checkRequestBounds(read.value)).toMatchObject({ ok: false, reason: 'credential-ambiguous' });
  });

  test('a second copy is refused', () => {
    const copy = ['x-postern-authorization', 'Bearer a'] as const;
    expect(signed(copy, copy)).toMatchObject({ ok: false, reason: 'header-duplicate' });
  });
});
