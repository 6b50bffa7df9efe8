/**
 * Protocol buffers, read: a cursor over one message's fields. Hand-made because deciding costs less than a general
 * decoder does. Whatever is not well-formed throws `MalformedMessage`, which the gRPC server answers as INVALID_ARGUMENT.
 */
import { isUtf8 } from 'node:buffer';

export class MalformedMessage extends Error {
  override readonly name = 'MalformedMessage';
}

const REPLACEMENT_CHARACTER = '\ufffd';

export class MessageReader {
  readonly #bytes: Buffer;
  #offset = 0;
  #field = 0;
  #wireType = 0;

  /** `bytes`: untrusted; whoever took them in has bounded them. What is read may be a view on them. */
  constructor(bytes: Uint8Array) {
    this.#bytes = Buffer.from(bytes.buffer, bytes.byteOffset, bytes.byteLength);
  }

  /** Moves to the next field and answers its number; 0 at the end. */
  next(): number {
    if (this.#offset >= this.#bytes.length) return 0;
    const key = this.#varint();
    this.#field = Math.floor(key / 8);
    this.#wireType = key % 8;
    if (this.#field < 1 || this.#field > 0x1fffffff) throw new MalformedMessage('field number');
    return this.#field;
  }

  /** A view, not a copy. */
  bytes(): Uint8Array {
    const length = this.#length();
    this.#advance(length);
    return this.#bytes.subarray(this.#offset - length, this.#offset);
  }

  text(): string {
    const length = this.#length();
    this.#advance(length);
    const text = this.#bytes.toString('utf8', this.#offset - length, this.#offset);
    // Invalid UTF-8 shows as U+FFFD; only then is the slower check needed, since U+FFFD itself is valid.
    if (text.includes(REPLACEMENT_CHARACTER) && !isUtf8(this.#bytes.subarray(this.#offset - length, this.#offset)))
      throw new MalformedMessage('text is not UTF-8');
    return text;
  }

  message(): MessageReader {
    return new MessageReader(this.bytes());
  }

  /** uint32, int32 ≥ 0, bool and enums; larger values than 2^53 are refused. */
  integer(): number {
    if (this.#wireType !== 0) throw new MalformedMessage(`field ${this.#field} is not a varint`);
    return this.#varint();
  }

  /** One entry of a `map<string, string>`. */
  textEntry(): readonly [string, string] {
    const entry = this.message();
    let key = '';
    let value = '';
    for (let field = entry.next(); field !== 0; field = entry.next()) {
      if (field === 1) key = entry.text();
      else if (field === 2) value = entry.text();
      else entry.skip();
    }
    return [key, value];
  }

  /** Passes over a field that nobody here reads. */
  skip(): void {
    switch (this.#wireType) {
      case 0:
        this.#skipVarint();
        return;
      case 1:
        this.#advance(8);
        return;
      case 2:
        this.bytes();
        return;
      case 5:
        this.#advance(4);
        return;
      default:
        throw new MalformedMessage(`wire type ${this.#wireType}`);
    }
  }

  #length(): number {
    if (this.#wireType !== 2) throw new MalformedMessage(`field ${this.#field} is not length-delimited`);
    return this.#varint();
  }

  #advance(length: number): void {
    if (length > this.#bytes.length - this.#offset) throw new MalformedMessage('value beyond the end');
    this.#offset += length;
  }

  #varint(): number {
    let value = 0;
    let factor = 1;
    for (let index = 0; index < 10; index++) {
      const octet = this.#bytes[this.#offset++];
      if (octet === undefined) throw new MalformedMessage('varint beyond the end');
      value += (octet & 0x7f) * factor;
      if (octet < 0x80) {
        if (!Number.isSafeInteger(value)) throw new MalformedMessage('varint too large');
        return value;
      }
      factor *= 128;
    }
    throw new MalformedMessage('varint too long');
  }

  #skipVarint(): void {
    for (let index = 0; index < 10; index++) {
      const octet = this.#bytes[this.#offset++];
      if (octet === undefined) throw new MalformedMessage('varint beyond the end');
      if (octet < 0x80) return;
    }
    throw new MalformedMessage('varint too long');
  }
}
