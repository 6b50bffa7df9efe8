/**
 * A GET request to a place that somebody else names. The name is resolved here, each address is checked, and the connection
 * goes to the checked address itself: what the name means a moment later (DNS rebinding) changes nothing. Redirects are
 * followed by the same rules, each from the beginning.
 */
import { lookup } from 'node:dns/promises';
import { type IncomingMessage, type RequestOptions, request as requestPlain } from 'node:http';
import { request as requestTls } from 'node:https';
import { isIP } from 'node:net';
import { accept, type Result, refuse } from '@postern/result';
import type { IsAddressAllowed } from './address.ts';

/** Addresses of a name; throws or answers none where there are none. */
export type ResolveName = (name: string) => Promise<readonly string[]>;

export interface OutboundRules {
  readonly isAddressAllowed: IsAddressAllowed;
  readonly resolve: ResolveName;
  /** Of the URL and of each redirect. */
  readonly ports: readonly number[];
  readonly maxRedirects: number;
  /** Of the answer's body. */
  readonly maxBytes: number;
  /** Of all of it: redirects, resolving and reading. */
  readonly timeoutMs: number;
}

export type FetchReason =
  /** Not http or https, another port, credentials in it, too long. */
  | 'url-refused'
  | 'name-unresolved'
  /** Each address of the name is one that nobody may be sent to. */
  | 'address-refused'
  | 'connection-failed'
  | 'redirects-too-many'
  | 'answer-too-large'
  | 'timed-out';

export interface FetchedAnswer {
  readonly status: number;
  readonly body: Uint8Array;
  /** That was connected to last. */
  readonly address: string;
}

const MAX_URL_CHARS = 2048;
/** IPv6 and IPv4, as a name with both has them. */
const MAX_ADDRESSES = 2;
const REDIRECTS: ReadonlySet<number> = new Set([301, 302, 303, 307, 308]);

/** By the resolver of the platform, `/etc/hosts` too. */
export const resolveByPlatform: ResolveName = async (name) =>
  (await lookup(name, { all: true })).map(({ address }) => address);

/**
 * `text`: untrusted. TLS is not verified: this is for a check that its answer proves by itself, of somebody who may be about
 * to get a certificate (RFC 8555 8.3); whoever wants to believe the server does not use this.
 */
export async function fetchChecked(text: string, rules: OutboundRules): Promise<Result<FetchedAnswer, FetchReason>> {
  const signal = AbortSignal.timeout(rules.timeoutMs);
  let place = text;
  for (let hop = 0; hop <= rules.maxRedirects; hop++) {
    const url = checkUrl(place, rules.ports);
    if (!url.ok) return url;
    const answer = await getFrom(url.value, rules, signal);
    if (!answer.ok) return answer;
    const { status, location } = answer.value;
    if (!REDIRECTS.has(status) || location === undefined) return answer;
    if (!URL.canParse(location, url.value.href)) return refuse('url-refused');
    place = new URL(location, url.value.href).href;
  }
  return refuse('redirects-too-many');
}

function checkUrl(text: string, ports: readonly number[]): Result<URL, 'url-refused'> {
  if (text.length > MAX_URL_CHARS || !URL.canParse(text)) return refuse('url-refused');
  const url = new URL(text);
  const isPlain = url.protocol === 'http:';
  if (!isPlain && url.protocol !== 'https:') return refuse('url-refused', 'scheme');
  if (url.username !== '' || url.password !== '') return refuse('url-refused', 'credentials');
  const port = url.port === '' ? (isPlain ? 80 : 443) : Number(url.port);
  return ports.includes(port) ? accept(url) : refuse('url-refused', 'port');
}

interface Hop extends FetchedAnswer {
  readonly location?: string;
}

async function getFrom(url: URL, rules: OutboundRules, signal: AbortSignal): Promise<Result<Hop, FetchReason>> {
  const host = url.hostname.replace(/^\[|\]$/g, '');
  const addresses = isIP(host) === 0 ? await resolveWithin(host, rules.resolve, signal) : accept([host]);
  if (!addresses.ok) return addresses;
  const allowed = addresses.value.filter(rules.isAddressAllowed);
  if (allowed.length === 0) return refuse('address-refused', addresses.value.slice(0, MAX_ADDRESSES).join(' '));
  let failed: Result<Hop, FetchReason> = refuse('connection-failed');
  for (const address of allowed.slice(0, MAX_ADDRESSES)) {
    failed = await get(url, host, address, rules.maxBytes, signal);
    if (failed.ok || failed.reason !== 'connection-failed') return failed;
  }
  return failed;
}

async function resolveWithin(
  name: string,
  resolve: ResolveName,
  signal: AbortSignal,
): Promise<Result<readonly string[], 'name-unresolved' | 'timed-out'>> {
  const over = new Promise<undefined>((done) => {
    if (signal.aborted) done(undefined);
    signal.addEventListener('abort', () => done(undefined), { once: true });
  });
  try {
    const addresses = await Promise.race([resolve(name), over]);
    if (addresses === undefined) return refuse('timed-out');
    return addresses.length > 0 ? accept(addresses) : refuse('name-unresolved');
  } catch {
    return refuse('name-unresolved');
  }
}

async function get(
  url: URL,
  host: string,
  address: string,
  maxBytes: number,
  signal: AbortSignal,
): Promise<Result<Hop, FetchReason>> {
  const isPlain = url.protocol === 'http:';
  const options: RequestOptions & { readonly servername?: string; readonly rejectUnauthorized?: boolean } = {
    host: address,
    port: url.port === '' ? (isPlain ? 80 : 443) : Number(url.port),
    path: `${url.pathname}${url.search}`,
    headers: {
      host: url.host,
      accept: '*/*',
      'accept-encoding': 'identity',
      'user-agent': 'postern',
      connection: 'close',
    },
    signal,
    agent: false,
    ...(!isPlain && { servername: isIP(host) === 0 ? host : '', rejectUnauthorized: false }),
  };
  try {
    const response = await new Promise<IncomingMessage>((resolve, reject) => {
      (isPlain ? requestPlain : requestTls)(options, resolve).on('error', reject).end();
    });
    const { statusCode: status = 0, headers } = response;
    const location = REDIRECTS.has(status) ? headers.location : undefined;
    // Nobody needs what stands beside a redirect.
    const body = location === undefined ? await readBounded(response, maxBytes) : accept(new Uint8Array());
    if (location !== undefined) response.destroy();
    if (!body.ok) return body;
    return accept({ status, body: body.value, address, ...(location !== undefined && { location }) });
  } catch {
    return refuse(signal.aborted ? 'timed-out' : 'connection-failed');
  }
}

async function readBounded(
  response: IncomingMessage,
  maxBytes: number,
): Promise<Result<Uint8Array, 'answer-too-large'>> {
  const chunks: Uint8Array[] = [];
  let size = 0;
  for await (const chunk of response as AsyncIterable<Uint8Array>) {
    size += chunk.length;
    // Leaving the loop ends the connection.
    if (size > maxBytes) return refuse('answer-too-large');
    chunks.push(chunk);
  }
  return accept(Buffer.concat(chunks, size));
}
