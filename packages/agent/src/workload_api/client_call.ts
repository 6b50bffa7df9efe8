/**
 * One call of a Workload API from a workload's side: its messages as they come. What is refused is a value; nothing here
 * is logged, since answers hold private keys and tokens.
 */
import http2 from 'node:http2';
import net from 'node:net';
import { accept, type Result, refuse } from '@postern/result';
import { FrameReader, frame } from '../grpc/frames.ts';
import { GRPC_STATUS, GrpcError } from '../grpc/status.ts';

/**
 * `workload-api-unreachable`: nobody listens there, or it is not a Workload API · `workload-api-timeout`: no answer in
 * time · `workload-api-not-ready`: the agent has nothing yet, ask again · `identity-not-issued`: no entry fits this
 * process · `request-invalid`: what was asked is refused, in `detail` why · `workload-api-refused`: any other status, its
 * number in `detail` · `workload-api-ended`: the agent stopped · `answer-malformed`: what came is no such answer.
 */
export type WorkloadApiReason =
  | 'workload-api-unreachable'
  | 'workload-api-timeout'
  | 'workload-api-not-ready'
  | 'identity-not-issued'
  | 'request-invalid'
  | 'workload-api-refused'
  | 'workload-api-ended'
  | 'answer-malformed';

export interface WorkloadApiOptions {
  /** Path of the Unix socket. */
  readonly socketPath: string;
  /** For the first answer; later ones come when there is something new. */
  readonly timeoutMs: number;
  /** Ends the stream without a refusal. */
  readonly signal?: AbortSignal;
}

type Message = Result<Uint8Array, WorkloadApiReason>;

const MAX_DETAIL_LENGTH = 200;

/** Messages until a refusal, which is the last; a call that answers once ends with `workload-api-ended`. Holds one connection. */
export async function* followMessages(
  { socketPath, timeoutMs, signal }: WorkloadApiOptions,
  method: string,
  request: Uint8Array,
): AsyncGenerator<Message, void> {
  if (signal?.aborted) return;
  const session = http2.connect('http://workload-api', { createConnection: () => net.connect(socketPath) });
  session.on('error', () => {});
  const stream = session.request({
    ':method': 'POST',
    ':path': method,
    'content-type': 'application/grpc',
    te: 'trailers',
    'workload.spiffe.io': 'true',
  });
  let isTimedOut = false;
  let status: string | undefined;
  let detail: string | undefined;
  const readStatus = (headers: http2.IncomingHttpHeaders) => {
    status = headers['grpc-status']?.toString() ?? status;
    detail = headers['grpc-message']?.toString().slice(0, MAX_DETAIL_LENGTH) ?? detail;
  };
  stream.on('response', readStatus);
  stream.on('trailers', readStatus);
  stream.end(frame(request));
  const timer = setTimeout(() => {
    isTimedOut = true;
    session.destroy();
  }, timeoutMs);
  const abort = () => session.destroy();
  signal?.addEventListener('abort', abort);

  try {
    const frames = new FrameReader();
    for await (const chunk of stream) {
      for (const message of frames.push(chunk as Buffer)) {
        clearTimeout(timer);
        yield accept(message);
      }
    }
    if (signal?.aborted !== true) yield refuseBy({ status, detail, isTimedOut });
  } catch (fault) {
    if (signal?.aborted) return;
    if (fault instanceof GrpcError) yield refuse('answer-malformed', fault.message);
    else yield refuseBy({ status, detail, isTimedOut, fault });
  } finally {
    clearTimeout(timer);
    signal?.removeEventListener('abort', abort);
    session.destroy();
  }
}

function refuseBy(ended: {
  readonly status: string | undefined;
  readonly detail: string | undefined;
  readonly isTimedOut: boolean;
  readonly fault?: unknown;
}): Message {
  const { status, detail, isTimedOut, fault } = ended;
  if (isTimedOut) return refuse('workload-api-timeout');
  switch (status === undefined ? undefined : Number(status)) {
    case undefined:
      return refuse('workload-api-unreachable', (fault as NodeJS.ErrnoException | undefined)?.code);
    case GRPC_STATUS.OK:
      return refuse('workload-api-ended');
    case GRPC_STATUS.INVALID_ARGUMENT:
      return refuse('request-invalid', detail);
    case GRPC_STATUS.PERMISSION_DENIED:
      return refuse('identity-not-issued');
    case GRPC_STATUS.UNAVAILABLE:
      return refuse('workload-api-not-ready');
    default:
      return refuse('workload-api-refused', `status ${status?.slice(0, 8)}`);
  }
}
