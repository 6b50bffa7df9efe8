import { mkdtempSync, rmSync } from 'node:fs';
import http2 from 'node:http2';
import net from 'node:net';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import grpc from '@grpc/grpc-js';
import { afterAll, afterEach, beforeAll, beforeEach, describe, expect, test } from 'vitest';
import type { LogFields } from '../log.ts';
import { frame } from './frames.ts';
import type { GrpcMethods } from './method.ts';
import { createGrpcServer, type GrpcServer } from './server.ts';
import { GRPC_STATUS, GrpcError } from './status.ts';

const folder = mkdtempSync(join(tmpdir(), 'postern-grpc-'));
const path = join(folder, 'grpc.sock');
afterAll(() => rmSync(folder, { recursive: true, force: true }));

const logged: (LogFields & { readonly event: string })[] = [];
let server: GrpcServer;
let client: grpc.Client;
let handled = 0;
let aborted = 0;
/** Ends `/test.Test/Hold`. */
let release = () => {};

const never = (signal: AbortSignal) =>
  new Promise<void>((resolve) => {
    signal.addEventListener('abort', () => {
      aborted += 1;
      resolve();
    });
  });

const methods: GrpcMethods = {
  '/test.Test/Echo': {
    kind: 'unary',
    maxMessageBytes: 1000,
    handle(message) {
      handled += 1;
      return message;
    },
  },
  '/test.Test/EchoLater': { kind: 'unary', handle: async (message) => message },
  '/test.Test/Peer': {
    kind: 'unary',
    handle: (_message, { peer }) => Buffer.from(JSON.stringify([peer.pid, peer.uid, peer.gid])),
  },
  '/test.Test/Metadata': {
    kind: 'unary',
    handle: (_message, call) => Buffer.from(call.metadata('workload.spiffe.io') ?? 'absent'),
  },
  '/test.Test/Throws': {
    kind: 'unary',
    handle() {
      throw new Error('the password is hunter2');
    },
  },
  '/test.Test/ThrowsNothing': {
    kind: 'unary',
    handle: () => Promise.reject(undefined),
  },
  '/test.Test/AnswersNothing': { kind: 'unary', handle: () => undefined as unknown as Uint8Array },
  '/test.Test/AnswersNothingLater': { kind: 'unary', handle: async () => undefined as unknown as Uint8Array },
  '/test.Test/Refuses': {
    kind: 'unary',
    handle() {
      throw new GrpcError(GRPC_STATUS.PERMISSION_DENIED, 'nein, 100% ü');
    },
  },
  '/test.Test/Slow': {
    kind: 'unary',
    async handle(message, { signal }) {
      await never(signal);
      return message;
    },
  },
  '/test.Test/Hold': {
    kind: 'stream',
    async handle(call) {
      await call.send(Buffer.from('first'));
      await Promise.race([never(call.signal), new Promise<void>((resolve) => (release = resolve))]);
    },
  },
  '/test.Test/EchoAll': {
    kind: 'stream',
    async handle(call) {
      for await (const message of call.messages()) {
        if (message.toString() === 'refuse') throw new GrpcError(GRPC_STATUS.PERMISSION_DENIED, 'no more');
        if (message.toString() === 'throw') throw new Error('a bug');
        if (message.toString() === 'enough') break;
        await call.send(message);
      }
    },
  },
  '/test.Test/Flood': {
    kind: 'stream',
    async handle(call) {
      for (; !call.signal.aborted; handled++) await call.send(Buffer.alloc(64 * 1024));
    },
  },
};

beforeAll(async () => {
  server = createGrpcServer({ methods, log: (_level, event, fields) => void logged.push({ ...fields, event }) });
  await server.listen(path, 0o600);
});
afterAll(() => server.close());
beforeEach(() => {
  client = new grpc.Client(`unix:${path}`, grpc.credentials.createInsecure());
  logged.length = 0;
  handled = 0;
  aborted = 0;
});
afterEach(() => client.close());

const asBuffer = (value: Uint8Array | string) => Buffer.from(value);

interface Answer {
  readonly code: number;
  readonly details: string;
  readonly message?: string;
}

function call(method: string, message: Uint8Array | string = 'x', options: grpc.CallOptions = {}): Promise<Answer> {
  return new Promise((resolve) => {
    const metadata = new grpc.Metadata();
    client.makeUnaryRequest(`/test.Test/${method}`, asBuffer, asBuffer, message, metadata, options, (error, answer) => {
      if (error === null) resolve({ code: 0, details: '', message: String(answer) });
      else resolve({ code: error.code, details: error.details });
    });
  });
}

interface Exchange {
  readonly stream: grpc.ClientDuplexStream<Uint8Array | string, Buffer>;
  readonly received: string[];
  readonly ended: Promise<Answer>;
}

function open(method: string, options: grpc.CallOptions = {}): Exchange {
  const stream = client.makeBidiStreamRequest(`/test.Test/${method}`, asBuffer, asBuffer, new grpc.Metadata(), options);
  const received: string[] = [];
  stream.on('data', (message: Buffer) => received.push(String(message)));
  stream.on('error', () => {});
  const ended = new Promise<Answer>((resolve) => stream.on('status', resolve));
  return { stream, received, ended };
}

describe('with grpc-js as the client', () => {
  test('a unary call is answered, at once or later', async () => {
    expect(await call('Echo', 'hello')).toEqual({ code: 0, details: '', message: 'hello' });
    expect(await call('EchoLater', 'hello')).toEqual({ code: 0, details: '', message: 'hello' });
    expect(await call('Echo', '')).toEqual({ code: 0, details: '', message: '' });
  });

  test('a caller is known by what the kernel says of it', async () => {
    const { message } = await call('Peer');
    expect(JSON.parse(message!)).toEqual([process.pid, process.getuid?.(), process.getgid?.()]);
  });

  test.each(['Throws', 'ThrowsNothing', 'AnswersNothing', 'AnswersNothingLater'])(
    'a bug in a handler (%s) is never taken for an answer, and tells the caller nothing of itself',
    async (method) => {
      expect(await call(method)).toEqual({ code: GRPC_STATUS.INTERNAL, details: 'internal error' });
      expect(logged).toMatchObject([{ event: 'grpc-handler-fault', path: `/test.Test/${method}` }]);
    },
  );

  test('a refusal arrives with its code and words', async () => {
    expect(await call('Refuses')).toEqual({ code: GRPC_STATUS.PERMISSION_DENIED, details: 'nein, 100% ü' });
  });

  test.each(['Nothing', 'constructor', '__proto__'])('an unknown method (%s) is UNIMPLEMENTED', async (method) => {
    expect((await call(method)).code).toBe(GRPC_STATUS.UNIMPLEMENTED);
  });

  test('a message above the bound of its method never reaches the handler', async () => {
    expect((await call('Echo', Buffer.alloc(1001))).code).toBe(GRPC_STATUS.RESOURCE_EXHAUSTED);
    expect((await call('Echo', Buffer.alloc(1000))).code).toBe(0);
    expect(handled).toBe(1);
  });

  test('a compressed message is UNIMPLEMENTED', async () => {
    const gzip = { 'grpc.default_compression_algorithm': 2 };
    const compressing = new grpc.Client(`unix:${path}`, grpc.credentials.createInsecure(), gzip);
    client.close();
    client = compressing;
    expect((await call('Echo', 'x'.repeat(500))).code).toBe(GRPC_STATUS.UNIMPLEMENTED);
    expect(handled).toBe(0);
  });

  test('a deadline ends the call and aborts its handler', async () => {
    const { code } = await call('Slow', 'x', { deadline: Date.now() + 100 });
    expect(code).toBe(GRPC_STATUS.DEADLINE_EXCEEDED);
    await expect.poll(() => aborted).toBe(1);
  });

  test('a caller that cancels or goes away aborts its handlers', async () => {
    const { stream, received } = open('Hold');
    await expect.poll(() => received).toEqual(['first']);
    stream.cancel();
    await expect.poll(() => aborted).toBe(1);
    const second = open('Hold');
    await expect.poll(() => second.received).toEqual(['first']);
    client.close();
    second.stream.cancel();
    await expect.poll(() => aborted).toBe(2);
  });

  test('a stream ends with OK when its handler is done, also while the caller could still speak', async () => {
    const { received, ended } = open('Hold');
    await expect.poll(() => received).toEqual(['first']);
    release();
    expect((await ended).code).toBe(GRPC_STATUS.OK);
  });

  test('messages go both ways until the caller has said everything', async () => {
    const { stream, received, ended } = open('EchoAll');
    const sent = Array.from({ length: 300 }, (_, index) => `message ${index}`);
    for (const message of sent) stream.write(message);
    stream.end();
    expect((await ended).code).toBe(GRPC_STATUS.OK);
    expect(received).toEqual(sent);
  });

  test.each([
    ['refuse', GRPC_STATUS.PERMISSION_DENIED],
    ['throw', GRPC_STATUS.INTERNAL],
    ['enough', GRPC_STATUS.OK],
  ])('a handler that stops reading at `%s` still tells its status', async (word, code) => {
    const { stream, received, ended } = open('EchoAll');
    stream.write('one');
    stream.write(word);
    expect((await ended).code).toBe(code);
    expect(received).toEqual(['one']);
  });

  test('a caller that does not read is not sent more than it can be held back from', async () => {
    const { stream } = open('Flood');
    stream.pause();
    await expect.poll(() => handled).toBeGreaterThan(0);
    const settled = async () => {
      const before = handled;
      await new Promise((resolve) => setTimeout(resolve, 200));
      return handled === before;
    };
    await expect.poll(settled, { timeout: 5_000 }).toBe(true);
    expect(handled).toBeLessThan(200);
    stream.cancel();
    await expect.poll(async () => (await call('Echo', 'still here')).message).toBe('still here');
  });
});

/** What a client made of HTTP/2 alone sees. */
interface RawAnswer {
  readonly httpStatus: number;
  readonly grpcStatus: number | undefined;
  readonly body: string;
}

async function raw(options: {
  readonly method?: string;
  readonly headers?: http2.OutgoingHttpHeaders;
  readonly chunks?: readonly Uint8Array[];
  readonly isLeftOpen?: boolean;
}): Promise<RawAnswer> {
  const session = http2.connect('http://agent', { createConnection: () => net.connect(path) });
  const stream = session.request({
    ':method': 'POST',
    ':path': `/test.Test/${options.method ?? 'Echo'}`,
    'content-type': 'application/grpc',
    ...options.headers,
  });
  let httpStatus = 0;
  let grpcStatus: string | string[] | undefined;
  const body: Buffer[] = [];
  stream.on('response', (headers) => {
    httpStatus = headers[':status'] ?? 0;
    grpcStatus ??= headers['grpc-status'];
  });
  stream.on('trailers', (headers) => {
    grpcStatus ??= headers['grpc-status'];
  });
  stream.on('data', (chunk: Buffer) => body.push(chunk));
  const closed = new Promise<void>((resolve) => stream.on('close', resolve));
  stream.on('error', () => {});
  for (const chunk of options.chunks ?? [frame(Buffer.from('x'))]) stream.write(chunk);
  if (options.isLeftOpen !== true) stream.end();
  await closed;
  session.destroy();
  return {
    httpStatus,
    grpcStatus: grpcStatus === undefined ? undefined : Number(grpcStatus),
    body: Buffer.concat(body).toString('hex'),
  };
}

describe('with a client that does not keep to the protocol', () => {
  const one = frame(Buffer.from('x'));

  test.each<[string, Parameters<typeof raw>[0], Partial<RawAnswer>]>([
    ['a message in a hundred chunks', { chunks: [...one].map((byte) => Uint8Array.of(byte)) }, { grpcStatus: 0 }],
    ['a GET', { headers: { ':method': 'GET' }, chunks: [] }, { httpStatus: 405 }],
    ['another content type', { headers: { 'content-type': 'application/json' } }, { httpStatus: 415 }],
    ['gRPC-Web', { headers: { 'content-type': 'application/grpc-web' } }, { httpStatus: 415 }],
    ['no content type', { headers: { 'content-type': '' } }, { httpStatus: 415 }],
    ['no message', { chunks: [] }, { grpcStatus: GRPC_STATUS.INTERNAL }],
    ['half a message', { chunks: [one.subarray(0, 5)] }, { grpcStatus: GRPC_STATUS.INTERNAL }],
    ['half a prefix', { chunks: [one.subarray(0, 3)] }, { grpcStatus: GRPC_STATUS.INTERNAL }],
    ['two messages', { chunks: [one, one] }, { grpcStatus: GRPC_STATUS.INTERNAL }],
    ['bytes after the message', { chunks: [one, Uint8Array.of(0)] }, { grpcStatus: GRPC_STATUS.INTERNAL }],
    ['garbage', { chunks: [Buffer.alloc(5000, 0xee)] }, { grpcStatus: GRPC_STATUS.INTERNAL }],
    [
      'a length of 4 GiB',
      { chunks: [Buffer.from('00ffffffff', 'hex')] },
      { grpcStatus: GRPC_STATUS.RESOURCE_EXHAUSTED },
    ],
    [
      'a length of 4 GiB and nothing more',
      { chunks: [Buffer.from('00ffffffff', 'hex')], isLeftOpen: true },
      { grpcStatus: GRPC_STATUS.RESOURCE_EXHAUSTED },
    ],
    ['a malformed deadline', { headers: { 'grpc-timeout': 'soon' } }, { grpcStatus: GRPC_STATUS.INVALID_ARGUMENT }],
    [
      'garbage on a stream',
      { method: 'EchoAll', chunks: [Buffer.alloc(5000, 0xee)] },
      { grpcStatus: GRPC_STATUS.INTERNAL },
    ],
    [
      'garbage on a stream that stays open',
      { method: 'EchoAll', chunks: [Buffer.alloc(9, 0xee)], isLeftOpen: true },
      { grpcStatus: GRPC_STATUS.INTERNAL },
    ],
    [
      'half a message on a stream',
      { method: 'EchoAll', chunks: [one.subarray(0, 5)] },
      { grpcStatus: GRPC_STATUS.INTERNAL },
    ],
  ])('%s is answered and reaches no handler', async (what, options, expected) => {
    const answer = await raw(options);
    expect(answer).toMatchObject(expected);
    if (expected.grpcStatus !== 0) expect([answer.body, handled], what).toEqual(['', 0]);
  });

  test('a deadline counts although the client does not keep to it', async () => {
    const answer = await raw({ method: 'Slow', headers: { 'grpc-timeout': '50m' } });
    expect(answer.grpcStatus).toBe(GRPC_STATUS.DEADLINE_EXCEEDED);
    expect(aborted).toBe(1);
  });

  test('a client that sends what nobody reads is held back', async () => {
    const session = http2.connect('http://agent', { createConnection: () => net.connect(path) });
    const stream = session.request({
      ':method': 'POST',
      ':path': '/test.Test/Hold',
      'content-type': 'application/grpc',
    });
    stream.on('error', () => {});
    // Below what the client's own session may hold.
    let taken = 0;
    for (let index = 0; index < 80; index++) stream.write(frame(Buffer.alloc(64 * 1024)), () => taken++);
    await new Promise((resolve) => setTimeout(resolve, 300));
    expect(stream.destroyed).toBe(false);
    expect(taken).toBeLessThan(40);
    session.destroy();
    await expect.poll(() => aborted).toBe(1);
  });

  test('a bad frame is not kept, however much follows it', async () => {
    const before = process.memoryUsage().arrayBuffers;
    const chunks = [Buffer.from('0100000000', 'hex'), ...Array.from({ length: 20 }, () => Buffer.alloc(64 * 1024))];
    for (let times = 0; times < 10; times++) expect((await raw({ chunks })).grpcStatus).toBe(GRPC_STATUS.UNIMPLEMENTED);
    expect(process.memoryUsage().arrayBuffers - before).toBeLessThan(32 * 1024 * 1024);
  });

  test('headers above the bound end in an error, and the next caller is served', async () => {
    // nghttp2's own bound; ours of 16 KiB counts once the client has acknowledged it.
    const answer = await raw({ headers: { huge: 'x'.repeat(70_000) } }).catch(() => undefined);
    expect(answer?.body ?? '').toBe('');
    expect(handled).toBe(0);
    expect((await call('Echo', 'next')).message).toBe('next');
  });

  test('security metadata sent twice is not taken for one', async () => {
    const { body } = await raw({ method: 'Metadata', headers: { 'workload.spiffe.io': ['true', 'true'] } });
    expect(Buffer.from(body, 'hex').subarray(5).toString()).not.toBe('true');
  });

  test.each([
    ['HTTP/1', 'GET / HTTP/1.1\r\nhost: x\r\n\r\n'],
    ['TLS', Buffer.from('1603010200010001fc0303', 'hex')],
    ['a broken frame', Buffer.concat([Buffer.from('PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n'), Buffer.alloc(64, 0xff)])],
  ])('%s closes its own connection and no other', async (_what, bytes) => {
    const socket = net.connect(path);
    socket.on('error', () => {});
    socket.resume();
    socket.end(bytes);
    await new Promise((resolve) => socket.on('close', resolve));
    expect((await call('Echo', 'next')).message).toBe('next');
  });

  test('1,000 idle connections, half of them silent, keep nobody from being served', async () => {
    const sockets: net.Socket[] = [];
    for (let index = 0; index < 1000; index++) {
      const socket = net.connect(path);
      socket.on('error', () => {});
      await new Promise((resolve) => socket.once('connect', resolve));
      if (index % 2 === 0) socket.write('PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n\0\0\0\x04\0\0\0\0\0');
      sockets.push(socket);
    }
    expect((await call('Echo', 'among 1,000')).message).toBe('among 1,000');
    for (const socket of sockets) socket.destroy();
  });
});

test('a server that stops tells every open call, and lets go of its socket', async () => {
  const other = join(folder, 'other.sock');
  const stopping = createGrpcServer({ methods, log: () => {} });
  await stopping.listen(other, 0o600);
  client.close();
  client = new grpc.Client(`unix:${other}`, grpc.credentials.createInsecure());
  const { received, ended } = open('Hold');
  await expect.poll(() => received).toEqual(['first']);
  const silent = net.connect(other);
  silent.on('error', () => {});
  const startMs = performance.now();
  await stopping.close();
  expect(performance.now() - startMs).toBeLessThan(2_000);
  expect((await ended).code).toBe(GRPC_STATUS.UNAVAILABLE);
  expect(aborted).toBe(1);
});
