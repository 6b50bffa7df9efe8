import { mkdtempSync, rmSync, statSync } from 'node:fs';
import { request } from 'node:http';
import { connect } from 'node:net';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterEach, describe, expect, test } from 'vitest';
import type { Missing } from './readiness.ts';
import { isLoopback, listenForStatus, type StatusEndpoint, type StatusPlace } from './status_endpoint.ts';

const folder = mkdtempSync(join(tmpdir(), 'postern-status-'));
const TCP = { address: '127.0.0.1', port: 0 };
const closing: (() => unknown)[] = [];
afterEach(async () => {
  for (const close of closing.splice(0).reverse()) await close();
});

async function start(
  options: {
    readonly place?: StatusPlace;
    readonly missing?: () => readonly Missing[];
    readonly metrics?: () => Promise<string>;
  } = {},
) {
  const logged: string[] = [];
  let made = 0;
  const endpoint = await listenForStatus(
    {
      missing: options.missing ?? (() => []),
      metrics: async (format) => {
        made += 1;
        return options.metrics === undefined ? `${format}\n` : options.metrics();
      },
      log: (_, event) => void logged.push(event),
    },
    options.place ?? TCP,
  );
  closing.push(() => endpoint.close());
  return { endpoint, logged, made: () => made, ask: (path: string, more?: AskOptions) => ask(endpoint, path, more) };
}

interface AskOptions {
  readonly method?: string;
  readonly headers?: { readonly [name: string]: string };
}

function ask({ place }: StatusEndpoint, path: string, { method = 'GET', headers = {} }: AskOptions = {}) {
  const where = 'path' in place ? { socketPath: place.path } : { host: place.address, port: place.port };
  return new Promise<{ status: number; type: string | undefined; body: string }>((resolve, reject) => {
    const call = request({ ...where, path, method, headers, agent: false }, (response) => {
      let body = '';
      response.setEncoding('utf8').on('data', (chunk) => {
        body += chunk;
      });
      response.on('end', () =>
        resolve({ status: response.statusCode ?? 0, type: response.headers['content-type'], body }),
      );
    });
    call.on('error', reject).end();
  });
}

describe('what it says is for this machine alone', () => {
  test.each(['0.0.0.0', '192.0.2.1', '::'])('does not listen on %s', async (address) => {
    await expect(start({ place: { address, port: 0 } })).rejects.toThrow(TypeError);
  });

  test.each([
    ['127.0.0.1', true],
    ['127.255.255.254', true],
    ['::1', true],
    ['128.0.0.1', false],
    ['10.0.0.1', false],
    ['::2', false],
    ['localhost', false],
    ['127.1', false],
  ])('%s: loopback %s', (address, expected) => {
    expect(isLoopback(address)).toBe(expected);
  });

  test.each(['evil.example', 'evil.example:9464', '192.0.2.1', '127.0.0.1.evil.example'])(
    'a web page whose name leads here reads nothing: host `%s`',
    async (host) => {
      const { ask, made } = await start();
      for (const path of ['/metrics', '/healthz', '/readyz'])
        expect(await ask(path, { headers: { host } })).toMatchObject({ status: 421, body: '' });
      expect(made()).toBe(0);
    },
  );

  test.each(['localhost', 'localhost:9464', '127.0.0.1:1', '[::1]:9464'])('host `%s` is ours', async (host) => {
    const { ask } = await start();
    expect(await ask('/healthz', { headers: { host } })).toMatchObject({ status: 200 });
  });

  test('a Unix socket is open to the owner and the group', async () => {
    const place = { path: join(folder, 'status.sock') };
    closing.push(() => rmSync(folder, { recursive: true, force: true }));
    const { ask } = await start({ place });
    expect(statSync(place.path).mode & 0o777).toBe(0o660);
    expect(await ask('/metrics', { headers: { host: 'whatever' } })).toMatchObject({
      status: 200,
      body: 'prometheus\n',
    });
  });
});

describe('whoever asks too much', () => {
  test('does not have the text put together again and again', async () => {
    const { ask, made } = await start();
    await Promise.all(Array.from({ length: 40 }, () => ask('/metrics')));
    expect(made()).toBe(1);
    const openmetrics = await ask('/metrics', { headers: { accept: 'application/openmetrics-text' } });
    expect(openmetrics).toMatchObject({ body: 'openmetrics\n', type: expect.stringContaining('openmetrics') });
  });

  test('holds no connection without speaking', async () => {
    const { endpoint, ask } = await start();
    const { port } = endpoint.place as { port: number };
    const idle = Array.from({ length: 60 }, () => connect(port, '127.0.0.1').on('error', () => {}));
    closing.push(() => idle.forEach((socket) => void socket.destroy()));
    await Promise.race(idle.map((socket) => new Promise((resolve) => socket.once('close', resolve))));
    await new Promise<void>((resolve) => {
      const poll = setInterval(() => {
        if (!idle.every((socket) => socket.destroyed || socket.closed)) return;
        clearInterval(poll);
        resolve();
      }, 100);
    });
    expect(await ask('/healthz')).toMatchObject({ status: 200 });
  }, 20_000);
});

test('says what is missing until nothing is', async () => {
  let missing: readonly Missing[] = ['release', 'identities'];
  const { ask } = await start({ missing: () => missing });
  expect(await ask('/readyz')).toMatchObject({ status: 503, body: 'missing: release identities\n' });
  expect(await ask('/healthz')).toMatchObject({ status: 200 });
  missing = [];
  expect(await ask('/readyz')).toMatchObject({ status: 200, body: 'ok\n' });
});

test('a fault is an answer without its text, and a line of the log', async () => {
  const { ask, logged } = await start({ metrics: () => Promise.reject(new Error('secret')) });
  expect(await ask('/metrics')).toMatchObject({ status: 500, body: '' });
  expect(logged).toEqual(['status-fault']);
});

test.each([
  ['GET', '/', 404],
  ['GET', '/metrics/', 404],
  ['POST', '/metrics', 405],
  ['DELETE', '/healthz', 405],
  ['HEAD', '/metrics', 200],
  ['GET', '/readyz?verbose', 200],
])('%s %s: %i', async (method, path, status) => {
  const { ask } = await start();
  expect(await ask(path, { method })).toMatchObject({ status });
});
