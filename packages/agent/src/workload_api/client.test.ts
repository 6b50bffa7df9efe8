import { mkdtempSync, rmSync } from 'node:fs';
import http2 from 'node:http2';
import net from 'node:net';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, afterEach, beforeAll, describe, expect, test } from 'vitest';
import { createOpensslAuthority, type OpensslAuthority, type OpensslSvid } from '../../../../test/kit/openssl_svids.ts';
import { startReferenceWorkloadApi } from '../../../../test/kit/reference_workload_api.ts';
import { frame } from '../grpc/frames.ts';
import { MessageWriter } from '../protobuf/writer.ts';
import { fetchX509Svids, followX509Svids, parseX509SvidResponse } from './client.ts';

let folder: string;
let authority: OpensslAuthority;
let app: OpensslSvid;
let other: OpensslSvid;
const stops: (() => unknown)[] = [];

beforeAll(() => {
  folder = mkdtempSync(join(tmpdir(), 'postern-workload-api-'));
  authority = createOpensslAuthority('openssl', 'demo.test');
  app = authority.issue('/app');
  other = authority.issue('/other');
});

afterEach(async () => {
  for (const stop of stops.splice(0)) await stop();
});

afterAll(() => {
  authority?.remove();
  rmSync(folder, { recursive: true, force: true });
});

let sockets = 0;
const newSocket = () => join(folder, `${sockets++}.sock`);
const content = (...svids: OpensslSvid[]) => ({ svids, bundleDer: authority.authorityDer, trustDomain: 'demo.test' });

describe('against a Workload API that is grpc-js and OpenSSL alone', () => {
  test('takes SVIDs, keys and bundle as they are', async () => {
    const socketPath = newSocket();
    const api = await startReferenceWorkloadApi(socketPath, content(app, other));
    stops.push(api.stop);
    const fetched = await fetchX509Svids({ socketPath, timeoutMs: 5000 });
    if (!fetched.ok) throw new Error(fetched.reason);
    expect(fetched.value.svids.map(({ spiffeId, serial }) => [spiffeId, serial])).toEqual([
      ['spiffe://demo.test/app', app.serialHex.replace(/^(00)+/, '')],
      ['spiffe://demo.test/other', other.serialHex.replace(/^(00)+/, '')],
    ]);
    const [svid] = fetched.value.svids;
    expect([svid?.chain, svid?.privateKey, svid?.bundle].flat()).toEqual([
      app.chainDer,
      app.keyDer,
      authority.authorityDer,
    ]);
  });

  test('sees a rotation on the stream it has, and ends quietly when told to', async () => {
    const socketPath = newSocket();
    const api = await startReferenceWorkloadApi(socketPath, content(app));
    stops.push(api.stop);
    const stop = new AbortController();
    const seen: string[] = [];
    for await (const update of followX509Svids({ socketPath, timeoutMs: 5000, signal: stop.signal })) {
      seen.push(update.ok ? (update.value.svids[0]?.spiffeId ?? '') : update.reason);
      if (seen.length === 1) api.update(content(other));
      else stop.abort();
    }
    expect(seen).toEqual(['spiffe://demo.test/app', 'spiffe://demo.test/other']);
  });
});

describe('an agent that does not answer as it should is a refusal, never an identity', () => {
  type Serve = (stream: http2.ServerHttp2Stream, headers: http2.IncomingHttpHeaders) => void;

  /** A gRPC server that says what it is told to say. */
  async function serve(handle: Serve): Promise<string> {
    const socketPath = newSocket();
    const server = http2.createServer();
    server.on('stream', (stream, headers) => {
      stream.on('error', () => {});
      handle(stream, headers);
    });
    const sessions = new Set<http2.ServerHttp2Session>();
    server.on('session', (session) => sessions.add(session));
    await new Promise<void>((resolve) => server.listen(socketPath, resolve));
    stops.push(() => {
      for (const session of sessions) session.destroy();
      return new Promise((resolve) => server.close(resolve));
    });
    return socketPath;
  }

  const answer =
    (body: Uint8Array, trailers: Record<string, string> = { 'grpc-status': '0' }): Serve =>
    (stream) => {
      stream.respond({ ':status': 200, 'content-type': 'application/grpc' }, { waitForTrailers: true });
      stream.on('wantTrailers', () => stream.sendTrailers(trailers));
      stream.end(body);
    };
  const onlyStatus =
    (status: string): Serve =>
    (stream) =>
      stream.respond(
        { ':status': 200, 'content-type': 'application/grpc', 'grpc-status': status },
        { endStream: true },
      );

  test.each<[name: string, handle: Serve, reason: string]>([
    ['no entry fits', onlyStatus('7'), 'identity-not-issued'],
    ['nothing there yet', onlyStatus('14'), 'workload-api-not-ready'],
    ['not implemented', onlyStatus('12'), 'workload-api-refused'],
    ['a status in trailers', answer(new Uint8Array(), { 'grpc-status': '7' }), 'identity-not-issued'],
    ['an end without an answer', answer(new Uint8Array()), 'workload-api-ended'],
    ['an answer of no SVIDs', answer(frame(new Uint8Array())), 'answer-malformed'],
    ['no protocol buffers', answer(frame(Buffer.from('hello'))), 'answer-malformed'],
    ['a compressed message', answer(Buffer.from([1, 0, 0, 0, 0])), 'answer-malformed'],
    ['a message of 4 GiB', answer(Buffer.from([0, 255, 255, 255, 255])), 'answer-malformed'],
    [
      'HTTP that is no gRPC',
      (stream) => stream.respond({ ':status': 404 }, { endStream: true }),
      'workload-api-unreachable',
    ],
    ['a reset', (stream) => stream.close(http2.constants.NGHTTP2_REFUSED_STREAM), 'workload-api-unreachable'],
    ['silence', () => {}, 'workload-api-timeout'],
  ])('%s', async (_name, handle, reason) => {
    const socketPath = await serve(handle);
    expect(await fetchX509Svids({ socketPath, timeoutMs: 400 })).toMatchObject({ ok: false, reason });
  });

  test('sends the security header and nothing else of its own', async () => {
    let metadata: http2.IncomingHttpHeaders = {};
    const socketPath = await serve((stream, headers) => {
      metadata = headers;
      onlyStatus('7')(stream, headers);
    });
    await fetchX509Svids({ socketPath, timeoutMs: 1000 });
    expect(metadata).toMatchObject({ 'workload.spiffe.io': 'true', ':path': '/SpiffeWorkloadAPI/FetchX509SVID' });
  });

  test('nobody listens', async () => {
    expect(await fetchX509Svids({ socketPath: newSocket(), timeoutMs: 1000 })).toMatchObject({
      reason: 'workload-api-unreachable',
    });
  });

  test('something else listens', async () => {
    const socketPath = newSocket();
    const server = net.createServer((socket) =>
      socket
        .on('error', () => {})
        .resume()
        .end('SSH-2.0\r\n'),
    );
    await new Promise<void>((resolve) => server.listen(socketPath, resolve));
    stops.push(() => new Promise((resolve) => server.close(resolve)));
    expect(await fetchX509Svids({ socketPath, timeoutMs: 1000 })).toMatchObject({ reason: 'workload-api-unreachable' });
  });
});

describe('an answer is read strictly', () => {
  interface Parts {
    readonly spiffeId?: string;
    readonly chain?: Uint8Array;
    readonly key?: Uint8Array;
    readonly bundle?: Uint8Array;
    readonly federated?: MessageWriter;
  }
  const respond = ({
    spiffeId = app.spiffeId,
    chain = app.chainDer,
    key = app.keyDer,
    bundle = authority.authorityDer,
    federated,
  }: Parts) => {
    const svid = new MessageWriter().text(1, spiffeId).bytes(2, chain).bytes(3, key).bytes(4, bundle);
    const response = new MessageWriter().message(1, svid).bytes(2, new Uint8Array(3));
    return parseX509SvidResponse((federated === undefined ? response : response.message(3, federated)).finish());
  };

  test('chains are split where the certificates end', () => {
    const chain = Buffer.concat([app.chainDer, authority.authorityDer]);
    const bundle = Buffer.concat([authority.authorityDer, authority.authorityDer]);
    const federated = new MessageWriter().text(1, 'spiffe://other.test').bytes(2, authority.authorityDer);
    const read = respond({ chain, bundle, federated });
    if (!read.ok) throw new Error(read.detail);
    expect(read.value.svids[0]?.chain).toEqual([app.chainDer, authority.authorityDer]);
    expect(read.value.svids[0]?.bundle).toHaveLength(2);
    expect([...read.value.federatedBundles]).toEqual([['spiffe://other.test', [authority.authorityDer]]]);
  });

  test.each<[name: string, parts: () => Parts]>([
    ['a name beside that of the certificate', () => ({ spiffeId: 'spiffe://demo.test/admin' })],
    ['an authority for a leaf', () => ({ spiffeId: 'spiffe://demo.test', chain: authority.authorityDer })],
    ['no certificate', () => ({ chain: new Uint8Array() })],
    ['no key', () => ({ key: new Uint8Array() })],
    ['a certificate cut short', () => ({ chain: app.chainDer.subarray(0, -1) })],
    ['an octet after the certificates', () => ({ chain: Buffer.concat([app.chainDer, Buffer.of(0)]) })],
    ['an indefinite length', () => ({ chain: Buffer.of(0x30, 0x80, 0, 0) })],
    ['a length beyond any certificate', () => ({ chain: Buffer.of(0x30, 0x84, 0xff, 0xff, 0xff, 0xff) })],
    ['text for a bundle', () => ({ bundle: Buffer.from('-----BEGIN CERTIFICATE-----') })],
    ['a federated bundle of nonsense', () => ({ federated: new MessageWriter().text(1, 'x').bytes(2, Buffer.of(1)) })],
  ])('%s', (_name, parts) => {
    expect(respond(parts())).toMatchObject({ ok: false, reason: 'answer-malformed' });
  });

  test('bytes changed anywhere never throw', () => {
    const svid = new MessageWriter().text(1, app.spiffeId).bytes(2, app.chainDer).bytes(3, app.keyDer);
    const message = new MessageWriter().message(1, svid).finish();
    for (let at = 0; at < message.length; at++) {
      const changed = Buffer.from(message);
      changed[at] = (changed[at] ?? 0) ^ (1 << (at % 8));
      expect(typeof parseX509SvidResponse(changed).ok).toBe('boolean');
      expect(typeof parseX509SvidResponse(message.subarray(0, at)).ok).toBe('boolean');
    }
  });
});
