/**
 * JSON text with exact 64-bit integers. `JSON.parse` rounds integers beyond 2^53, keeps the last of two equal keys and lets
 * lone surrogates pass; each of these makes two readers of one text decide differently.
 */
import { accept, type Result, refuse } from '@postern/result';
import { normalLong } from './long.ts';

export type JsonValue = null | boolean | number | bigint | string | readonly JsonValue[] | JsonObject;
export interface JsonObject {
  readonly [name: string]: JsonValue;
}

/** An object of JSON whose fields have not been looked at. */
export type JsonFields = { readonly [name: string]: unknown };

export function isJsonFields(json: unknown): json is JsonFields {
  return typeof json === 'object' && json !== null && !Array.isArray(json);
}

/** Without a list of their names, which for the thousands of small objects of a release adds up. */
export function countFields(json: JsonFields): number {
  let count = 0;
  for (const _ in json) count++;
  return count;
}

/** No lone surrogates. */
export function isWellFormedText(text: string): boolean {
  return text.isWellFormed();
}

export type JsonReason =
  | 'json-malformed'
  | 'json-too-large'
  | 'json-too-deep'
  | 'json-duplicate-key'
  | 'json-number-not-integer'
  | 'json-integer-out-of-range'
  | 'json-lone-surrogate';

export const MAX_JSON_DEPTH = 128;
export const MAX_JSON_CHARS = 16 * 1024 * 1024;

export interface JsonBounds {
  /** Nested arrays and objects. */
  readonly maxDepth?: number;
  readonly maxChars?: number;
}

/**
 * Reads untrusted JSON text. Integers outside ±(2^53 - 1) become bigints; numbers with a fraction or exponent, integers of
 * more than 64 bits, duplicate keys and lone surrogates are refused, as Cedar's own reader does.
 */
export function parseJson(text: string, bounds: JsonBounds = {}): Result<JsonValue, JsonReason> {
  if (text.length > (bounds.maxChars ?? MAX_JSON_CHARS)) return refuse('json-too-large');
  const reader = new JsonReader(text, bounds.maxDepth ?? MAX_JSON_DEPTH);
  const value = reader.readDocument();
  if (reader.reason !== undefined) return refuse(reader.reason, `at offset ${reader.offset}`);
  return accept(value);
}

/** Held here because `withExactJson` puts its own in place for the time of a call. */
const formatPlain = JSON.stringify;

/** Writes JSON text with bigints as digits; the counterpart of `parseJson`. Keys keep their order. */
export function formatJson(value: JsonValue): string {
  if (typeof value === 'bigint') return value.toString();
  if (value === null || typeof value !== 'object') return formatPlain(value);
  if (Array.isArray(value)) return `[${value.map(formatJson).join(',')}]`;
  const entries = Object.entries(value).filter(([, item]) => item !== undefined);
  return `{${entries.map(([name, item]) => `${formatPlain(name)}:${formatJson(item)}`).join(',')}}`;
}

const NUMBER = /-?(?:0|[1-9][0-9]*)(\.[0-9]+)?([eE][+-]?[0-9]+)?/y;
/** Characters of a string up to its end, an escape or a control character. */
const PLAIN = /[^"\\\u0000-\u001f]*/y;
const ESCAPES: { readonly [letter: string]: string } = {
  '"': '"',
  '\\': '\\',
  '/': '/',
  b: '\b',
  f: '\f',
  n: '\n',
  r: '\r',
  t: '\t',
};

/** A cursor over one text. After a refusal every read returns at once, so callers need not check each step. */
class JsonReader {
  reason: JsonReason | undefined;
  offset = 0;
  readonly #text: string;
  readonly #maxDepth: number;

  constructor(text: string, maxDepth: number) {
    this.#text = text;
    this.#maxDepth = maxDepth;
  }

  readDocument(): JsonValue {
    const value = this.#readValue(0);
    this.#skipSpace();
    if (this.offset < this.#text.length) this.#refuse('json-malformed');
    return value;
  }

  #refuse(reason: JsonReason): null {
    this.reason ??= reason;
    return null;
  }

  #skipSpace(): void {
    for (; this.offset < this.#text.length; this.offset++) {
      const code = this.#text.charCodeAt(this.offset);
      if (code !== 0x20 && code !== 0x0a && code !== 0x0d && code !== 0x09) return;
    }
  }

  /** Skips white space and takes `character` when it comes next. */
  #take(character: string): boolean {
    this.#skipSpace();
    if (this.#text[this.offset] !== character) return false;
    this.offset++;
    return true;
  }

  #readValue(depth: number): JsonValue {
    this.#skipSpace();
    switch (this.#text[this.offset]) {
      case '{':
        return depth < this.#maxDepth ? this.#readObject(depth + 1) : this.#refuse('json-too-deep');
      case '[':
        return depth < this.#maxDepth ? this.#readArray(depth + 1) : this.#refuse('json-too-deep');
      case '"':
        return this.#readString();
      case 't':
        return this.#readWord('true', true);
      case 'f':
        return this.#readWord('false', false);
      case 'n':
        return this.#readWord('null', null);
      default:
        return this.#readNumber();
    }
  }

  #readWord(word: string, value: JsonValue): JsonValue {
    if (!this.#text.startsWith(word, this.offset)) return this.#refuse('json-malformed');
    this.offset += word.length;
    return value;
  }

  #readNumber(): JsonValue {
    NUMBER.lastIndex = this.offset;
    const match = NUMBER.exec(this.#text);
    if (match === null) return this.#refuse('json-malformed');
    if (match[1] !== undefined || match[2] !== undefined || match[0] === '-0') {
      return this.#refuse('json-number-not-integer');
    }
    // Twenty characters hold every 64-bit integer; longer ones never become a bigint, whose making is not linear.
    const long = match[0].length <= 20 ? normalLong(BigInt(match[0])) : undefined;
    if (long === undefined) return this.#refuse('json-integer-out-of-range');
    this.offset += match[0].length;
    return long;
  }

  #readString(): string {
    this.offset++;
    let value = '';
    for (;;) {
      PLAIN.lastIndex = this.offset;
      value += PLAIN.exec(this.#text)?.[0] ?? '';
      this.offset = PLAIN.lastIndex;
      const next = this.#text[this.offset];
      if (next === '"') break;
      const character = next === '\\' ? this.#readEscape() : undefined;
      if (character === undefined) {
        this.#refuse('json-malformed');
        return '';
      }
      value += character;
    }
    this.offset++;
    if (!isWellFormedText(value)) this.#refuse('json-lone-surrogate');
    return value;
  }

  #readEscape(): string | undefined {
    const letter = this.#text[this.offset + 1] ?? '';
    if (letter === 'u') {
      const digits = this.#text.slice(this.offset + 2, this.offset + 6);
      if (!/^[0-9a-fA-F]{4}$/.test(digits)) return undefined;
      this.offset += 6;
      return String.fromCharCode(Number.parseInt(digits, 16));
    }
    this.offset += 2;
    return Object.hasOwn(ESCAPES, letter) ? ESCAPES[letter] : undefined;
  }

  #readArray(depth: number): JsonValue {
    this.offset++;
    const items: JsonValue[] = [];
    if (this.#take(']')) return items;
    do {
      items.push(this.#readValue(depth));
      if (this.reason !== undefined) return null;
    } while (this.#take(','));
    return this.#take(']') ? items : this.#refuse('json-malformed');
  }

  #readObject(depth: number): JsonValue {
    this.offset++;
    const object: { [name: string]: JsonValue } = {};
    if (this.#take('}')) return object;
    do {
      this.#skipSpace();
      if (this.#text[this.offset] !== '"') return this.#refuse('json-malformed');
      const name = this.#readString();
      if (Object.hasOwn(object, name)) return this.#refuse('json-duplicate-key');
      if (!this.#take(':')) return this.#refuse('json-malformed');
      const value = this.#readValue(depth);
      if (this.reason !== undefined) return null;
      if (name === '__proto__') {
        Object.defineProperty(object, name, { value, enumerable: true, configurable: true, writable: true });
      } else object[name] = value;
    } while (this.#take(','));
    return this.#take('}') ? object : this.#refuse('json-malformed');
  }
}
