/**
 * A gRPC server over plain HTTP/2 on a Unix socket. Callers are known by the socket's peer credentials, which belong to
 * the connection. Whatever goes wrong in a handler ends its call with a status: never with a default message, which some
 * clients take for a yes.
 */
import http2 from 'node:http2';
import net from 'node:net';
import type { Log } from '../log.ts';
import { type PeerCredentials, readPeerCredentials } from '../peer/credentials.ts';
import { MalformedMessage } from '../protobuf/reader.ts';
import { FrameReader, frame } from './frames.ts';
import { formatGrpcMessage, GRPC_STATUS, GrpcError, type GrpcStatus } from './status.ts';
import { claimSocketPath } from './socket_path.ts';

export interface GrpcCall {
  readonly peer: PeerCredentials;
  /** One value of the call's metadata. */
  metadata(name: string): string | undefined;
  /** Aborted when the caller goes away. */
  readonly signal: AbortSignal;
}

export interface StreamingCall extends GrpcCall {
  /** The caller's messages as they come; ends when the caller has said everything. */
  messages(): AsyncIterable<Uint8Array>;
  send(message: Uint8Array): void;
}

export type GrpcMethod =
  | { readonly kind: 'unary'; handle(message: Uint8Array, call: GrpcCall): Uint8Array | Promise<Uint8Array> }
  | { readonly kind: 'stream'; handle(call: StreamingCall): Promise<void> };

export interface GrpcServer {
  /** Resolves when the socket accepts. `mode`: of the socket file. */
  listen(path: string, mode: number): Promise<void>;
  close(): Promise<void>;
}

const MAX_CONCURRENT_STREAMS = 1000;
const MAX_METADATA_BYTES = 16 * 1024;
/** A caller that opened a unary call and does not send its message is not waited for. */
const UNARY_MESSAGE_TIMEOUT_MS = 10_000;
const MAX_CONNECTIONS = 20_000;

type Sessions = WeakMap<http2.Http2Session, PeerCredentials>;

export function createGrpcServer(ports: {
  /** By path, such as `/SpiffeWorkloadAPI/FetchX509SVID`. */
  readonly methods: { readonly [path: string]: GrpcMethod };
  readonly log: Log;
}): GrpcServer {
  const peers: Sessions = new WeakMap();
  const open = new Set<http2.Http2Session>();
  const server = http2.createServer({
    settings: { maxConcurrentStreams: MAX_CONCURRENT_STREAMS, maxHeaderListSize: MAX_METADATA_BYTES, enablePush: false },
    maxSessionMemory: 32,
  });
  let arriving: PeerCredentials | undefined;

  server.on('session', (session) => {
    if (arriving !== undefined) peers.set(session, arriving);
    open.add(session);
    session.on('close', () => open.delete(session));
    session.on('error', () => session.destroy());
  });
  server.on('sessionError', () => {});
  server.on('stream', (stream, headers) => {
    stream.on('error', () => {});
    const peer = stream.session && peers.get(stream.session);
    // Without knowing who calls nothing is served.
    if (peer === undefined) return endWithStatus(stream, GRPC_STATUS.PERMISSION_DENIED, 'caller unknown');
    serve(stream, headers, peer, ports.methods, ports.log);
  });

  // The credentials are read before HTTP/2 takes the socket's handle; the session is made within `emit`.
  const listener = net.createServer((socket) => {
    socket.on('error', () => socket.destroy());
    try {
      arriving = readPeerCredentials(socket);
      server.emit('connection', socket);
    } catch (fault) {
      ports.log('error', 'peer-credentials-unreadable', { error: (fault as Error).message });
      socket.destroy();
    } finally {
      arriving = undefined;
    }
  });
  listener.maxConnections = MAX_CONNECTIONS;

  return {
    async listen(path, mode) {
      await claimSocketPath(path);
      await new Promise<void>((resolve, reject) => {
        listener.once('error', reject);
        // `writableAll` would open it to everybody before the mode below could close it: umask decides, chmod widens.
        listener.listen(path, () => resolve());
      });
      const { chmod } = await import('node:fs/promises');
      await chmod(path, mode);
    },
    async close() {
      const closed = new Promise<void>((resolve) => listener.close(() => resolve()));
      for (const session of open) session.destroy();
      await closed;
    },
  };
}

function serve(
  stream: http2.ServerHttp2Stream,
  headers: http2.IncomingHttpHeaders,
  peer: PeerCredentials,
  methods: { readonly [path: string]: GrpcMethod },
  log: Log,
): void {
  const path = String(headers[':path']);
  const method = Object.hasOwn(methods, path) ? methods[path] : undefined;
  if (method === undefined) return endWithStatus(stream, GRPC_STATUS.UNIMPLEMENTED, 'no such method');
  if (!String(headers['content-type']).startsWith('application/grpc')) {
    stream.respond({ ':status': 415 }, { endStream: true });
    return;
  }
  const aborter = new AbortController();
  stream.on('close', () => aborter.abort());
  const call: GrpcCall = {
    peer,
    signal: aborter.signal,
    metadata: (name) => {
      const value = headers[name];
      return Array.isArray(value) ? value.join(',') : value;
    },
  };
  const fail = (fault: unknown) => endWithFault(stream, fault, path, log);
  if (method.kind === 'unary') serveUnary(stream, call, method, fail);
  else serveStream(stream, call, method, fail);
}

function serveUnary(
  stream: http2.ServerHttp2Stream,
  call: GrpcCall,
  method: GrpcMethod & { kind: 'unary' },
  fail: (fault: unknown) => void,
): void {
  const reader = new FrameReader();
  let message: Uint8Array | undefined;
  stream.setTimeout(UNARY_MESSAGE_TIMEOUT_MS, () => fail(new GrpcError(GRPC_STATUS.DEADLINE_EXCEEDED, 'no message came')));
  stream.on('data', (chunk: Buffer) => {
    try {
      for (const whole of reader.push(chunk)) {
        if (message !== undefined) throw new GrpcError(GRPC_STATUS.INVALID_ARGUMENT, 'one message is expected');
        message = whole;
      }
    } catch (fault) {
      fail(fault);
    }
  });
  stream.on('end', () => {
    if (message === undefined || !reader.isEmpty()) return fail(new GrpcError(GRPC_STATUS.INVALID_ARGUMENT, 'no whole message'));
    try {
      const answer = method.handle(message, call);
      if (answer instanceof Promise) answer.then((bytes) => endWithMessage(stream, bytes), fail);
      else endWithMessage(stream, answer);
    } catch (fault) {
      fail(fault);
    }
  });
}

function serveStream(
  stream: http2.ServerHttp2Stream,
  call: GrpcCall,
  method: GrpcMethod & { kind: 'stream' },
  fail: (fault: unknown) => void,
): void {
  async function* messages(): AsyncGenerator<Uint8Array> {
    const reader = new FrameReader();
    for await (const chunk of stream) yield* reader.push(chunk as Buffer);
  }
  const streaming: StreamingCall = {
    ...call,
    messages,
    send(message) {
      if (stream.destroyed) return;
      if (!stream.headersSent) respond(stream);
      stream.write(frame(message));
    },
  };
  method.handle(streaming).then(() => endWithStatus(stream, GRPC_STATUS.OK, ''), fail);
}

function respond(stream: http2.ServerHttp2Stream, trailers: Record<string, string> = { 'grpc-status': '0' }): void {
  pendingTrailers.set(stream, trailers);
  stream.on('wantTrailers', () => stream.sendTrailers(pendingTrailers.get(stream) ?? trailers));
  stream.respond({ ':status': 200, 'content-type': 'application/grpc' }, { waitForTrailers: true });
}

const pendingTrailers = new WeakMap<http2.ServerHttp2Stream, Record<string, string>>();

function endWithMessage(stream: http2.ServerHttp2Stream, message: Uint8Array): void {
  if (stream.destroyed || stream.headersSent) return;
  respond(stream);
  stream.end(frame(message));
}

function endWithStatus(stream: http2.ServerHttp2Stream, status: GrpcStatus, message: string): void {
  if (stream.destroyed || stream.writableEnded) return;
  const trailers = { 'grpc-status': String(status), 'grpc-message': formatGrpcMessage(message) };
  if (stream.headersSent) {
    pendingTrailers.set(stream, trailers);
    stream.end();
  } else {
    stream.respond({ ':status': 200, 'content-type': 'application/grpc', ...trailers }, { endStream: true });
  }
}

/** What is no `GrpcError` is our fault: the caller learns that, and nothing else. */
function endWithFault(stream: http2.ServerHttp2Stream, fault: unknown, path: string, log: Log): void {
  if (fault instanceof GrpcError) return endWithStatus(stream, fault.status, fault.message);
  if (fault instanceof MalformedMessage) return endWithStatus(stream, GRPC_STATUS.INVALID_ARGUMENT, 'malformed message');
  if (stream.destroyed) return;
  log('error', 'grpc-handler-fault', { path: path.slice(0, 200), error: (fault as Error)?.message });
  endWithStatus(stream, GRPC_STATUS.INTERNAL, 'internal error');
}
