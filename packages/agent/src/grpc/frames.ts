/** gRPC's length-prefixed messages, put together from whatever chunks the stream brings. */
import { GRPC_STATUS, GrpcError } from './status.ts';

/** Larger than any message of ours or Envoy's with a 64 KiB header block. */
export const MAX_MESSAGE_BYTES = 4 * 1024 * 1024;
const PREFIX_BYTES = 5;
const UNCOMPRESSED = 0;
const COMPRESSED = 1;

export function frame(message: Uint8Array): Uint8Array {
  const framed = Buffer.allocUnsafe(PREFIX_BYTES + message.length);
  framed[0] = UNCOMPRESSED;
  framed.writeUInt32BE(message.length, 1);
  framed.set(message, PREFIX_BYTES);
  return framed;
}

/**
 * Memory follows the bytes that came, never a length that was announced, and a message in a thousand small chunks costs
 * no more than one in a single chunk.
 */
export class FrameReader {
  readonly #maxMessageBytes: number;
  /** Beginning of a message; `#held` bytes of it are in use. */
  #buffer: Buffer = Buffer.alloc(0);
  #held = 0;

  constructor(maxMessageBytes = MAX_MESSAGE_BYTES) {
    this.#maxMessageBytes = maxMessageBytes;
  }

  /**
   * Messages that are whole with this chunk; they may be views on it. Throws `GrpcError` for a compressed, malformed or
   * oversized message: the reader is of no further use then.
   */
  push(chunk: Buffer): Buffer[] {
    const bytes = this.#held === 0 ? chunk : this.#append(chunk);
    const messages: Buffer[] = [];
    let at = 0;
    for (let next = this.#wholeFrameBytes(bytes, at); next > 0; next = this.#wholeFrameBytes(bytes, at)) {
      messages.push(bytes.subarray(at + PREFIX_BYTES, at + next));
      at += next;
    }
    if (at === bytes.length) {
      this.#held = 0;
      this.#buffer = Buffer.alloc(0);
    } else if (at > 0 || this.#held === 0) {
      // The messages above are views: the rest goes elsewhere, where it can grow.
      this.#buffer = Buffer.from(bytes.subarray(at));
      this.#held = this.#buffer.length;
    }
    return messages;
  }

  /** False: bytes are left of a message that never came whole. */
  isEmpty(): boolean {
    return this.#held === 0;
  }

  /** Length of the frame at `at` with its prefix, 0 while it is not whole. */
  #wholeFrameBytes(bytes: Buffer, at: number): number {
    if (bytes.length - at < PREFIX_BYTES) return 0;
    const flag = bytes[at];
    if (flag === COMPRESSED) throw new GrpcError(GRPC_STATUS.UNIMPLEMENTED, 'compressed messages are not supported');
    if (flag !== UNCOMPRESSED) throw new GrpcError(GRPC_STATUS.INTERNAL, 'malformed message frame');
    const length = bytes.readUInt32BE(at + 1);
    if (length > this.#maxMessageBytes) throw new GrpcError(GRPC_STATUS.RESOURCE_EXHAUSTED, 'message too large');
    const whole = PREFIX_BYTES + length;
    return bytes.length - at < whole ? 0 : whole;
  }

  #append(chunk: Buffer): Buffer {
    const needed = this.#held + chunk.length;
    if (needed > this.#buffer.length) {
      const grown = Buffer.allocUnsafe(Math.max(needed, this.#buffer.length * 2));
      this.#buffer.copy(grown, 0, 0, this.#held);
      this.#buffer = grown;
    }
    chunk.copy(this.#buffer, this.#held);
    this.#held = needed;
    return this.#buffer.subarray(0, needed);
  }
}
