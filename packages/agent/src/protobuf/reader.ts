/**
 * Protocol buffers, read: a cursor over one message's fields. Hand-made because deciding costs less than a general
 * decoder does. Whatever is not well-formed throws `MalformedMessage`, which the gRPC server answers as INVALID_ARGUMENT.
 */
export class MalformedMessage extends Error {
  override readonly name = 'MalformedMessage';
}

const decoder = new TextDecoder('utf-8', { fatal: true, ignoreBOM: true });

export class MessageReader {
  readonly #bytes: Uint8Array;
  #offset = 0;
  #field = 0;
  #wireType = 0;

  constructor(bytes: Uint8Array) {
    this.#bytes = bytes;
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

  bytes(): Uint8Array {
    if (this.#wireType !== 2) throw new MalformedMessage(`field ${this.#field} is not length-delimited`);
    const length = this.#varint();
    const end = this.#offset + length;
    if (end > this.#bytes.length) throw new MalformedMessage('length beyond the end');
    const value = this.#bytes.subarray(this.#offset, end);
    this.#offset = end;
    return value;
  }

  text(): string {
    try {
      return decoder.decode(this.bytes());
    } catch (cause) {
      if (cause instanceof MalformedMessage) throw cause;
      throw new MalformedMessage('text is not UTF-8');
    }
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

  #advance(length: number): void {
    this.#offset += length;
    if (this.#offset > this.#bytes.length) throw new MalformedMessage('value beyond the end');
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
