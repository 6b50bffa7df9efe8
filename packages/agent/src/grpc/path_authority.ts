/**
 * What grpc-java sends on a Unix socket: the socket's path as `:authority` (grpc-java issue 12664). The slashes are not
 * allowed there (RFC 9113 8.3.1, RFC 3986 3.2), and nghttp2 ends such a request with PROTOCOL_ERROR before anybody sees
 * it, so that no Java workload could use the Workload API. Nothing here reads the authority.
 */
import { Duplex } from 'node:stream';

const PREFACE_BYTES = 24;
const FRAME_HEADER_BYTES = 9;
/** RFC 9113 4.2: the server announces no other. */
const MAX_FRAME_BYTES = 16_384;
const HEADERS = 0x1;
const PADDED = 0x8;
const PRIORITY = 0x20;
/** RFC 7541 appendix A. */
const STATIC_AUTHORITY = 1;
const SLASH = 0x2f;
const DOT = 0x2e;

/** The socket as it is, but that a path in `:authority` is read with a dot for each slash. */
export function withPathAuthority(socket: Duplex): Duplex {
  const rewrite = createPathAuthorityRewriter();
  const stream = new Duplex({
    read: () => void socket.resume(),
    write: (chunk, encoding, done) => void socket.write(chunk, encoding, done),
    final: (done) => void socket.end(done),
    destroy(fault, done) {
      socket.destroy();
      done(fault);
    },
  });
  socket.on('data', (chunk: Buffer) => {
    const read = rewrite(chunk);
    if (read.length > 0 && !stream.push(read)) socket.pause();
  });
  socket.on('end', () => stream.push(null));
  socket.on('error', (fault) => stream.destroy(fault));
  socket.on('close', () => stream.destroy());
  return stream;
}

/**
 * Takes what a client sends, in pieces of any size, and answers whole frames as soon as they are there; at most one
 * frame is held back. A dot has the slash's length, so frames and the sizes of HPACK's table stay what they were. What
 * is no HTTP/2 is passed on as it is: nghttp2 judges it. An authority in Huffman's code is left alone; grpc-java has none
 * below 512 bytes, and a socket's path has at most 107.
 */
export function createPathAuthorityRewriter(): (chunk: Buffer) => Buffer {
  let rest = Buffer.alloc(0);
  let prefaceLeft = PREFACE_BYTES;
  let isStrange = false;
  return (chunk) => {
    if (isStrange) return chunk;
    const received = Buffer.concat([rest, chunk]);
    let at = Math.min(prefaceLeft, received.length);
    prefaceLeft -= at;
    while (received.length - at >= FRAME_HEADER_BYTES) {
      const payloadBytes = received.readUIntBE(at, 3);
      isStrange = payloadBytes > MAX_FRAME_BYTES;
      if (isStrange) return received;
      const end = at + FRAME_HEADER_BYTES + payloadBytes;
      if (end > received.length) break;
      if (received[at + 3] === HEADERS) rewriteBlock(blockOf(received.subarray(at, end)));
      at = end;
    }
    rest = received.subarray(at);
    return received.subarray(0, at);
  };
}

/** RFC 9113 6.2. Pseudo-header fields come first, so that what follows in CONTINUATION frames has none. */
function blockOf(frame: Buffer): Buffer {
  const flags = frame[4] as number;
  const padding = flags & PADDED ? (frame[FRAME_HEADER_BYTES] ?? 0) : 0;
  const start = FRAME_HEADER_BYTES + (flags & PADDED ? 1 : 0) + (flags & PRIORITY ? 5 : 0);
  return frame.subarray(start, Math.max(start, frame.length - padding));
}

/** Walks the field lines (RFC 7541 6) to the first that spells `:authority` out by its static index. */
function rewriteBlock(block: Buffer): void {
  for (let at = 0; at < block.length; ) {
    const first = block[at] as number;
    const isLiteral = (first & 0x80) === 0 && (first & 0xe0) !== 0x20;
    const index = integerAt(block, at, first & 0x80 ? 7 : first & 0x40 ? 6 : first & 0x20 ? 5 : 4);
    at = index.next;
    if (!isLiteral) continue;
    if (index.value === 0) at = stringAt(block, at).end;
    const value = stringAt(block, at);
    if (index.value === STATIC_AUTHORITY) {
      if (!value.isHuffman) dotSlashes(block.subarray(value.start, value.end));
      return;
    }
    at = value.end;
  }
}

function dotSlashes(text: Buffer): void {
  for (const [at, octet] of text.entries()) if (octet === SLASH) text[at] = DOT;
}

function stringAt(block: Buffer, at: number): { start: number; end: number; isHuffman: boolean } {
  const length = integerAt(block, at, 7);
  return { start: length.next, end: length.next + length.value, isHuffman: ((block[at] ?? 0) & 0x80) !== 0 };
}

/** RFC 7541 5.1. One that is cut short, or longer than any that fits a frame, ends the walk. */
function integerAt(block: Buffer, at: number, prefixBits: number): { value: number; next: number } {
  const mask = 2 ** prefixBits - 1;
  let value = (block[at] ?? 0) & mask;
  if (value < mask) return { value, next: at + 1 };
  for (let next = at + 1, scale = 1; next < block.length && scale < MAX_FRAME_BYTES * 128; next += 1, scale *= 128) {
    const octet = block[next] as number;
    value += (octet & 0x7f) * scale;
    if (octet < 0x80) return { value, next: next + 1 };
  }
  return { value: 0, next: block.length };
}
