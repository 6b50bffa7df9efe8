/**
 * A bounded reader of BER (X.690 8), for what is only signed in that form: CMS from streaming signers has indefinite
 * lengths and octet strings in pieces. Everything else of ours is read by the strict reader of `@postern/der`.
 */
import { accept, type Result, refuse } from '@postern/result';

export interface BerElement {
  /** Identifier octet. */
  readonly tag: number;
  /** Of a constructed element. */
  readonly children: readonly BerElement[];
  /** Content octets of a definite-length element, else empty. */
  readonly value: Uint8Array;
  /** Header and contents; `undefined` where the length was indefinite. */
  readonly raw: Uint8Array | undefined;
}

const MAX_DEPTH = 16;
const MAX_ELEMENTS = 2048;
const CONSTRUCTED = 0x20;
const OCTET_STRING = 0x04;

/** Exactly one element. `bytes`: untrusted, of bounded size. */
export function parseBer(bytes: Uint8Array): Result<BerElement, 'ber-malformed'> {
  let count = 0;

  function read(at: number, end: number, depth: number): { readonly element: BerElement; readonly next: number } {
    const [tag, first] = [bytes[at], bytes[at + 1]];
    count += 1;
    if (tag === undefined || first === undefined || at + 2 > end) throw new Malformed('truncated');
    if (depth > MAX_DEPTH || count > MAX_ELEMENTS) throw new Malformed('too much');
    if ((tag & 0x1f) === 0x1f) throw new Malformed('high tag number');
    if (first === 0x80) return readIndefinite(tag, at + 2, end, depth);
    const { length, start } = readLength(first, at);
    const next = start + length;
    if (next > end) throw new Malformed('truncated');
    const children: BerElement[] = [];
    if ((tag & CONSTRUCTED) !== 0)
      for (let offset = start; offset < next; ) {
        const child = read(offset, next, depth + 1);
        children.push(child.element);
        offset = child.next;
      }
    return { element: { tag, children, value: bytes.subarray(start, next), raw: bytes.subarray(at, next) }, next };
  }

  /** Until two zero octets (8.1.5). */
  function readIndefinite(tag: number, start: number, end: number, depth: number) {
    if ((tag & CONSTRUCTED) === 0) throw new Malformed('indefinite and primitive');
    const children: BerElement[] = [];
    let offset = start;
    while (!(bytes[offset] === 0 && bytes[offset + 1] === 0 && offset + 2 <= end)) {
      const child = read(offset, end, depth + 1);
      children.push(child.element);
      offset = child.next;
    }
    return { element: { tag, children, value: new Uint8Array(), raw: undefined }, next: offset + 2 };
  }

  function readLength(first: number, at: number): { readonly length: number; readonly start: number } {
    if (first < 0x80) return { length: first, start: at + 2 };
    const size = first & 0x7f;
    if (size > 4) throw new Malformed('length');
    let length = 0;
    for (let index = 0; index < size; index++) length = length * 256 + (bytes[at + 2 + index] ?? Number.NaN);
    if (!Number.isSafeInteger(length)) throw new Malformed('length');
    return { length, start: at + 2 + size };
  }

  try {
    const { element, next } = read(0, bytes.length, 0);
    return next === bytes.length ? accept(element) : refuse('ber-malformed', 'trailing bytes');
  } catch (fault) {
    if (fault instanceof Malformed) return refuse('ber-malformed', fault.message);
    throw fault;
  }
}

class Malformed extends Error {}

/** Octets of a string in one piece or in several (8.7.3); `undefined` for anything else. */
export function octetsOf(element: BerElement | undefined): Uint8Array | undefined {
  if (element === undefined || (element.tag & ~CONSTRUCTED) !== OCTET_STRING) return undefined;
  if ((element.tag & CONSTRUCTED) === 0) return element.value;
  const pieces = element.children.map((piece) => octetsOf(piece));
  return pieces.every((piece) => piece !== undefined) ? Buffer.concat(pieces) : undefined;
}
