import { describe, expect, test } from 'vitest';
import { httpEvent, signedContext } from '../testing/http_event.ts';
import { readHttpEvent } from './http_event.ts';

const read = (members: { readonly [member: string]: unknown } = {}) => {
  const call = readHttpEvent(httpEvent(members));
  if (!call.ok) throw new Error(call.reason);
  return call.value;
};
const malformed = (members: { readonly [member: string]: unknown }) =>
  expect(readHttpEvent(httpEvent(members))).toMatchObject({ ok: false, reason: 'event-malformed' });

describe('a call', () => {
  test('is read whole', () => {
    const call = read({
      rawPath: '/v1/svids',
      rawQueryString: 'a=1&a=2&b=%20+',
      headers: { Host: 'x', 'X-Two': 'a,b', 'x-empty': '' },
      requestContext: { http: { method: 'POST' } },
      body: '{"é":1}',
    });
    expect(call).toEqual({
      method: 'POST',
      target: '/v1/svids?a=1&a=2&b=%20+',
      headers: [
        ['host', 'x'],
        ['x-two', 'a,b'],
        ['x-empty', ''],
      ],
      body: Buffer.from('{"é":1}'),
      principal: undefined,
    });
  });

  test('without a body, a query, headers or cookies has none of them', () => {
    const call = read({ body: undefined, rawQueryString: undefined, headers: undefined, isBase64Encoded: undefined });
    expect(call).toMatchObject({ target: '/a', headers: [], body: Buffer.alloc(0) });
  });

  test('has the bytes of its body that were not text', () => {
    expect(read({ body: 'AP8=', isBase64Encoded: true }).body).toEqual(Buffer.from([0, 255]));
  });

  test('has its path as it came: what was escaped stays so', () => {
    expect(read({ rawPath: '/a%2F..%2fb//c/./' }).target).toBe('/a%2F..%2fb//c/./');
  });

  test('has every cookie once, in one header', () => {
    const cookies = ['a=1', 'b=2; c'];
    expect(read({ cookies, headers: { a: 'x' } }).headers).toEqual([
      ['a', 'x'],
      ['cookie', 'a=1; b=2; c'],
    ]);
    expect(read({ cookies, headers: { Cookie: 'a=1; b=2; c' } }).headers).toEqual([['cookie', 'a=1; b=2; c']]);
    expect(read({ cookies: [], headers: { cookie: 'a=1' } }).headers).toEqual([['cookie', 'a=1']]);
  });
});

describe('the principal', () => {
  const userArn = 'arn:aws:sts::123456789012:assumed-role/gateway/i-1';
  const principal = 'arn:aws:iam::123456789012:role/gateway';

  test('is who signed the request', () => {
    expect(read({ requestContext: signedContext(userArn) }).principal).toBe(principal);
  });

  test.each([
    ['a header', { headers: { 'x-amzn-iam-user-arn': userArn, authorization: userArn } }],
    ['the identity of another payload format', { requestContext: { http: { method: 'GET' }, identity: { userArn } } }],
    [
      'another authorizer',
      { requestContext: { http: { method: 'GET' }, authorizer: { jwt: { claims: { userArn } } } } },
    ],
    [
      'a Lambda authorizer',
      { requestContext: { http: { method: 'GET' }, authorizer: { lambda: { iam: { userArn } } } } },
    ],
    ['the event itself', { userArn, authorizer: { iam: { userArn } } }],
  ])('is not taken from %s', (_where, members) => {
    expect(read(members).principal).toBeUndefined();
  });

  test.each([[null], [7], [[userArn]], [{ toString: () => userArn }], ['arn:aws:iam::123456789012:root']])(
    'is nobody where IAM says %s',
    (userArnOfIam) => {
      expect(read({ requestContext: signedContext(userArnOfIam) }).principal).toBeUndefined();
    },
  );
});

describe('an event that is no call', () => {
  test.each([
    ['nothing', undefined],
    ['null', null],
    ['a text', 'GET /'],
    ['a list', [httpEvent()]],
    ['scheduled work', { postern: 'tick' }],
    ['a call of a REST API', httpEvent({ version: '1.0' })],
    ['a call without a version', httpEvent({ version: undefined })],
    ['a call without a context', httpEvent({ requestContext: undefined })],
    ['a message of a WebSocket', httpEvent({ requestContext: { connectionId: 'a' } })],
    ['a question to an authorizer', httpEvent({ type: 'REQUEST', routeArn: 'arn:aws:execute-api:a:b:c/d/GET/a' })],
  ])('%s is told apart', (_what, event) => {
    expect(readHttpEvent(event)).toMatchObject({ ok: false, reason: 'event-not-http' });
  });
});

describe('a call that could be read in two ways, or has no end, is refused:', () => {
  const context = (method: unknown) => ({ requestContext: { http: { method } } });

  test.each([
    ['no method', context(undefined)],
    ['a method in small letters', context('get')],
    ['a method with a space', context('GET /x')],
    ['a method of 33 letters', context('G'.repeat(33))],
    ['no path', { rawPath: undefined }],
    ['an empty path', { rawPath: '' }],
    ['a path without its slash', { rawPath: 'a' }],
    ['a whole URL', { rawPath: 'https://x/a' }],
    ['a path that was decoded and holds a query', { rawPath: '/a?admin=1' }],
    ['a path with a fragment', { rawPath: '/a#b' }],
    ['a path with a space', { rawPath: '/a b' }],
    ['a path with a line break', { rawPath: '/a\r\nx: y' }],
    ['a path beyond ASCII', { rawPath: '/é' }],
    ['a query with a space', { rawQueryString: 'a= b' }],
    ['a query with a fragment', { rawQueryString: 'a#b' }],
    ['a query that is no text', { rawQueryString: 7 }],
    ['16,385 characters of path and query', { rawPath: '/', rawQueryString: 'x'.repeat(16 * 1024 - 1) }],
    ['headers in a list', { headers: [['a', 'b']] }],
    ['a header that is no text', { headers: { a: ['b'] } }],
    ['a header without a name', { headers: { '': 'x' } }],
    ['a name with a space', { headers: { 'a b': 'x' } }],
    ['a name with a colon', { headers: { 'a:': 'x' } }],
    ['a value with a line break', { headers: { a: 'x\r\nb: y' } }],
    ['a value with a NUL', { headers: { a: 'x\0' } }],
    ['one name in two spellings', { headers: { 'X-A': '1', 'x-a': '2' } }],
    ['257 headers', { headers: Object.fromEntries(Array.from({ length: 257 }, (_, index) => [`h${index}`, ''])) }],
    ['64 KiB of headers', { headers: { a: 'x'.repeat(64 * 1024) } }],
    ['64 KiB of cookies', { cookies: ['x'.repeat(64 * 1024)] }],
    ['cookies in a text', { cookies: 'a=1' }],
    ['a cookie that is no text', { cookies: [1] }],
    ['a cookie with a line break', { cookies: ['a=1\nb'] }],
    ['a body that is no text', { body: { a: 1 } }],
    ['a body that is no base64', { body: 'AP8', isBase64Encoded: true }],
    ['base64 with something in it', { body: 'AP8=\n', isBase64Encoded: true }],
    ['an encoding that is neither', { body: 'AP8=', isBase64Encoded: 'true' }],
    ['more than 6 MiB of body', { body: 'x'.repeat(6 * 1024 * 1024 + 1) }],
  ] as const)('%s', (_what, members) => malformed(members));

  test('and what is just within is taken', () => {
    expect(read(context('G'.repeat(32))).method).toHaveLength(32);
    expect(read({ rawPath: '/', rawQueryString: 'x'.repeat(16 * 1024 - 2) }).target).toHaveLength(16 * 1024);
    expect(read({ headers: { a: 'x'.repeat(64 * 1024 - 1) } }).headers).toHaveLength(1);
    expect(read({ body: 'x'.repeat(6 * 1024 * 1024) }).body).toHaveLength(6 * 1024 * 1024);
  });
});
