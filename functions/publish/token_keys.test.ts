import { generateKeyPairSync } from 'node:crypto';
import http, { type RequestListener } from 'node:http';
import https from 'node:https';
import type { AddressInfo } from 'node:net';
import { createFeedLog } from '@postern/feed';
import { createSoftwareMac } from '@postern/keys';
import type { TokenIssuer } from '@postern/policy-engine';
import { createMemoryTable } from '@postern/store/embedded';
import { createManualClock } from '@postern/store/testing';
import { afterEach, beforeAll, describe, expect, test } from 'vitest';
import { createWebServer, type WebServer } from '../../test/kit/openssl_web_server.ts';
import { parseOutboundRanges } from '../outbound.ts';
import { createKeyFetcher, type FetchReason, publishTokenKeys } from './token_keys.ts';

const servers: http.Server[] = [];
afterEach(() => {
  for (const server of servers.splice(0)) {
    server.close();
    server.closeAllConnections();
  }
});

async function serve(listener: RequestListener): Promise<string> {
  const server = http.createServer(listener);
  servers.push(server);
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve));
  return `http://127.0.0.1:${(server.address() as AddressInfo).port}`;
}

interface Provider {
  readonly metadata?: (issuer: string) => unknown;
  readonly jwks?: unknown;
  readonly answer?: (path: string, response: http.ServerResponse) => boolean;
}
const key = {
  ...generateKeyPairSync('ec', { namedCurve: 'P-256' }).publicKey.export({ format: 'jwk' }),
  kid: 'one',
  alg: 'ES256',
  use: 'sig',
};
const asked: string[] = [];

/** A provider in order, but for what the test changes. */
async function startProvider({ metadata, jwks = { keys: [key] }, answer }: Provider = {}): Promise<string> {
  asked.length = 0;
  const issuer: string = await serve((request, response) => {
    asked.push(request.url ?? '');
    if (answer?.(request.url ?? '', response) === true) return;
    const document = request.url === '/jwks' ? jwks : (metadata?.(issuer) ?? { issuer, jwks_uri: `${issuer}/jwks` });
    response
      .setHeader('content-type', 'application/json')
      .end(typeof document === 'string' ? document : JSON.stringify(document));
  });
  return issuer;
}

const fetchLocally = createKeyFetcher({ allowLoopback: true });

test('a development provider on this machine is asked without TLS, and nobody else is', async () => {
  const issuer = await startProvider();
  expect(await fetchLocally(issuer)).toEqual({ ok: true, value: { keys: [key] } });
  expect(asked).toEqual(['/.well-known/openid-configuration', '/jwks']);
  asked.length = 0;
  expect(await createKeyFetcher({ allowLoopback: false })(issuer)).toMatchObject({ reason: 'issuer-url' });
  expect(asked).toEqual([]);
});

describe('no keys are taken', () => {
  const jwksAt = (uri: unknown): Provider => ({ metadata: (issuer) => ({ issuer, jwks_uri: uri }) });
  const rows: [string, Provider, FetchReason][] = [
    [
      'from a provider that calls itself otherwise',
      { metadata: () => ({ issuer: 'https://evil.test', jwks_uri: 'x' }) },
      'issuer-mismatch',
    ],
    [
      'from a provider that calls itself almost so',
      { metadata: (issuer) => ({ issuer: `${issuer}/`, jwks_uri: `${issuer}/jwks` }) },
      'issuer-mismatch',
    ],
    ['from no address', jwksAt(undefined), 'issuer-url'],
    ['from what is no address', jwksAt('jwks'), 'issuer-url'],
    ['from a file', jwksAt('file:///etc/passwd'), 'issuer-url'],
    ['from a text', jwksAt('data:application/json,{"keys":[]}'), 'issuer-url'],
    ['from another machine without TLS', jwksAt('http://192.0.2.1/jwks'), 'issuer-url'],
    ['from the metadata service of a cloud', jwksAt('http://169.254.169.254/latest/meta-data'), 'issuer-url'],
    ['from a host that only begins like this machine', jwksAt('http://127.0.0.1.evil.test/jwks'), 'issuer-url'],
    ['from an address with a password', jwksAt('https://user:secret@idp.evil.test/jwks'), 'issuer-url'],
    [
      'from where a redirect leads',
      { answer: (path, response) => path === '/jwks' && !!response.writeHead(302, { location: '/other' }).end() },
      'issuer-unreachable',
    ],
    [
      'from where a redirect of the metadata leads',
      { answer: (path, response) => path !== '/jwks' && !!response.writeHead(307, { location: '/x' }).end() },
      'issuer-unreachable',
    ],
    [
      'from an answer that is an error',
      { answer: (_, response) => !!response.writeHead(500).end('{}') },
      'issuer-unreachable',
    ],
    ['from a connection that breaks', { answer: (_, response) => !!response.destroy() }, 'issuer-unreachable'],
    ['from what is no JSON', { jwks: '<html>' }, 'issuer-document'],
    ['from null', { jwks: 'null' }, 'issuer-document'],
    ['from a document without keys', { jwks: {} }, 'issuer-document'],
    ['from keys that are no list', { jwks: { keys: { length: 1 } } }, 'issuer-document'],
    ['from more keys than a provider has', { jwks: { keys: Array(101).fill(key) } }, 'issuer-document'],
    [
      'from a document that is too large',
      { jwks: { keys: [{ ...key, x5c: ['x'.repeat(256 * 1024)] }] } },
      'issuer-document',
    ],
  ];
  test.each(rows)('%s', async (_, provider, reason) => {
    expect(await fetchLocally(await startProvider(provider))).toMatchObject({ ok: false, reason });
  });

  test.each(['ftp://idp.demo.test', 'javascript:1', 'x', '', 'http://idp.demo.test'])(
    'for the issuer `%s`',
    async (issuer) => {
      expect(await fetchLocally(issuer)).toMatchObject({ ok: false, reason: 'issuer-url' });
    },
  );

  test('from an endless document', async () => {
    const issuer = await startProvider({
      answer: (path, response) => {
        if (path !== '/jwks') return false;
        const more = () => {
          while (!response.destroyed && response.write('x'.repeat(65_536)));
        };
        response.on('drain', more).on('error', () => {});
        more();
        return true;
      },
    });
    expect(await fetchLocally(issuer)).toMatchObject({ reason: 'issuer-document' });
  });
});

describe('a provider with a name, over TLS', () => {
  let web: WebServer;
  let asked: string[];
  beforeAll(() => {
    web = createWebServer('DNS:idp.test,DNS:keys.test,DNS:inside.test');
  });

  /** The same server under each of its names. `keysAt`: where its metadata leads. */
  async function startTlsProvider(keysAt: (port: number) => string, tls = web): Promise<string> {
    asked = [];
    const server = https.createServer(tls, (request, response) => {
      asked.push(`${request.headers.host?.split(':')[0]}${request.url}`);
      const { port } = server.address() as AddressInfo;
      const metadata = { issuer: `https://idp.test:${port}`, jwks_uri: keysAt(port) };
      response.end(JSON.stringify(request.url === '/jwks' ? { keys: [key] } : metadata));
    });
    servers.push(server as unknown as http.Server);
    await new Promise<void>((resolve) => server.listen(0, resolve));
    return `https://idp.test:${(server.address() as AddressInfo).port}`;
  }
  const addresses: { readonly [name: string]: string } = { 'idp.test': '127.0.0.1', 'keys.test': '127.0.0.1' };
  const places = (ranges: string) => ({
    outboundRanges: parseOutboundRanges(ranges) ?? [],
    webAuthorities: [web.ca],
    resolve: async (name: string) => [addresses[name] ?? '127.0.0.2'],
  });

  test('in a private network is asked where an operator allows that network, and leads to another name in it', async () => {
    const issuer = await startTlsProvider((port) => `https://keys.test:${port}/jwks`);
    expect(await createKeyFetcher(places('127.0.0.1/32'))(issuer)).toEqual({ ok: true, value: { keys: [key] } });
    expect(asked).toEqual(['idp.test/.well-known/openid-configuration', 'keys.test/jwks']);
  });

  test('is not connected to where its name means a private address and nobody allows that', async () => {
    const issuer = await startTlsProvider((port) => `https://keys.test:${port}/jwks`);
    for (const ranges of ['', '127.0.0.2/32', '10.0.0.0/8'])
      expect(await createKeyFetcher(places(ranges))(issuer)).toMatchObject({ ok: false, reason: 'issuer-address' });
    // Nor where development lets providers be on this machine: this one is not configured there.
    const development = { ...places(''), allowLoopback: true };
    expect(await createKeyFetcher(development)(issuer)).toMatchObject({ ok: false, reason: 'issuer-address' });
    expect(asked).toEqual([]);
  });

  test.each([
    ['a name inside', (port: number) => `https://inside.test:${port}/jwks`],
    ['an address inside', (port: number) => `https://127.0.0.2:${port}/jwks`],
    ['an address inside, in another spelling', (port: number) => `https://[::ffff:7f00:2]:${port}/jwks`],
    ['the metadata service of a cloud', () => 'https://169.254.169.254/latest/meta-data'],
  ])('does not lead us to %s', async (_, keysAt) => {
    const fetchKeys = createKeyFetcher(places('127.0.0.1/32'));
    expect(await fetchKeys(await startTlsProvider(keysAt))).toMatchObject({ ok: false, reason: 'issuer-address' });
    expect(asked).toEqual(['idp.test/.well-known/openid-configuration']);
  });

  test('does not lead us inside by a name that means something else the next time it is resolved', async () => {
    const issuer = await startTlsProvider((port) => `https://keys.test:${port}/jwks`);
    const answers = ['127.0.0.1', '127.0.0.2', '127.0.0.1'];
    const resolved: string[] = [];
    const resolve = async (name: string) => {
      resolved.push(name);
      return [answers.shift() ?? '127.0.0.1'];
    };
    const rebinding = createKeyFetcher({ ...places('127.0.0.1/32'), resolve });
    expect(await rebinding(issuer)).toMatchObject({ ok: false, reason: 'issuer-address' });
    // Each place is resolved once, and what was checked is what is connected to.
    expect(resolved).toEqual(['idp.test', 'keys.test']);
    expect(asked).toHaveLength(1);
  });

  test('is not believed when nobody vouches for it, or for another name', async () => {
    const issuer = await startTlsProvider((port) => `https://keys.test:${port}/jwks`);
    const { webAuthorities: _, ...byPlatform } = places('127.0.0.1/32');
    expect(await createKeyFetcher(byPlatform)(issuer)).toMatchObject({ ok: false, reason: 'issuer-unreachable' });
    const other = createWebServer('DNS:other.test');
    const elsewhere = await startTlsProvider((port) => `https://keys.test:${port}/jwks`, other);
    const fetched = await createKeyFetcher({ ...places('127.0.0.1/32'), webAuthorities: [other.ca] })(elsewhere);
    expect(fetched).toMatchObject({ ok: false, reason: 'issuer-unreachable' });
    expect(asked).toEqual([]);
  });
});

test('only public members of keys that can have some are kept, whatever a provider publishes', async () => {
  const pair = generateKeyPairSync('rsa', { modulusLength: 2048 }).privateKey.export({ format: 'jwk' });
  const keys = [
    { ...pair, kid: 'rsa', use: 'sig' },
    { kty: 'oct', k: 'c2VjcmV0', kid: 'mac' },
    null,
    'text',
    { kid: 'nothing' },
    { ...key, kid: 1, x5u: 'https://evil.test', key_ops: ['sign'] },
  ];
  const fetched = await fetchLocally(await startProvider({ jwks: { keys } }));
  const { alg, use, kty, crv, x, y } = key as { [name: string]: string };
  expect(fetched).toEqual({
    ok: true,
    value: {
      keys: [
        { kty: 'RSA', kid: 'rsa', use: 'sig', n: pair.n, e: pair.e },
        { kty, use, alg, crv, x, y },
      ],
    },
  });
});

describe('the keys in the feed', () => {
  const issuer = 'https://idp.demo.test';
  const issuers = [{ issuer } as TokenIssuer, { issuer: `${issuer}/b` } as TokenIssuer];

  async function createTick() {
    const clock = createManualClock();
    const mac = createSoftwareMac('test', new Uint8Array(32));
    const feedLog = createFeedLog({ table: createMemoryTable({ clock }), mac });
    await feedLog.open('epoch');
    const reports: string[] = [];
    const fetched = new Map<string, Awaited<ReturnType<typeof fetchLocally>>>();
    const tick = () =>
      publishTokenKeys({
        issuers,
        fetchKeys: async (name) => fetched.get(name) ?? { ok: false, reason: 'issuer-unreachable' },
        feedLog,
        clock,
        report: (name, reason) => reports.push(`${name} ${reason}`),
      });
    return { clock, feedLog, reports, fetched, tick, length: async () => (await feedLog.head())?.sequence };
  }

  test('are written when they change and when half of their life is over, and not else', async () => {
    const it = await createTick();
    for (const { issuer: name } of issuers) it.fetched.set(name, { ok: true, value: { keys: [key] } });
    await it.tick();
    await it.tick();
    expect(await it.length()).toBe(2);
    it.fetched.set(issuer, { ok: true, value: { keys: [] } });
    await it.tick();
    expect(await it.length()).toBe(3);
    it.clock.advanceMs(12 * 60 * 60 * 1000);
    await it.tick();
    expect(await it.length()).toBe(5);
  });

  test('stay as they are while a provider is away, and end after a day; another provider does not suffer', async () => {
    const it = await createTick();
    it.fetched.set(`${issuer}/b`, { ok: true, value: { keys: [key] } });
    await it.tick();
    expect(it.reports).toEqual([`${issuer} issuer-unreachable`]);
    expect(await it.feedLog.latest('token-keys', `${issuer}/b`)).toMatchObject({
      expiresAtMs: it.clock.nowMs() + 86_400_000,
    });
  });

  test('that do not fit into the feed are reported', async () => {
    const it = await createTick();
    it.fetched.set(issuer, { ok: true, value: { keys: [{ ...key, n: 'x'.repeat(200_000) }] } });
    await it.tick();
    expect(it.reports).toContain(`${issuer} fact-too-large`);
  });
});
