import { createHash, createHmac } from 'node:crypto';
import { SignatureV4 } from '@smithy/signature-v4';
import { afterEach, beforeEach, describe, expect, test, vi } from 'vitest';
import { type ScriptedRequest, type ScriptedServer, startScriptedServer } from '../testing/scripted_server.ts';
import { createExchange } from '../thin/exchange.ts';
import { createSignedFetch, defaultCredentials, environmentCredentials, type SignedRequest } from './index.ts';

let server: ScriptedServer;
beforeEach(async () => {
  server = await startScriptedServer();
  server.answer({ status: 200, body: 'ok' });
});
afterEach(() => {
  vi.unstubAllEnvs();
  server.stop();
});

/** Node's, in the form that Smithy asks for. */
class Sha256 {
  readonly #hash;
  constructor(secret?: string | ArrayBuffer | ArrayBufferView) {
    this.#hash = secret === undefined ? createHash('sha256') : createHmac('sha256', bytesOf(secret));
  }
  update(data: string | ArrayBuffer | ArrayBufferView) {
    this.#hash.update(bytesOf(data));
  }
  async digest() {
    return new Uint8Array(this.#hash.digest());
  }
  reset() {}
}
const bytesOf = (data: string | ArrayBuffer | ArrayBufferView) =>
  typeof data === 'string'
    ? Buffer.from(data)
    : ArrayBuffer.isView(data)
      ? Buffer.from(data.buffer, data.byteOffset, data.byteLength)
      : Buffer.from(data);

const credentials = { accessKeyId: 'AKIDEXAMPLE', secretAccessKey: 'wJalrXUtnFEMI/K7MDENG+bPxRfiCYEXAMPLEKEY' };
const temporary = { ...credentials, sessionToken: 'a/session+token==' };

/** What AWS's own signer says of the request as it arrived, whose headers are those that ours signed. */
async function expectedAuthorization(service: string, of: typeof credentials): Promise<string> {
  const [request] = server.requests();
  if (request === undefined) throw new Error('no request');
  const { method, url, headers, body } = request;
  const [path = '', search = ''] = url.split('?');
  const query: Record<string, string | string[]> = {};
  for (const [name, value] of search === '' ? [] : search.split('&').map((pair) => pair.split('='))) {
    const [key, text] = [decodeURIComponent(name ?? ''), decodeURIComponent(value ?? '')];
    query[key] = key in query ? [...[query[key] as string | string[]].flat(), text] : text;
  }
  const signedNames = /SignedHeaders=([^,]+)/.exec(headers.authorization ?? '')?.[1]?.split(';') ?? [];
  const date = headers['x-amz-date'] as string;
  const signer = new SignatureV4({
    service,
    region: 'eu-west-1',
    credentials: of,
    sha256: Sha256,
    uriEscapePath: service !== 's3',
    applyChecksum: true,
  });
  const signed = await signer.sign(
    {
      method,
      protocol: 'http:',
      hostname: '127.0.0.1',
      path,
      query,
      headers: Object.fromEntries(signedNames.map((name) => [name, String(headers[name])])),
      ...(body !== '' && { body }),
    } as Parameters<SignatureV4['presign']>[0],
    { signingDate: new Date(date.replace(/^(....)(..)(..)T(..)(..)(..)Z$/, '$1-$2-$3T$4:$5:$6Z')) },
  );
  return signed.headers['authorization'] as string;
}

async function expectSigned(service: string, of: typeof credentials): Promise<void> {
  const { headers, body } = server.requests()[0] as ScriptedRequest;
  expect(headers.authorization).toBe(await expectedAuthorization(service, of));
  expect(headers['x-amz-content-sha256']).toBe(createHash('sha256').update(body).digest('hex'));
  expect(headers.authorization).toContain('x-amz-content-sha256');
  expect(headers['x-amz-security-token']).toBe('sessionToken' in of ? of.sessionToken : undefined);
}

type RequestRow = readonly [what: string, path: string, request: SignedRequest];
const requests: readonly RequestRow[] = [
  ['a bare one', '/', {}],
  ['a query in no order', '/a?b=2&a=1&b=1', {}],
  ['names that begin alike', '/a?a-b=1&a=2&a%20=3&ab=4', {}],
  ['a query that needs encoding', `/a?q=${encodeURIComponent("é /&=+'()*!~")}&empty=&flag`, {}],
  ['a plus in the query', '/a?q=b+c', {}],
  ['a path that needs encoding', '/a%20b/%C3%A9/c%2Fd', {}],
  ['a body of text', '/a', { method: 'POST', body: '{"é":1}', headers: { 'content-type': 'application/json' } }],
  ['a body of bytes', '/a', { method: 'PUT', body: Uint8Array.from(Buffer.from('bytes')) }],
  ['headers of its own', '/a', { headers: { 'x-amz-target': 'a.B', 'x-own': '  two   words ' } }],
];

const objects: readonly RequestRow[] = [
  ['an object', '/bucket/releases/1.jws', {}],
  ['an object to put', '/bucket/a', { method: 'PUT', body: 'bytes', headers: { 'if-none-match': '*' } }],
  ['a list', '/bucket?list-type=2&encoding-type=url&prefix=a%2Fb&start-after=a%2Fb-_.c&max-keys=10', {}],
];

describe.each([
  ['lambda', credentials, requests],
  ['lambda', temporary, requests],
  ['s3', temporary, [...requests, ...objects]],
  ['dynamodb', temporary, requests],
] as const)('a request to %s', (service, of, rows) => {
  test.each(rows)('with %s has the signature that AWS’s own signer makes', async (_what, path, request) => {
    const signedFetch = createSignedFetch({ credentials: async () => of, region: 'eu-west-1', service });
    const answer = await signedFetch(`${server.endpoint}${path}`, request);
    expect(await answer.text()).toBe('ok');
    await expectSigned(service, of);
  });

  // The one that is left out is spelled otherwise before it comes there.
  test.each(rows.filter(([, path]) => !path.includes('+')))(
    'with %s has it without fetch too',
    async (_, path, request) => {
      const exchange = createExchange({ credentials: async () => of, region: 'eu-west-1', service });
      const { method = 'GET', body, headers } = request;
      const sent = { method, signal: AbortSignal.timeout(5_000), ...(body != null && { body }) };
      const named = headers as { readonly [name: string]: string } | undefined;
      const answer = await exchange(
        new URL(`${server.endpoint}${path}`),
        { ...sent, ...(named && { headers: named }) },
        1024,
      );
      expect(Buffer.from(answer.bytes).toString()).toBe('ok');
      await expectSigned(service, of);
    },
  );
});

test('a redirect is not followed: whoever is named there would get a signed request', async () => {
  const signedFetch = createSignedFetch({
    credentials: async () => credentials,
    region: 'eu-west-1',
    service: 'lambda',
  });
  server.answer({ status: 302, headers: { location: '/elsewhere' } });
  await expect(signedFetch(server.endpoint)).rejects.toThrow(TypeError);
  expect((await signedFetch(server.endpoint, { redirect: 'manual' })).status).toBe(302);
  expect(server.requests()).toHaveLength(2);
});

test('a request is given up when its signal says so', async () => {
  const signedFetch = createSignedFetch({
    credentials: async () => credentials,
    region: 'eu-west-1',
    service: 'lambda',
  });
  server.answer('none');
  await expect(signedFetch(server.endpoint, { signal: AbortSignal.timeout(50) })).rejects.toThrow(/timeout/);
});

describe('credentials', () => {
  test('of the environment are those of the moment', async () => {
    const variables: Record<string, string> = { AWS_ACCESS_KEY_ID: 'a', AWS_SECRET_ACCESS_KEY: 'b' };
    const source = environmentCredentials(variables);
    expect(await source()).toEqual({ accessKeyId: 'a', secretAccessKey: 'b' });
    Object.assign(variables, { AWS_ACCESS_KEY_ID: 'c', AWS_SESSION_TOKEN: 't' });
    expect(await source()).toEqual({ accessKeyId: 'c', secretAccessKey: 'b', sessionToken: 't' });
  });

  test.each([{}, { AWS_ACCESS_KEY_ID: 'a' }, { AWS_ACCESS_KEY_ID: '', AWS_SECRET_ACCESS_KEY: 'b' }])(
    'that are not whole in %o are missing, and no request goes out',
    async (variables) => {
      const signedFetch = createSignedFetch({
        credentials: environmentCredentials(variables),
        region: 'eu-west-1',
        service: 'lambda',
      });
      await expect(signedFetch(server.endpoint)).rejects.toMatchObject({ name: 'CredentialsProviderError' });
      expect(server.requests()).toHaveLength(0);
    },
  );

  test('of a person are found where the SDK finds them', async () => {
    vi.stubEnv('AWS_ACCESS_KEY_ID', 'a');
    vi.stubEnv('AWS_SECRET_ACCESS_KEY', 'b');
    vi.stubEnv('AWS_SESSION_TOKEN', 't');
    expect(await defaultCredentials()()).toMatchObject({ accessKeyId: 'a', secretAccessKey: 'b', sessionToken: 't' });
  });
});
