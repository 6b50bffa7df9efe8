import { createServer, type IncomingMessage, type Server, type ServerResponse } from 'node:http';
import { createServer as createTlsServer } from 'node:https';
import type { AddressInfo } from 'node:net';
import { afterEach, describe, expect, test } from 'vitest';
import { createWebServer } from '../../../test/kit/openssl_web_server.ts';
import { createAddressRule, parseAddressRange } from './address.ts';
import { fetchChecked, type OutboundRules } from './fetch_checked.ts';

const servers: Server[] = [];
afterEach(() => {
  for (const server of servers.splice(0)) {
    server.close();
    server.closeAllConnections();
  }
});

const ranges = (...texts: string[]) =>
  texts.map((text) => {
    const range = parseAddressRange(text);
    if (!range.ok) throw new Error(text);
    return range.value;
  });

async function serve(listener: (request: IncomingMessage, response: ServerResponse) => void): Promise<number> {
  const server = createServer(listener);
  servers.push(server);
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve));
  return (server.address() as AddressInfo).port;
}

/** What `a.test` is. */
const rules = (port: number, change: Partial<OutboundRules> = {}): OutboundRules => ({
  isAddressAllowed: createAddressRule(ranges('127.0.0.1/32')),
  resolve: async () => ['127.0.0.1'],
  ports: [80, 443, port],
  maxRedirects: 3,
  maxBytes: 100,
  timeoutMs: 2000,
  ...change,
});

test('asks the name that it was given, at the address that was checked', async () => {
  const port = await serve((request, response) => void response.end(`${request.headers.host} ${request.url}`));
  const answer = await fetchChecked(`http://a.test:${port}/x?y`, rules(port));
  expect(answer).toMatchObject({ ok: true, value: { status: 200, address: '127.0.0.1' } });
  expect(answer.ok && Buffer.from(answer.value.body).toString()).toBe(`a.test:${port} /x?y`);
});

describe('nobody is led inside', () => {
  test('by a name whose address is private, and no connection is made', async () => {
    let calls = 0;
    const port = await serve((_, response) => {
      calls += 1;
      response.end();
    });
    const isAddressAllowed = createAddressRule([]);
    for (const address of ['127.0.0.1', '::ffff:127.0.0.1', '169.254.169.254'])
      expect(
        await fetchChecked(`http://a.test:${port}/`, rules(port, { isAddressAllowed, resolve: async () => [address] })),
      ).toMatchObject({ ok: false, reason: 'address-refused' });
    expect(calls).toBe(0);
  });

  test('by a name that means something else a moment later', async () => {
    let asked = 0;
    const port = await serve((_, response) => void response.end('inside'));
    // Checked once, and that address is what is connected to: the second answer is never seen.
    const resolve = async () => (asked++ === 0 ? ['192.0.2.1'] : ['127.0.0.1']);
    const isAddressAllowed = (address: string) => address === '192.0.2.1';
    const answer = await fetchChecked(
      `http://a.test:${port}/`,
      rules(port, { resolve, isAddressAllowed, timeoutMs: 300 }),
    );
    expect(answer.ok).toBe(false);
    expect(asked).toBe(1);
  });

  test.each([
    ['a cloud’s metadata', 'http://169.254.169.254/latest/meta-data/', 'address-refused'],
    ['this machine, mapped', 'http://[::ffff:127.0.0.1]/', 'address-refused'],
    ['this machine as a number', 'http://2130706434/', 'address-refused'],
    ['a private network by TLS', 'https://10.0.0.1/', 'address-refused'],
    ['another port', 'http://a.test:22/', 'url-refused'],
    ['a file', 'file:///etc/passwd', 'url-refused'],
    ['another protocol', 'gopher://a.test:80/', 'url-refused'],
    ['a place with a password', 'http://a:b@a.test/', 'url-refused'],
    ['nowhere', 'http://', 'url-refused'],
    ['a very long place', `http://a.test/${'x'.repeat(3000)}`, 'url-refused'],
  ])('by a redirect to %s', async (_, location, reason) => {
    const port = await serve((request, response) =>
      request.url === '/' ? void response.writeHead(302, { location }).end() : void response.end('inside'),
    );
    // Only the first hop's own address is allowed, and its port: what it leads to is held to the same.
    const answer = await fetchChecked(`http://a.test:${port}/`, rules(port, { ports: [80, 443, port] }));
    expect(answer).toMatchObject({ ok: false, reason });
  });
});

describe('a server over TLS', () => {
  const web = createWebServer('DNS:a.test');
  async function serveTls(): Promise<number> {
    const server = createTlsServer(web, (_, response) => void response.end('hello'));
    servers.push(server);
    await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve));
    return (server.address() as AddressInfo).port;
  }

  test('is believed where its name is vouched for by the authorities that were named', async () => {
    const port = await serveTls();
    const answer = await fetchChecked(`https://a.test:${port}/`, rules(port, { serverAuthorities: [web.ca] }));
    expect(answer).toMatchObject({ ok: true, value: { status: 200 } });
  });

  test.each<[what: string, host: string, authorities: OutboundRules['serverAuthorities']]>([
    ['under another name', 'b.test', [web.ca]],
    ['under its address alone', '127.0.0.1', [web.ca]],
    ['by another authority', 'a.test', [createWebServer('DNS:a.test').ca]],
    ['by the platform, which does not know it', 'a.test', 'platform'],
    ['by nobody at all', 'a.test', []],
  ])('is not believed %s', async (_, host, serverAuthorities) => {
    const port = await serveTls();
    const answer = await fetchChecked(`https://${host}:${port}/`, rules(port, { serverAuthorities, ports: 'any' }));
    expect(answer).toMatchObject({ ok: false, reason: 'connection-failed' });
  });

  test('is asked unverified only where nobody was named', async () => {
    const port = await serveTls();
    expect((await fetchChecked(`https://b.test:${port}/`, rules(port))).ok).toBe(true);
  });
});

describe('in bounds', () => {
  test('redirects are followed so often and no more', async () => {
    const port: number = await serve((request, response) => {
      const left = Number(request.url?.slice(1));
      if (left === 0) response.end('there');
      else response.writeHead(307, { location: `/${left - 1}` }).end();
    });
    expect((await fetchChecked(`http://a.test:${port}/3`, rules(port))).ok).toBe(true);
    expect(await fetchChecked(`http://a.test:${port}/4`, rules(port))).toMatchObject({ reason: 'redirects-too-many' });
  });

  test('an answer of so many bytes, and not one more', async () => {
    const port = await serve((request, response) => void response.end('x'.repeat(Number(request.url?.slice(1)))));
    expect((await fetchChecked(`http://a.test:${port}/100`, rules(port))).ok).toBe(true);
    expect(await fetchChecked(`http://a.test:${port}/101`, rules(port))).toMatchObject({ reason: 'answer-too-large' });
  });

  test.each([
    ['a server that says nothing', () => {}],
    ['one that never ends', (_: IncomingMessage, response: ServerResponse) => void response.write('x')],
  ])('%s keeps nobody waiting', async (_, listener) => {
    const port = await serve(listener);
    expect(await fetchChecked(`http://a.test:${port}/`, rules(port, { timeoutMs: 200 }))).toMatchObject({
      reason: 'timed-out',
    });
  });

  test('a resolver that does not answer either', async () => {
    const resolve = () => new Promise<string[]>(() => {});
    expect(await fetchChecked('http://a.test/', rules(1, { resolve, timeoutMs: 100 }))).toMatchObject({
      reason: 'timed-out',
    });
  });

  test('a name without addresses, and a closed port, are told', async () => {
    const port = await serve(() => {});
    servers.pop()?.close();
    expect(await fetchChecked(`http://a.test:${port}/`, rules(port))).toMatchObject({ reason: 'connection-failed' });
    expect(await fetchChecked('http://a.test/', rules(1, { resolve: async () => [] }))).toMatchObject({
      reason: 'name-unresolved',
    });
    const failing = rules(1, { resolve: () => Promise.reject(new Error('ENOTFOUND')) });
    expect(await fetchChecked('http://a.test/', failing)).toMatchObject({ reason: 'name-unresolved' });
  });
});
