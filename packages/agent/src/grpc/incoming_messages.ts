/** A caller's messages as something to loop over, a few of them held, the rest left to HTTP/2's flow control. */
import type { ServerHttp2Stream } from 'node:http2';
import type { FrameReader } from './frames.ts';
import { GRPC_STATUS, GrpcError } from './status.ts';

const MAX_HELD_MESSAGES = 16;

export interface IncomingMessages extends AsyncIterable<Uint8Array> {
  /** Takes in nothing more: the call is over. */
  stop(): void;
}

/**
 * Reads from now on, also when nobody loops: a malformed frame is found at once and told to `fail`. Leaving the loop
 * early leaves the stream alone, unlike a loop over the stream itself, which would destroy it before its status is sent.
 */
export function readMessages(
  stream: ServerHttp2Stream,
  reader: FrameReader,
  fail: (fault: unknown) => void,
): IncomingMessages {
  const held: Uint8Array[] = [];
  let hasEnded = false;
  let wake: (() => void) | undefined;

  function end(): void {
    hasEnded = true;
    wake?.();
  }
  stream.on('data', (chunk: Buffer) => {
    if (hasEnded) return;
    try {
      held.push(...reader.push(chunk));
    } catch (fault) {
      end();
      fail(fault);
      return;
    }
    if (held.length > MAX_HELD_MESSAGES) stream.pause();
    wake?.();
  });
  stream.on('end', () => {
    if (!hasEnded && !reader.isEmpty()) fail(new GrpcError(GRPC_STATUS.INTERNAL, 'the last message is not whole'));
    end();
  });
  stream.on('close', end);

  async function* messages(): AsyncGenerator<Uint8Array> {
    for (;;) {
      const message = held.shift();
      if (message !== undefined) {
        if (held.length === 0) stream.resume();
        yield message;
      } else if (hasEnded) {
        return;
      } else {
        await new Promise<void>((resolve) => {
          wake = resolve;
        });
      }
    }
  }
  return {
    [Symbol.asyncIterator]: messages,
    stop() {
      held.length = 0;
      end();
      stream.resume();
    },
  };
}
