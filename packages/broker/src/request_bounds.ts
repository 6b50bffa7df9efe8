/** Bounds and uniqueness of what an enforcement point sends, for both flavours and for callers in process. */
import { accept, type Result, refuse } from '@postern/result';
import type { CheckRequest } from './request.ts';

/** Envoy's default limit for all headers is 60 KiB and 100 lines; what exceeds it comes from something else. */
export const MAX_HEADER_LINES = 128;
export const MAX_HEADERS_LENGTH = 64 * 1024;
const MAX_NAME_LENGTH = 255;

export type RequestBoundsReason =
  | 'request-too-large'
  | 'request-malformed'
  | 'header-duplicate'
  | 'credential-ambiguous';

/**
 * Headers that name the caller or the destination: two of them would let the proxy, Postern and the upstream each
 * read another one (X5). `cookie` too: Envoy joins HTTP/2's crumbs into one line before it asks.
 */
const SINGLE_HEADERS: ReadonlySet<string> = new Set([
  'authorization',
  'proxy-authorization',
  'dpop',
  'cookie',
  'host',
  'x-forwarded-client-cert',
  'content-length',
  'transfer-encoding',
]);

/** RFC 9110 5.6.2. */
const TOKEN = /^[!#$%&'*+.^_`|~0-9A-Za-z-]+$/;
const CONTROL = /[\x00-\x08\x0a-\x1f\x7f]/;

/**
 * Checks one request before anything in it is used; target and host have their own rules in routing. `request`: untrusted. Refused: `request-too-large`,
 * `request-malformed` (not HTTP), `header-duplicate`, `credential-ambiguous` (several credentials joined in one line:
 * the map form of the gRPC flavour joins repeated lines with a comma, which no bearer token contains).
 */
export function checkRequestBounds(request: CheckRequest): Result<void, RequestBoundsReason> {
  if (request.service.length > MAX_NAME_LENGTH || (request.requestId?.length ?? 0) > MAX_NAME_LENGTH)
    return refuse('request-too-large');
  if (request.headers.length > MAX_HEADER_LINES) return refuse('request-too-large', 'header lines');
  if (request.method.length > 32 || !TOKEN.test(request.method)) return refuse('request-malformed', 'method');
  if (request.scheme !== 'http' && request.scheme !== 'https') return refuse('request-malformed', 'scheme');

  let length = 0;
  const seen = new Set<string>();
  for (const [name, value] of request.headers) {
    length += name.length + value.length;
    if (length > MAX_HEADERS_LENGTH) return refuse('request-too-large', 'headers');
    if (!TOKEN.test(name) || name !== name.toLowerCase()) return refuse('request-malformed', 'header name');
    if (CONTROL.test(value)) return refuse('request-malformed', 'header value');
    const isSingle = SINGLE_HEADERS.has(name) || name.startsWith('x-postern-');
    if (isSingle && seen.has(name)) return refuse('header-duplicate', name);
    if (isSingle) seen.add(name);
    if ((name === 'authorization' || name === 'dpop') && value.includes(','))
      return refuse('credential-ambiguous', name);
  }
  return accept(undefined);
}
