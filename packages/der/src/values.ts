/** Typed readers of single elements. Each refuses what DER does not allow, so that one value has one spelling. */
import { accept, type Result, refuse } from '@postern/result';
import { type DerElement, type DerReason, readChildren } from './element.ts';
import { TAG } from './tags.ts';

function expect(element: DerElement, tag: number): Result<Uint8Array, DerReason> {
  return element.tag === tag ? accept(element.value) : refuse('der-unexpected-tag', `0x${element.tag.toString(16)}`);
}

const malformed = (detail: string) => refuse('der-malformed-value', detail);

/** The elements of a SEQUENCE. */
export function readSequence(element: DerElement): Result<DerElement[], DerReason> {
  const value = expect(element, TAG.sequence);
  return value.ok ? readChildren(element) : value;
}

/** The elements of a SET; their order (X.690 11.6) is checked by nobody downstream and so is not here. */
export function readSet(element: DerElement): Result<DerElement[], DerReason> {
  const value = expect(element, TAG.set);
  return value.ok ? readChildren(element) : value;
}

/** 0x00 or 0xff. A DEFAULT that is spelled out is for the caller to refuse (X.690 11.5). */
export function readBoolean(element: DerElement): Result<boolean, DerReason> {
  const value = expect(element, TAG.boolean);
  if (!value.ok) return value;
  const [octet] = value.value;
  if (value.value.length !== 1 || (octet !== 0x00 && octet !== 0xff)) return malformed('boolean');
  return accept(octet === 0xff);
}

/** Two's complement octets, minimal; a view. Negative when the first octet's high bit is set. */
export function readInteger(element: DerElement): Result<Uint8Array, DerReason> {
  const value = expect(element, TAG.integer);
  if (!value.ok) return value;
  const [first, second] = value.value;
  if (first === undefined) return malformed('empty integer');
  if (second !== undefined && ((first === 0x00 && second < 0x80) || (first === 0xff && second >= 0x80)))
    return malformed('integer not minimal');
  return value;
}

/** Magnitude octets of a non-negative INTEGER, without a leading zero; empty octets are never answered. */
export function readUnsigned(element: DerElement): Result<Uint8Array, DerReason> {
  const value = readInteger(element);
  if (!value.ok) return value;
  const [first] = value.value;
  if ((first as number) >= 0x80) return malformed('negative integer');
  return accept(first === 0 && value.value.length > 1 ? value.value.subarray(1) : value.value);
}

/** A small non-negative INTEGER, such as a version or a path length. */
export function readSmallInteger(element: DerElement): Result<number, DerReason> {
  const value = readUnsigned(element);
  if (!value.ok) return value;
  if (value.value.length > 4) return malformed('integer too large');
  return accept(value.value.reduce((sum, octet) => sum * 256 + octet, 0));
}

export interface BitString {
  /** 0 to 7 bits of the last octet that do not count; they are zero. */
  readonly unusedBits: number;
  readonly bytes: Uint8Array;
}

export function readBitString(element: DerElement): Result<BitString, DerReason> {
  const value = expect(element, TAG.bitString);
  return value.ok ? bitStringOf(value.value) : value;
}

function bitStringOf(content: Uint8Array): Result<BitString, DerReason> {
  const unusedBits = content[0];
  if (unusedBits === undefined || unusedBits > 7) return malformed('bit string');
  const bytes = content.subarray(1);
  const last = bytes[bytes.length - 1];
  if (last === undefined ? unusedBits !== 0 : (last & ((1 << unusedBits) - 1)) !== 0) return malformed('unused bits');
  return accept({ unusedBits, bytes });
}

export function readOctetString(element: DerElement): Result<Uint8Array, DerReason> {
  return expect(element, TAG.octetString);
}

export function readNull(element: DerElement): Result<undefined, DerReason> {
  const value = expect(element, TAG.null);
  if (!value.ok) return value;
  return value.value.length === 0 ? accept(undefined) : malformed('null');
}

/** Dotted decimal, such as `2.5.29.17`. */
export function readOid(element: DerElement): Result<string, DerReason> {
  const value = expect(element, TAG.oid);
  if (!value.ok) return value;
  const octets = value.value;
  if (octets.length === 0 || octets.length > 64) return malformed('object identifier');
  const arcs: number[] = [];
  let arc = 0;
  let isStart = true;
  for (const octet of octets) {
    if (isStart && octet === 0x80) return malformed('object identifier arc not minimal');
    arc = arc * 128 + (octet & 0x7f);
    if (arc > Number.MAX_SAFE_INTEGER) return malformed('object identifier arc too large');
    isStart = octet < 0x80;
    if (isStart) {
      arcs.push(arc);
      arc = 0;
    }
  }
  if (!isStart) return malformed('object identifier ends inside an arc');
  const first = arcs[0] as number;
  const top = Math.min(2, Math.floor(first / 40));
  return accept([top, first - top * 40, ...arcs.slice(1)].join('.'));
}

const TEXT_ALPHABETS = new Map<number, RegExp>([
  [TAG.printableString, /^[A-Za-z0-9 '()+,\-./:=?]*$/],
  [TAG.ia5String, /^[\x00-\x7f]*$/],
]);

/** UTF8String, PrintableString or IA5String, within its alphabet. */
export function readText(element: DerElement): Result<string, DerReason> {
  if (element.tag !== TAG.utf8String && !TEXT_ALPHABETS.has(element.tag))
    return refuse('der-unexpected-tag', `0x${element.tag.toString(16)}`);
  return textOf(element.value, TEXT_ALPHABETS.get(element.tag));
}

/** Content of an IMPLICIT IA5String, as in a GeneralName. */
export function readImplicitIa5(element: DerElement): Result<string, DerReason> {
  return textOf(element.value, TEXT_ALPHABETS.get(TAG.ia5String));
}

function textOf(bytes: Uint8Array, alphabet: RegExp | undefined): Result<string, DerReason> {
  let text: string;
  try {
    text = new TextDecoder('utf-8', { fatal: true, ignoreBOM: true }).decode(bytes);
  } catch {
    return malformed('text is not UTF-8');
  }
  return alphabet === undefined || alphabet.test(text) ? accept(text) : malformed('character outside the string type');
}
