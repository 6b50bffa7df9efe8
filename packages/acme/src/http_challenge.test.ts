import { createServer, type IncomingMessage, type Server, type ServerResponse } from 'node:http';
import type { AddressInfo } from 'node:net';
import { createAddressRule, parseAddressRange } from '@postern/outbound';
import { afterEach, describe, expect, test } from 'vitest';
import { checkHttpChallenge, createChallengeToken, type HttpChallengeRules } from './http_challenge.ts';

const servers: Server[] = [];
afterEach(() => {
  for (const server of servers.splice(0)) {
    server.close();
    server.closeAllConnections();
  }
});

async function serve(listener: (request: IncomingMessage, response: ServerResponse) => void): Promise<number> {
  const server = createServer(listener);
  servers.push(server);
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve));
  return (server.address() as AddressInfo).port;
}

const loopback = parseAddressRange('127.0.0.1/32');
if (!loopback.ok) throw new Error(loopback.reason);
const rules = (httpPort: number, change: Partial<HttpChallengeRules> = {}): HttpChallengeRules => ({
  isAddressAllowed: createAddressRule([loopback.value]),
  resolve: async (name) => (name === 'inside.test' ? ['169.254.169.254'] : ['127.0.0.1']),
  httpPort,
  pausesMs: [],
  attemptTimeoutMs: 1000,
  ...change,
});

const token = createChallengeToken();
const thumbprint = 't'.repeat(43);
const challenge = { name: 'a.test', token, thumbprint };
const right = `${token}.${thumbprint}`;

test('a token is 256 bits, in base64url', () => {
  const tokens = Array.from({ length: 200 }, createChallengeToken);
  expect(new Set(tokens).size).toBe(200);
  expect(tokens.every((each) => /^[A-Za-z0-9_-]{43}$/.test(each))).toBe(true);
});

test('is looked for at the one place, by the name (RFC 8555 8.3)', async () => {
  const asked: string[] = [];
  const port = await serve((request, response) => {
    asked.push(`${request.method} ${request.headers.host} ${request.url}`);
    response.end(`${right}\r\n \t`);
  });
  expect(await checkHttpChallenge(challenge, rules(port))).toEqual({ ok: true, value: undefined });
  expect(asked).toEqual([`GET a.test:${port} /.well-known/acme-challenge/${token}`]);
});

describe('is not taken for shown', () => {
  const answering = (body: string, status = 200) => [
    (_: IncomingMessage, it: ServerResponse) => void it.writeHead(status).end(body),
  ];
  const redirecting = (place: (port: number) => string) => [
    (request: IncomingMessage, it: ServerResponse) =>
      void it.writeHead(302, { location: place(request.socket.localPort as number) }).end(),
  ];
  const rows: [string, readonly ((request: IncomingMessage, response: ServerResponse) => void)[], string][] = [
    ['by the token alone', answering(token), 'challenge-answer'],
    ['by another account’s key', answering(`${token}.${'x'.repeat(43)}`), 'challenge-answer'],
    ['by another token', answering(`${createChallengeToken()}.${thumbprint}`), 'challenge-answer'],
    ['by more than the key authorization', answering(`${right}.x`), 'challenge-answer'],
    ['by white space before it', answering(` ${right}`), 'challenge-answer'],
    ['by a page that has it somewhere', answering(`<html>${right}</html>`), 'challenge-answer'],
    ['by an answer that says it is none', answering(right, 404), 'challenge-answer'],
    ['by an answer that is longer than any', answering(`${right}${' '.repeat(2000)}`), 'challenge-answer'],
    [
      'by a redirect to a private address',
      redirecting(() => 'http://169.254.169.254/latest/meta-data/'),
      'challenge-address',
    ],
    ['by a redirect to a name inside', redirecting(() => 'http://inside.test/'), 'challenge-address'],
    ['by a redirect to another port', redirecting(() => 'http://a.test:22/'), 'challenge-redirect'],
    ['by a redirect to another scheme', redirecting(() => 'file:///etc/passwd'), 'challenge-redirect'],
    ['by a redirect with credentials', redirecting((port) => `http://u:p@a.test:${port}/`), 'challenge-redirect'],
    ['by redirects without end', redirecting((port) => `http://a.test:${port}/again`), 'challenge-redirect'],
    ['by a connection that ends', [(request) => void request.socket.destroy()], 'challenge-connection'],
    ['by an answer that never ends', [(_, response) => void response.write('x')], 'challenge-connection'],
  ];
  test.each(rows)('%s', async (_, [listener], reason) => {
    const port = await serve(listener as never);
    expect(await checkHttpChallenge(challenge, rules(port))).toMatchObject({ ok: false, reason });
  });

  test('by a name that has no address', async () => {
    const nowhere = rules(80, { resolve: async () => [] });
    expect(await checkHttpChallenge(challenge, nowhere)).toMatchObject({ reason: 'challenge-dns' });
  });

  test.each(['127.0.0.1', '10.0.0.1', '::1', '::ffff:127.0.0.1', 'fd00::1', '100.64.0.1'])(
    'by what answers at %s, unless that is allowed',
    async (address) => {
      let calls = 0;
      const port = await serve((_, response) => {
        calls += 1;
        response.end(right);
      });
      const closed = rules(port, { isAddressAllowed: createAddressRule([]), resolve: async () => [address] });
      expect(await checkHttpChallenge(challenge, closed)).toMatchObject({ reason: 'challenge-address' });
      expect(calls).toBe(0);
    },
  );

  test('by a name that resolves to a public address and a private one: only the public one is asked', async () => {
    const port = await serve((_, response) => void response.end(right));
    const mixed = rules(port, {
      isAddressAllowed: (it) => it === '192.0.2.1',
      resolve: async () => ['127.0.0.1', '192.0.2.1'],
      attemptTimeoutMs: 300,
    });
    expect(await checkHttpChallenge(challenge, mixed)).toMatchObject({ reason: 'challenge-connection' });
  });
});

describe('attempts', () => {
  test('are made again where there was no right answer, and no more once there is', async () => {
    let calls = 0;
    const port = await serve((_, response) => {
      calls += 1;
      response.writeHead(calls < 3 ? 503 : 200).end(calls < 3 ? '' : right);
    });
    expect((await checkHttpChallenge(challenge, rules(port, { pausesMs: [1, 1, 1] }))).ok).toBe(true);
    expect(calls).toBe(3);
  });

  test('are over at once where the name leads inside', async () => {
    let resolved = 0;
    const counted = rules(80, {
      pausesMs: [1, 1],
      resolve: async () => {
        resolved += 1;
        return ['10.0.0.1'];
      },
    });
    await checkHttpChallenge(challenge, counted);
    expect(resolved).toBe(1);
  });
});
