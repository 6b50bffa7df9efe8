/**
 * HTTP calls in the payload format 2.0 of function URLs and HTTP APIs. What is in there came from anybody, but for the
 * request context, which the front door wrote: whoever may invoke the function past its front door can write that too,
 * and so be any principal. Grant `lambda:InvokeFunction` to nobody but the scheduler.
 */
import { createHash } from 'node:crypto';
import { accept, type Result, refuse } from '@postern/result';
import { principalOf } from './principal.ts';
import type { HttpCall } from './served_function.ts';

export type HttpEventReason = 'event-not-http' | 'event-malformed';

/** Bounds of ours, above those of the front doors: 10 KB of request line and headers, 6 MB of event. */
const MAX_TARGET_CHARACTERS = 16 * 1024;
const MAX_HEADERS = 256;
const MAX_HEADER_CHARACTERS = 64 * 1024;
const MAX_BODY_CHARACTERS = 6 * 1024 * 1024;

/** RFC 9110 5.6.2; methods and names are no longer than anybody's. */
const METHOD = /^[A-Z]{1,32}$/;
const HEADER_NAME = /^[!#$%&'*+.^_`|~0-9a-z-]{1,256}$/;
const HEADER_VALUE = /^[^\x00-\x08\x0a-\x1f\x7f]*$/;
/** A `?` or `#` in a path that was decoded would pass for the end of it. */
const PATH = /^\/[\x21\x22\x24-\x3e\x40-\x7e]*$/;
const QUERY = /^[\x21\x22\x24-\x7e]*$/;

type Members = { readonly [member: string]: unknown };

/**
 * `event`: whatever the platform handed over. `event-not-http`: something else, as a scheduled event. `event-malformed`:
 * an HTTP event that is out of bounds, or could be read in two ways.
 */
export function readHttpEvent(event: unknown): Result<HttpCall, HttpEventReason> {
  if (!isHttpEvent(event)) return refuse('event-not-http');
  const { http, authorizer } = event.requestContext;
  const [method, path, query] = [http['method'], event['rawPath'], event['rawQueryString'] ?? ''];
  if (!matches(METHOD, method)) return refuse('event-malformed', 'the method');
  if (!matches(PATH, path) || !matches(QUERY, query)) return refuse('event-malformed', 'the path or the query');
  const target = query === '' ? path : `${path}?${query}`;
  if (target.length > MAX_TARGET_CHARACTERS) return refuse('event-malformed', 'the length of path and query');
  const headers = readHeaders(event['headers'] ?? {}, event['cookies'] ?? []);
  if (headers === undefined) return refuse('event-malformed', 'the headers');
  const body = readBody(event['body'] ?? '', event['isBase64Encoded'] ?? false);
  if (body === undefined) return refuse('event-malformed', 'the body');
  const principal = readPrincipal(authorizer);
  if (principal !== undefined && !isBodySigned(headers, body))
    return refuse('event-malformed', 'the digest of the body');
  return accept({ method, target, headers, body, principal });
}

/** Lambda authorizers are asked about calls in nearly the same shape, but with a `routeArn`. */
function isHttpEvent(event: unknown): event is Members & { requestContext: Members & { http: Members } } {
  if (!isMembers(event) || event['version'] !== '2.0' || event['routeArn'] !== undefined) return false;
  return isMembers(event['requestContext']) && isMembers(event['requestContext']['http']);
}

function readHeaders(headers: unknown, cookies: unknown): HttpCall['headers'] | undefined {
  if (!isMembers(headers) || !Array.isArray(cookies) || !cookies.every(isHeaderValue)) return undefined;
  const named = Object.entries(headers).map(([name, value]) => [name.toLowerCase(), value] as const);
  // A function URL says cookies twice; an HTTP API only here.
  const all =
    cookies.length === 0
      ? named
      : [...named.filter(([name]) => name !== 'cookie'), ['cookie', cookies.join('; ')] as const];
  const areWellFormed = all.every(([name, value]) => HEADER_NAME.test(name) && isHeaderValue(value));
  const characters = all.reduce((sum, [name, value]) => sum + name.length + String(value).length, 0);
  const isBounded = all.length <= MAX_HEADERS && characters <= MAX_HEADER_CHARACTERS;
  // One name in two spellings: who reads the first and who reads the last would see two requests.
  const isUnambiguous = new Set(named.map(([name]) => name)).size === named.length;
  return areWellFormed && isBounded && isUnambiguous ? (all as HttpCall['headers']) : undefined;
}

function readBody(body: unknown, isBase64Encoded: unknown): Uint8Array | undefined {
  if (typeof body !== 'string' || body.length > MAX_BODY_CHARACTERS) return undefined;
  if (isBase64Encoded === false) return Buffer.from(body);
  const bytes = isBase64Encoded === true ? Buffer.from(body, 'base64') : undefined;
  return bytes?.toString('base64') === body ? bytes : undefined;
}

/** What a signature covers is what this header says of the body; whether the front door compares the two is written nowhere. */
function isBodySigned(headers: HttpCall['headers'], body: Uint8Array): boolean {
  const said = headers.find(([name]) => name === 'x-amz-content-sha256')?.[1];
  return said === undefined || said === createHash('sha256').update(body).digest('hex');
}

function readPrincipal(authorizer: unknown): string | undefined {
  const iam = isMembers(authorizer) ? authorizer['iam'] : undefined;
  const userArn = isMembers(iam) ? iam['userArn'] : undefined;
  return typeof userArn === 'string' ? principalOf(userArn) : undefined;
}

function isMembers(value: unknown): value is Members {
  return typeof value === 'object' && value !== null && !Array.isArray(value);
}

function isHeaderValue(value: unknown): value is string {
  return matches(HEADER_VALUE, value);
}

function matches(pattern: RegExp, value: unknown): value is string {
  return typeof value === 'string' && pattern.test(value);
}
