/** DER, written. Each function answers one whole element; parts are elements too. */
import { TAG } from './tags.ts';
import { formatTime } from './time.ts';

/** Any element: `tag` octet, minimal definite length, contents. */
export function element(tag: number, ...parts: readonly Uint8Array[]): Uint8Array {
  let length = 0;
  for (const part of parts) length += part.length;
  const header = headerOf(tag, length);
  const bytes = new Uint8Array(header.length + length);
  bytes.set(header, 0);
  let offset = header.length;
  for (const part of parts) {
    bytes.set(part, offset);
    offset += part.length;
  }
  return bytes;
}

function headerOf(tag: number, length: number): readonly number[] {
  if (length < 0x80) return [tag, length];
  const octets: number[] = [];
  for (let rest = length; rest > 0; rest = Math.floor(rest / 256)) octets.unshift(rest % 256);
  return [tag, 0x80 | octets.length, ...octets];
}

export const sequence = (...parts: readonly Uint8Array[]): Uint8Array => element(TAG.sequence, ...parts);

/** SET OF: parts in the order of their octets (X.690 11.6). */
export function setOf(...parts: readonly Uint8Array[]): Uint8Array {
  return element(TAG.set, ...[...parts].sort(compareOctets));
}

function compareOctets(a: Uint8Array, b: Uint8Array): number {
  for (let index = 0; index < Math.min(a.length, b.length); index++) {
    const difference = (a[index] as number) - (b[index] as number);
    if (difference !== 0) return difference;
  }
  return a.length - b.length;
}

/** Non-negative: magnitude octets, big-endian (leading zeros are dropped), or a safe integer. */
export function unsigned(value: Uint8Array | number): Uint8Array {
  const magnitude = typeof value === 'number' ? octetsOf(value) : value;
  let start = 0;
  while (start < magnitude.length - 1 && magnitude[start] === 0) start += 1;
  const trimmed = magnitude.subarray(start);
  const needsZero = trimmed.length === 0 || (trimmed[0] as number) >= 0x80;
  return needsZero ? element(TAG.integer, Uint8Array.of(0), trimmed) : element(TAG.integer, trimmed);
}

function octetsOf(value: number): Uint8Array {
  if (!Number.isSafeInteger(value) || value < 0) throw new RangeError('not a non-negative safe integer');
  const octets: number[] = [];
  for (let rest = value; rest > 0; rest = Math.floor(rest / 256)) octets.unshift(rest % 256);
  return Uint8Array.from(octets);
}

export const boolean = (value: boolean): Uint8Array => element(TAG.boolean, Uint8Array.of(value ? 0xff : 0x00));

export const nullValue = (): Uint8Array => element(TAG.null);

export const octetString = (bytes: Uint8Array): Uint8Array => element(TAG.octetString, bytes);

/** `unusedBits` of the last octet must be zero in `bytes`. */
export const bitString = (bytes: Uint8Array, unusedBits = 0): Uint8Array =>
  element(TAG.bitString, Uint8Array.of(unusedBits), bytes);

/** A BIT STRING of named flags, trailing zero bits cut off (X.690 11.2.2). `bits`: numbers of the flags set. */
export function namedBits(bits: readonly number[]): Uint8Array {
  if (bits.length === 0) return bitString(new Uint8Array());
  const highest = Math.max(...bits);
  const bytes = new Uint8Array(Math.floor(highest / 8) + 1);
  for (const bit of bits) {
    const index = Math.floor(bit / 8);
    bytes[index] = (bytes[index] as number) | (0x80 >> (bit % 8));
  }
  return bitString(bytes, 7 - (highest % 8));
}

/** `dotted`: such as `1.2.840.10045.4.3.2`. */
export function oid(dotted: string): Uint8Array {
  const arcs = dotted.split('.').map(Number);
  const [first, second, ...rest] = arcs;
  const isSafe = /^\d+(\.\d+)+$/.test(dotted) && arcs.every(Number.isSafeInteger);
  // X.660 A.2: three top arcs, and below the first two no more than 40 arcs each.
  if (!isSafe || first === undefined || second === undefined || first > 2 || (first < 2 && second > 39))
    throw new RangeError(`\`${dotted}\` is not an object identifier`);
  const octets: number[] = [];
  for (const arc of [first * 40 + second, ...rest]) {
    const groups = [arc % 128];
    for (let left = Math.floor(arc / 128); left > 0; left = Math.floor(left / 128)) groups.unshift(0x80 | (left % 128));
    octets.push(...groups);
  }
  return element(TAG.oid, Uint8Array.from(octets));
}

const encoder = new TextEncoder();
export const utf8String = (text: string): Uint8Array => element(TAG.utf8String, encoder.encode(text));
export const printableString = (text: string): Uint8Array => element(TAG.printableString, encoder.encode(text));
export const ia5String = (text: string): Uint8Array => element(TAG.ia5String, encoder.encode(text));

/** RFC 5280 `Time`. `ms` since the epoch. */
export function time(ms: number): Uint8Array {
  const { tag, text } = formatTime(ms);
  return element(tag, encoder.encode(text));
}
