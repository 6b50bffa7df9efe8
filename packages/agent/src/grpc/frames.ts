/** gRPC's length-prefixed messages, put together from whatever chunks the stream brings. */
import { GRPC_STATUS, GrpcError } from './status.ts';

/** Larger than any message of ours or Envoy's with a 64 KiB header block. */
export const MAX_MESSAGE_BYTES = 4 * 1024 * 1024;
const PREFIX_BYTES = 5;

export function frame(message: Uint8Array): Uint8Array {
  const framed = Buffer.allocUnsafe(PREFIX_BYTES + message.length);
  framed[0] = 0;
  framed.writeUInt32BE(message.length, 1);
  framed.set(message, PREFIX_BYTES);
  return framed;
}

/** Throws `GrpcError` for a compressed or an oversized message. */
export class FrameReader {
  #buffered: Buffer = Buffer.alloc(0);

  /** Messages that are whole with this chunk. */
  push(chunk: Buffer): Buffer[] {
    this.#buffered = this.#buffered.length === 0 ? chunk : Buffer.concat([this.#buffered, chunk]);
    const messages: Buffer[] = [];
    while (this.#buffered.length >= PREFIX_BYTES) {
      if (this.#buffered[0] !== 0) throw new GrpcError(GRPC_STATUS.UNIMPLEMENTED, 'compressed messages are not supported');
      const length = this.#buffered.readUInt32BE(1);
      if (length > MAX_MESSAGE_BYTES) throw new GrpcError(GRPC_STATUS.RESOURCE_EXHAUSTED, 'message too large');
      if (this.#buffered.length < PREFIX_BYTES + length) break;
      messages.push(this.#buffered.subarray(PREFIX_BYTES, PREFIX_BYTES + length));
      this.#buffered = this.#buffered.subarray(PREFIX_BYTES + length);
    }
    return messages;
  }

  /** Bytes of a message that never came whole. */
  isEmpty(): boolean {
    return this.#buffered.length === 0;
  }
}
