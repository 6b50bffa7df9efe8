/** Protocol buffers, written. Default values are left out, as proto3 does; what must be seen is never a default. */
import { Buffer } from 'node:buffer';

export class MessageWriter {
  readonly #parts: Uint8Array[] = [];

  /** Written even when it is empty, as a member of a oneof is. */
  bytes(field: number, value: Uint8Array): this {
    this.#key(field, 2);
    this.#parts.push(varint(value.length), value);
    return this;
  }

  text(field: number, value: string): this {
    return value === '' ? this : this.bytes(field, Buffer.from(value, 'utf8'));
  }

  /** Written even when it is empty: an empty message says that it is there. */
  message(field: number, value: MessageWriter): this {
    return this.bytes(field, value.finish());
  }

  /** uint32, uint64 up to 2^53, bool and enums. Throws `RangeError` for what is no such number. */
  integer(field: number, value: number): this {
    if (!Number.isSafeInteger(value) || value < 0) throw new RangeError('not a non-negative integer');
    if (value === 0) return this;
    this.#key(field, 0);
    this.#parts.push(varint(value));
    return this;
  }

  /** A bool, or an enum's first two values; written even when it is the default, as a member of a oneof is. */
  flag(field: number, value: boolean): this {
    this.#key(field, 0);
    this.#parts.push(varint(value ? 1 : 0));
    return this;
  }

  /** Written even when it is zero, as a member of a oneof is. */
  double(field: number, value: number): this {
    this.#key(field, 1);
    const octets = Buffer.alloc(8);
    octets.writeDoubleLE(value);
    this.#parts.push(octets);
    return this;
  }

  finish(): Uint8Array {
    return this.#parts.length === 1 ? (this.#parts[0] as Uint8Array) : Buffer.concat(this.#parts);
  }

  #key(field: number, wireType: number): void {
    this.#parts.push(varint(field * 8 + wireType));
  }
}

/** Non-negative safe integers. */
function varint(value: number): Uint8Array {
  if (value < 0x80) return Uint8Array.of(value);
  const octets: number[] = [];
  let rest = value;
  while (rest >= 0x80) {
    octets.push((rest % 128) | 0x80);
    rest = Math.floor(rest / 128);
  }
  octets.push(rest);
  return Uint8Array.from(octets);
}
