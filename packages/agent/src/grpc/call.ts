/**
 * One call on one HTTP/2 stream: from the caller's headers to exactly one status. Whatever goes wrong in a handler ends
 * the call with a status, never with a default message, which some clients take for a yes.
 */
import { constants, type IncomingHttpHeaders, type ServerHttp2Stream } from 'node:http2';
import type { Log } from '../log.ts';
import type { PeerCredentials } from '../peer/credentials.ts';
import { MalformedMessage } from '../protobuf/reader.ts';
import { parseGrpcTimeout } from './deadline.ts';
import { FrameReader, frame } from './frames.ts';
import { type IncomingMessages, readMessages } from './incoming_messages.ts';
import type { GrpcMethod, StreamingCall } from './method.ts';
import { formatGrpcMessage, GRPC_STATUS, GrpcError, type GrpcStatus } from './status.ts';

/** A caller that opened a unary call and does not send its message is not waited for. */
const UNARY_MESSAGE_TIMEOUT_MS = 10_000;
const CONTENT_TYPE = 'application/grpc';

type Trailers = Record<string, string>;

export class ServerCall implements StreamingCall {
  readonly peer: PeerCredentials;
  readonly #stream: ServerHttp2Stream;
  readonly #headers: IncomingHttpHeaders;
  readonly #log: Log;
  #isOver = false;
  #aborter: AbortController | undefined;
  #deadline: NodeJS.Timeout | undefined;
  #incoming: IncomingMessages | undefined;
  #trailers: Trailers = trailersOf(GRPC_STATUS.INTERNAL, 'internal error');

  constructor(stream: ServerHttp2Stream, headers: IncomingHttpHeaders, peer: PeerCredentials, log: Log) {
    this.peer = peer;
    this.#stream = stream;
    this.#headers = headers;
    this.#log = log;
    stream.on('close', () => this.#end());
  }

  /** Of the method; as the caller says it. */
  get path(): string {
    return String(this.#headers[':path']);
  }

  metadata(name: string): string | undefined {
    const value = this.#headers[name];
    return Array.isArray(value) ? value.join(', ') : value;
  }

  /** Made when somebody asks: a call that is answered at once has no use for it. */
  get signal(): AbortSignal {
    this.#aborter ??= new AbortController();
    if (this.#isOver) this.#aborter.abort();
    return this.#aborter.signal;
  }

  messages(): AsyncIterable<Uint8Array> {
    if (this.#incoming === undefined) throw new TypeError('a unary call has one message');
    return this.#incoming;
  }

  async send(message: Uint8Array): Promise<void> {
    const stream = this.#stream;
    if (this.#isOver || stream.destroyed) return;
    if (!stream.headersSent) this.#respond();
    if (!stream.write(frame(message))) await isTakenIn(stream);
  }

  serve(method: GrpcMethod): void {
    if (!this.#armDeadline()) return;
    const reader = new FrameReader(method.maxMessageBytes);
    if (method.kind === 'unary') {
      this.#serveUnary(method, reader);
    } else {
      this.#incoming = readMessages(this.#stream, reader, (fault) => this.fail(fault));
      this.#await(async () => {
        await method.handle(this);
        this.finish(GRPC_STATUS.OK, '');
      });
    }
  }

  #serveUnary(method: GrpcMethod & { kind: 'unary' }, reader: FrameReader): void {
    const stream = this.#stream;
    let message: Uint8Array | undefined;
    stream.setTimeout(UNARY_MESSAGE_TIMEOUT_MS, () => this.finish(GRPC_STATUS.DEADLINE_EXCEEDED, 'no message came'));
    stream.on('data', (chunk: Buffer) => {
      if (this.#isOver) return;
      try {
        for (const whole of reader.push(chunk)) {
          if (message !== undefined) throw new GrpcError(GRPC_STATUS.INTERNAL, 'one message is expected');
          message = whole;
        }
      } catch (fault) {
        this.fail(fault);
      }
    });
    stream.on('end', () => {
      if (this.#isOver) return;
      stream.setTimeout(0);
      try {
        if (message === undefined || !reader.isEmpty())
          throw new GrpcError(GRPC_STATUS.INTERNAL, 'one message is expected');
        const answer = method.handle(message, this);
        if (answer instanceof Promise) this.#await(async () => this.#answer(await answer));
        else this.#answer(answer);
      } catch (fault) {
        this.fail(fault);
      }
    });
  }

  #await(work: () => Promise<void>): void {
    work().catch((fault: unknown) => this.fail(fault));
  }

  #answer(message: Uint8Array): void {
    if (this.#isOver) return;
    const framed = frame(message);
    this.#respond();
    this.#trailers = { 'grpc-status': String(GRPC_STATUS.OK) };
    this.#end();
    this.#stream.end(framed);
  }

  /** What is no `GrpcError` is our fault: the caller learns that, and nothing else. */
  fail(fault: unknown): void {
    if (this.#isOver) return;
    if (fault instanceof GrpcError) {
      this.finish(fault.status, fault.message);
    } else if (fault instanceof MalformedMessage) {
      this.finish(GRPC_STATUS.INVALID_ARGUMENT, 'malformed message');
    } else {
      const error = fault instanceof Error ? fault.message : 'not an error';
      this.#log('error', 'grpc-handler-fault', { path: this.path.slice(0, 200), error });
      this.finish(GRPC_STATUS.INTERNAL, 'internal error');
    }
  }

  /** The first status counts. */
  finish(status: GrpcStatus, message: string): void {
    if (this.#isOver) return;
    this.#end();
    const stream = this.#stream;
    if (stream.destroyed || stream.closed) return;
    this.#trailers = trailersOf(status, message);
    if (stream.headersSent) {
      stream.end();
    } else {
      stream.respond({ ':status': 200, 'content-type': CONTENT_TYPE, ...this.#trailers }, { endStream: true });
      this.#closeReading();
    }
  }

  #respond(): void {
    const stream = this.#stream;
    stream.on('wantTrailers', () => {
      stream.sendTrailers(this.#trailers);
      this.#closeReading();
    });
    stream.respond({ ':status': 200, 'content-type': CONTENT_TYPE }, { waitForTrailers: true });
  }

  /** A caller that has not said everything is told that nobody listens any more (RFC 9113 8.1: RST_STREAM, NO_ERROR). */
  #closeReading(): void {
    const stream = this.#stream;
    if (stream.readableEnded) return;
    stream.resume();
    setImmediate(() => {
      if (!stream.readableEnded && !stream.destroyed) stream.close(constants.NGHTTP2_NO_ERROR);
    });
  }

  /** False: the caller's own deadline cannot be read, and the call is over. */
  #armDeadline(): boolean {
    const text = this.#headers['grpc-timeout'];
    if (text === undefined) return true;
    const timeoutMs = parseGrpcTimeout(String(text));
    if (!timeoutMs.ok) {
      this.finish(GRPC_STATUS.INVALID_ARGUMENT, 'malformed grpc-timeout');
      return false;
    }
    const expire = () => this.finish(GRPC_STATUS.DEADLINE_EXCEEDED, 'deadline exceeded');
    this.#deadline = setTimeout(expire, timeoutMs.value).unref();
    return true;
  }

  #end(): void {
    if (this.#isOver) return;
    this.#isOver = true;
    clearTimeout(this.#deadline);
    this.#incoming?.stop();
    this.#aborter?.abort();
  }
}

function trailersOf(status: GrpcStatus, message: string): Trailers {
  const code = { 'grpc-status': String(status) };
  return message === '' ? code : { ...code, 'grpc-message': formatGrpcMessage(message) };
}

function isTakenIn(stream: ServerHttp2Stream): Promise<void> {
  return new Promise((resolve) => {
    const done = () => {
      stream.off('drain', done);
      stream.off('close', done);
      resolve();
    };
    stream.on('drain', done);
    stream.on('close', done);
  });
}
