/** One gRPC call over a Unix socket, as bare HTTP/2: a test may send what no client library would. */
import http2 from 'node:http2';
import { connect as netConnect } from 'node:net';

export interface GrpcAnswer {
  readonly status: number;
  /** Undefined when none came. */
  readonly message: Uint8Array | undefined;
}

export interface GrpcCaller {
  call(message: Uint8Array, metadata?: http2.OutgoingHttpHeaders): Promise<GrpcAnswer>;
  close(): void;
}

const PREFIX_BYTES = 5;

/** One connection, so one caller. */
export function connectGrpc(socketPath: string, method: string): GrpcCaller {
  const session = http2.connect('http://localhost', {
    createConnection: () => netConnect(socketPath),
  });
  session.on('error', () => {});
  return {
    close: () => session.destroy(),
    call: (message, metadata = {}) =>
      new Promise((resolve, reject) => {
        const stream = session.request({
          ':method': 'POST',
          ':path': method,
          'content-type': 'application/grpc',
          te: 'trailers',
          ...metadata,
        });
        let status: number | undefined;
        const chunks: Buffer[] = [];
        const read = (headers: http2.IncomingHttpHeaders) => {
          if (headers['grpc-status'] !== undefined) status = Number(headers['grpc-status']);
        };
        stream.on('response', read);
        stream.on('trailers', read);
        stream.on('data', (chunk: Buffer) => chunks.push(chunk));
        stream.on('error', reject);
        stream.on('end', () => {
          const whole = Buffer.concat(chunks);
          if (status === undefined) reject(new Error('no status'));
          else resolve({ status, message: whole.length === 0 ? undefined : whole.subarray(PREFIX_BYTES) });
        });
        const prefix = Buffer.alloc(PREFIX_BYTES);
        prefix.writeUInt32BE(message.length, 1);
        stream.end(Buffer.concat([prefix, message]));
      }),
  };
}
