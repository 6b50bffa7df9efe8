import { createPrivateKey, X509Certificate } from 'node:crypto';
import type { IncomingHttpHeaders } from 'node:http';
import { request } from 'node:https';
import { connect as connectPlain } from 'node:net';
import { connect, type TLSSocket } from 'node:tls';
import { PATHS } from '@postern/api';
import { formatTrustBundle, parseTrustDomain, type TrustBundle } from '@postern/spiffe';
import { afterAll, afterEach, beforeAll, beforeEach, describe, expect, test } from 'vitest';
import { createOpensslAuthority, type OpensslAuthority } from '../../../test/kit/openssl_svids.ts';
import { type BundleEndpoint, listenForBundles } from './bundle_endpoint.ts';

const domain = parseTrustDomain('demo.test');
if (!domain.ok) throw new Error(domain.reason);
const trustDomain = domain.value;
let authority: OpensslAuthority;
let endpoint: BundleEndpoint;
let bundle: TrustBundle | undefined;

const identityOf = (path: string) => {
  const svid = authority.issue(path);
  return { chain: [svid.chainDer], privateKey: createPrivateKey({ key: svid.keyDer, format: 'der', type: 'pkcs8' }) };
};

beforeAll(() => {
  authority = createOpensslAuthority('openssl', 'demo.test');
});
afterAll(() => authority.remove());
beforeEach(async () => {
  bundle = {
    trustDomain,
    sequence: 7,
    refreshHintSeconds: 120,
    x509Authorities: [authority.authorityDer],
    jwtAuthorities: [],
  };
  const place = { address: '127.0.0.1', port: 0 };
  endpoint = await listenForBundles({ bundle: () => bundle, identity: identityOf('/first'), log: () => {} }, place);
});
afterEach(() => endpoint.close());

interface Answer {
  readonly status: number;
  readonly headers: IncomingHttpHeaders;
  readonly body: string;
}

function ask(path: string, { method = 'GET', headers = {}, body = '' } = {}): Promise<Answer> {
  return new Promise((resolve, reject) => {
    const call = request(
      { host: '127.0.0.1', port: endpoint.port, path, method, headers, rejectUnauthorized: false, agent: false },
      (response) => {
        let text = '';
        response.setEncoding('utf8').on('data', (chunk) => {
          text += chunk;
        });
        response.on('end', () => resolve({ status: response.statusCode ?? 0, headers: response.headers, body: text }));
      },
    );
    call.on('error', reject).end(body);
  });
}

function shake(options: object): Promise<TLSSocket> {
  return new Promise((resolve, reject) => {
    const socket = connect({ host: '127.0.0.1', port: endpoint.port, rejectUnauthorized: false, ...options }, () =>
      resolve(socket),
    );
    socket.on('error', reject);
  });
}

async function servedId(): Promise<string | undefined> {
  const socket = await shake({});
  const { raw } = socket.getPeerCertificate();
  socket.destroy();
  return new X509Certificate(raw).subjectAltName;
}

test('whoever asks gets the newest bundle, and how long to keep it', async () => {
  const first = await ask(PATHS.trustBundle);
  expect(first).toMatchObject({
    status: 200,
    headers: { 'content-type': 'application/json', 'cache-control': 'public, max-age=120' },
  });
  expect(first.body).toBe(formatTrustBundle(bundle as TrustBundle));
  const etag = String(first.headers.etag);
  expect(await ask(PATHS.trustBundle, { headers: { 'if-none-match': etag } })).toMatchObject({ status: 304, body: '' });
  bundle = { ...(bundle as TrustBundle), sequence: 8 };
  const second = await ask(PATHS.trustBundle, { headers: { 'if-none-match': etag } });
  expect(second.status).toBe(200);
  expect(JSON.parse(second.body)).toMatchObject({ spiffe_sequence: 8 });
  expect(second.headers.etag).not.toBe(etag);
});

test('an agent that does not know the bundle says no bundle, rather than one without keys', async () => {
  bundle = undefined;
  expect(await ask(PATHS.trustBundle)).toMatchObject({ status: 503, body: '', headers: { 'retry-after': '60' } });
});

test.each([
  ['GET', '/', 404],
  ['GET', `${PATHS.trustBundle}/`, 404],
  ['GET', `${PATHS.trustBundle}?x`, 404],
  ['GET', '/v1/../v1/trust-bundle', 404],
  ['POST', PATHS.trustBundle, 405],
  ['DELETE', PATHS.trustBundle, 405],
  ['HEAD', PATHS.trustBundle, 200],
])('%s %s is answered with %s and nothing more', async (method, path, status) => {
  expect(await ask(path, { method, body: method === 'POST' ? 'x'.repeat(100_000) : '' })).toMatchObject({
    status,
    body: '',
  });
});

describe('over TLS', () => {
  test('a renewed SVID is presented from then on, and connections that are open stay', async () => {
    const open = await shake({});
    expect(await servedId()).toBe('URI:spiffe://demo.test/first');
    endpoint.present(identityOf('/second'));
    expect(await servedId()).toBe('URI:spiffe://demo.test/second');
    const answered = new Promise<string>((resolve) => open.once('data', (data) => resolve(String(data))));
    open.write(`GET ${PATHS.trustBundle} HTTP/1.1\r\nhost: x\r\n\r\n`);
    expect(await answered).toMatch(/^HTTP\/1\.1 200 /);
    open.destroy();
  });

  test('nobody is asked for a certificate', async () => {
    const socket = await shake({ maxVersion: 'TLSv1.2' });
    // A server that asks for one names whom it believes.
    expect(socket.authorized).toBe(false);
    expect(socket.getProtocol()).toBe('TLSv1.2');
    expect(socket.getCertificate()).toEqual({});
    socket.destroy();
    expect((await ask(PATHS.trustBundle)).status).toBe(200);
  });

  test.each([
    ['TLS 1.1', { minVersion: 'TLSv1', maxVersion: 'TLSv1.1', ciphers: 'DEFAULT@SECLEVEL=0' }],
    ['a cipher without authentication of its text', { maxVersion: 'TLSv1.2', ciphers: 'ECDHE-ECDSA-AES128-SHA256' }],
  ])('%s is refused', async (_, options) => {
    await expect(shake(options)).rejects.toThrow();
    expect((await ask(PATHS.trustBundle)).status).toBe(200);
  });

  test('a client that says nothing is sent away', async () => {
    const silent = connectPlain(endpoint.port, '127.0.0.1');
    const half = await shake({});
    half.write('GET / HT');
    const closed = (socket: { once(event: 'close', listener: () => void): unknown }) =>
      new Promise<number>((resolve) => {
        const since = performance.now();
        socket.once('close', () => resolve(performance.now() - since));
      });
    for (const socket of [silent, half]) socket.on('error', () => {}).resume();
    const [handshake, request_] = await Promise.all([closed(silent), closed(half)]);
    expect(handshake).toBeLessThan(8_000);
    expect(request_).toBeLessThan(8_000);
  }, 12_000);

  test('a port that is taken is told', async () => {
    const ports = { bundle: () => bundle, identity: identityOf('/third'), log: () => {} };
    await expect(listenForBundles(ports, { address: '127.0.0.1', port: endpoint.port })).rejects.toMatchObject({
      code: 'EADDRINUSE',
    });
  });
});

test('whoever asks on and on and reads no answer is let go', { timeout: 30_000 }, async () => {
  bundle = { ...(bundle as TrustBundle), x509Authorities: Array<Uint8Array>(200).fill(authority.authorityDer) };
  const plain = connectPlain(endpoint.port, '127.0.0.1');
  const socket = connect({ socket: plain, rejectUnauthorized: false });
  await new Promise<void>((resolve) => socket.once('secureConnect', resolve));
  const ended = new Promise<string>((resolve) => {
    socket.on('error', () => resolve('ended'));
    socket.once('close', () => resolve('ended'));
  });
  socket.write(`GET ${PATHS.trustBundle} HTTP/1.1\r\nhost: x\r\n\r\n`.repeat(100));
  plain.pause();
  // Who reads nothing learns of the end by what he sends.
  const sending = setInterval(() => socket.write('G'), 500);
  const late = new Promise<string>((resolve) => setTimeout(resolve, 20_000, 'held'));
  expect(await Promise.race([ended, late])).toBe('ended');
  clearInterval(sending);
  socket.destroy();
});
