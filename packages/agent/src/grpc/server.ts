/**
 * A gRPC server over plain HTTP/2 on a Unix socket. Callers are known by the socket's peer credentials, which belong to
 * the connection; without them nothing is served.
 */
import http2 from 'node:http2';
import type { Log } from '../log.ts';
import type { PeerCredentials } from '../peer/credentials.ts';
import { listenUnix, type UnixListener } from '../peer/unix_listener.ts';
import { ServerCall } from './call.ts';
import type { GrpcMethods } from './method.ts';
import { withPathAuthority } from './path_authority.ts';
import { GRPC_STATUS } from './status.ts';

export type { GrpcCall, GrpcMethod, GrpcMethods, StreamingCall } from './method.ts';

export interface GrpcServer {
  /** Resolves when the socket accepts; several may be served. `mode`: of the socket file. Throws `SocketInUse`, `SocketUnsafe`, `RangeError`. */
  listen(path: string, mode: number): Promise<void>;
  /** Open ones, at this moment. */
  connections(): number;
  /** Open calls by the path of their method; only methods that there are. */
  openCalls(): ReadonlyMap<string, number>;
  /** Ends every call with UNAVAILABLE, then every connection; nobody is waited for longer than a moment. */
  close(): Promise<void>;
}

const MAX_CONCURRENT_STREAMS = 1000;
const MAX_METADATA_BYTES = 16 * 1024;
const MAX_SESSION_MEMORY_MB = 32;
/** A connection that does not begin to speak HTTP/2 holds a file descriptor for nothing. */
const PREFACE_TIMEOUT_MS = 30_000;
/** For statuses and GOAWAY to be written to callers that read. */
const CLOSE_GRACE_MS = 250;
const GRPC_CONTENT_TYPE = /^application\/grpc(?:\+proto)?(?:;|$)/;

/** What is not gRPC is answered in HTTP's own words (gRPC over HTTP/2, "Requests"). */
function refusalOf(headers: http2.IncomingHttpHeaders): http2.OutgoingHttpHeaders | undefined {
  if (headers[':method'] !== 'POST') return { ':status': 405, allow: 'POST' };
  return GRPC_CONTENT_TYPE.test(String(headers['content-type'])) ? undefined : { ':status': 415 };
}

export function createGrpcServer(ports: {
  readonly methods: GrpcMethods;
  readonly log: Log;
  /** Whether callers may name the socket's path as authority, as Java's do; what they send then passes through here. */
  readonly takesPathAuthority?: boolean;
}): GrpcServer {
  const { methods, log, takesPathAuthority = false } = ports;
  const calls = new Set<ServerCall>();
  const sessions = new Set<http2.Http2Session>();
  const listeners: UnixListener[] = [];

  function serve(stream: http2.ServerHttp2Stream, headers: http2.IncomingHttpHeaders, peer: PeerCredentials): void {
    stream.on('error', () => {});
    const refusal = refusalOf(headers);
    if (refusal !== undefined) {
      stream.respond(refusal, { endStream: true });
      return;
    }
    const call = new ServerCall(stream, headers, peer, log);
    calls.add(call);
    stream.on('close', () => calls.delete(call));
    const { path } = call;
    const method = Object.hasOwn(methods, path) ? methods[path] : undefined;
    if (method === undefined) call.finish(GRPC_STATUS.UNIMPLEMENTED, 'no such method');
    else call.serve(method);
  }

  // Given a socket, the server makes its session before `emit` returns, so `arriving` is this socket's peer.
  let arriving: PeerCredentials | undefined;
  const server = http2.createServer({
    settings: {
      maxConcurrentStreams: MAX_CONCURRENT_STREAMS,
      maxHeaderListSize: MAX_METADATA_BYTES,
      enablePush: false,
    },
    maxSessionMemory: MAX_SESSION_MEMORY_MB,
  });
  server.on('session', (session) => {
    const peer = arriving;
    if (peer === undefined) {
      session.destroy();
      return;
    }
    sessions.add(session);
    const silent = setTimeout(() => session.destroy(), PREFACE_TIMEOUT_MS).unref();
    session.once('remoteSettings', () => clearTimeout(silent));
    session.on('close', () => {
      clearTimeout(silent);
      sessions.delete(session);
    });
    session.on('error', () => session.destroy());
    session.on('stream', (stream, headers) => serve(stream, headers, peer));
  });
  server.on('sessionError', () => {});

  return {
    async listen(path, mode) {
      const listener = await listenUnix({
        path,
        mode,
        log,
        onConnection(socket, peer) {
          arriving = peer;
          try {
            server.emit('connection', takesPathAuthority ? withPathAuthority(socket) : socket);
          } finally {
            arriving = undefined;
          }
        },
      });
      listeners.push(listener);
    },
    connections: () => listeners.reduce((count, listener) => count + listener.connections(), 0),
    openCalls() {
      const open = new Map(Object.keys(methods).map((path) => [path, 0]));
      for (const { path } of calls) {
        const count = open.get(path);
        if (count !== undefined) open.set(path, count + 1);
      }
      return open;
    },
    async close() {
      const closed = Promise.all(listeners.splice(0).map((listener) => listener.close()));
      for (const call of calls) call.finish(GRPC_STATUS.UNAVAILABLE, 'the agent is stopping');
      for (const session of sessions) session.close();
      const grace = setTimeout(() => {
        for (const session of sessions) session.destroy();
      }, CLOSE_GRACE_MS);
      await closed;
      clearTimeout(grace);
    },
  };
}
