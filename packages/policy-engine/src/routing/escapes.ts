/** Percent-encoding in a path: one spelling for everything, so that two spellings never name one resource. */
export type EscapeReason =
  | 'path-escape-malformed'
  | 'path-escape-lower-case'
  | 'path-escape-unreserved'
  | 'path-escape-not-utf8'
  | 'path-escaped-slash'
  | 'path-escaped-backslash'
  | 'path-escaped-percent'
  | 'path-escaped-control';

const UNRESERVED = /^[A-Za-z0-9._~-]$/;
const ESCAPE = /^%[0-9A-Fa-f]{2}$/;

/**
 * Why the three characters at `start`, the first of which is `%`, may not stand in a canonical path. RFC 3986 6.2.2:
 * unreserved characters are not encoded, digits are upper-case. `%2F`, `%5C`, `%25` and control bytes have no canonical
 * form at all, because a server that decodes once more or at another time sees another path (X32, X33).
 */
export function checkEscape(path: string, start: number): EscapeReason | undefined {
  const triplet = path.slice(start, start + 3);
  if (!ESCAPE.test(triplet)) return 'path-escape-malformed';
  const byte = Number.parseInt(triplet.slice(1), 16);
  if (byte === 0x2f) return 'path-escaped-slash';
  if (byte === 0x5c) return 'path-escaped-backslash';
  if (byte === 0x25) return 'path-escaped-percent';
  if (byte < 0x20 || byte === 0x7f) return 'path-escaped-control';
  if (UNRESERVED.test(String.fromCharCode(byte))) return 'path-escape-unreserved';
  return triplet === triplet.toUpperCase() ? undefined : 'path-escape-lower-case';
}

/**
 * Decodes a segment whose escapes were checked. `undefined` for bytes that are no shortest-form UTF-8, such as `%C0%AE`,
 * which some servers read as a dot (RFC 3629 3 and 10).
 */
export function decodeSegment(segment: string): string | undefined {
  if (!segment.includes('%')) return segment;
  try {
    return decodeURIComponent(segment);
  } catch {
    return undefined;
  }
}
