/**
 * A strict DER reader (X.690, distinguished rules): definite minimal lengths, low-tag-number form, nothing left over.
 * What a lenient reader lets pass, two readers understand differently, and one of them is the verifier.
 */
import { accept, type Result, refuse } from '@postern/result';

export type DerReason =
  | 'der-too-large'
  | 'der-truncated'
  | 'der-trailing-bytes'
  | 'der-length-form'
  | 'der-tag-form'
  | 'der-unexpected-tag'
  | 'der-malformed-value'
  | 'der-too-many-elements';

export interface DerElement {
  /** Identifier octet: class, constructed bit and number, such as 0x30 for SEQUENCE. */
  readonly tag: number;
  /** Content octets; a view, not a copy. */
  readonly value: Uint8Array;
  /** The whole element with its header; a view. */
  readonly raw: Uint8Array;
}

/** No structure of ours has more; bounds the work that a hostile input causes. */
const MAX_CHILDREN = 1024;

/** Exactly one element and nothing after it. `bytes`: untrusted. */
export function parseDer(bytes: Uint8Array, options: { readonly maxBytes: number }): Result<DerElement, DerReason> {
  if (bytes.length > options.maxBytes) return refuse('der-too-large', `${bytes.length} bytes`);
  const element = readElement(bytes, 0);
  if (!element.ok) return element;
  return element.value.raw.length === bytes.length ? element : refuse('der-trailing-bytes');
}

/** The elements inside a constructed one. */
export function readChildren(element: DerElement): Result<DerElement[], DerReason> {
  if ((element.tag & 0x20) === 0) return refuse('der-unexpected-tag', 'not constructed');
  const children: DerElement[] = [];
  let offset = 0;
  while (offset < element.value.length) {
    if (children.length === MAX_CHILDREN) return refuse('der-too-many-elements');
    const child = readElement(element.value, offset);
    if (!child.ok) return child;
    children.push(child.value);
    offset += child.value.raw.length;
  }
  return accept(children);
}

function readElement(bytes: Uint8Array, offset: number): Result<DerElement, DerReason> {
  const tag = bytes[offset];
  const first = bytes[offset + 1];
  if (tag === undefined || first === undefined) return refuse('der-truncated');
  if ((tag & 0x1f) === 0x1f) return refuse('der-tag-form', 'high tag number');
  let length = first;
  let start = offset + 2;
  if (first >= 0x80) {
    const size = first & 0x7f;
    // 0x80 is the indefinite form; four octets already say 4 GiB.
    if (size === 0 || size > 4) return refuse('der-length-form');
    length = 0;
    for (let index = 0; index < size; index++) {
      const octet = bytes[start + index];
      if (octet === undefined) return refuse('der-truncated');
      length = length * 256 + octet;
    }
    if (length < 0x80 || length < 2 ** (8 * (size - 1))) return refuse('der-length-form', 'not minimal');
    start += size;
  }
  const end = start + length;
  if (end > bytes.length) return refuse('der-truncated');
  return accept({ tag, value: bytes.subarray(start, end), raw: bytes.subarray(offset, end) });
}
