/** Base64 (RFC 4648), strict: no white space, no missing padding, no stray bits, so that one value has one spelling. */
import { accept, type Result, refuse } from '@postern/result';

const STANDARD = 'ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/';
const URL_SAFE = 'ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789-_';
const NONE = 0xff;
const VALUES = { standard: valuesOf(STANDARD), urlSafe: valuesOf(URL_SAFE) };

/** Value by character code; `NONE` for what is outside the alphabet. */
function valuesOf(alphabet: string): Uint8Array {
  const values = new Uint8Array(128).fill(NONE);
  for (let value = 0; value < alphabet.length; value++) values[alphabet.charCodeAt(value)] = value;
  return values;
}

/** With padding (RFC 4648 4). */
export function encodeBase64(bytes: Uint8Array): string {
  const text = encode(bytes, STANDARD);
  return text + '='.repeat((4 - (text.length % 4)) % 4);
}

/** Without padding (RFC 4648 5, RFC 7515 2). */
export function encodeBase64Url(bytes: Uint8Array): string {
  return encode(bytes, URL_SAFE);
}

/** `text`: untrusted, its size bounded by the caller. Anything but the one spelling of its bytes is `base64-malformed`. */
export function decodeBase64(text: string): Result<Uint8Array, 'base64-malformed'> {
  const unpadded = text.replace(/={1,2}$/, '');
  if (text.length % 4 !== 0) return refuse('base64-malformed', 'length');
  return decode(unpadded, VALUES.standard);
}

/** As `decodeBase64`, for the URL-safe alphabet without padding. */
export function decodeBase64Url(text: string): Result<Uint8Array, 'base64-malformed'> {
  return decode(text, VALUES.urlSafe);
}

function encode(bytes: Uint8Array, alphabet: string): string {
  let text = '';
  let bits = 0;
  let held = 0;
  for (const octet of bytes) {
    held = (held << 8) | octet;
    bits += 8;
    while (bits >= 6) {
      bits -= 6;
      text += alphabet[(held >> bits) & 0x3f];
    }
    held &= (1 << bits) - 1;
  }
  return bits > 0 ? text + alphabet[(held << (6 - bits)) & 0x3f] : text;
}

function decode(text: string, values: Uint8Array): Result<Uint8Array, 'base64-malformed'> {
  if (text.length % 4 === 1) return refuse('base64-malformed', 'length');
  const bytes = new Uint8Array(Math.floor((text.length * 6) / 8));
  let bits = 0;
  let held = 0;
  let offset = 0;
  for (let index = 0; index < text.length; index++) {
    const value = values[text.charCodeAt(index)] ?? NONE;
    if (value === NONE) return refuse('base64-malformed', 'character');
    held = (held << 6) | value;
    bits += 6;
    if (bits >= 8) {
      bits -= 8;
      bytes[offset++] = held >> bits;
      held &= (1 << bits) - 1;
    }
  }
  return held === 0 ? accept(bytes) : refuse('base64-malformed', 'stray bits');
}
