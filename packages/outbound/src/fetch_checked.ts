/**
 * A GET request to a place that somebody else names. The name is resolved here, each address is checked, and the connection
 * goes to the checked address itself: what the name means a moment later (DNS rebinding) changes nothing. Redirects are
 * followed by the same rules, each from the beginning.
 */
import { type IncomingMessage, request as requestPlain } from 'node:http';
import { request as requestTls, type RequestOptions as TlsRequestOptions } from 'node:https';
import { isIP } from 'node:net';
import { accept, type Result, refuse } from '@postern/result';
import { readBounded } from './read_bounded.ts';
import { hostOf, type ResolveReason, type ResolveRules, resolveChecked } from './resolve_checked.ts';

export interface OutboundRules extends ResolveRules {
  /** Of the URL and of each redirect. */
  readonly ports: readonly number[] | 'any';
  /**
   * Who vouches for a server's name over TLS: the platform's authorities, or these (PEM). Absent: nobody does. That is for a
   * check that its answer proves by itself, of somebody who may be about to get a certificate (RFC 8555 8.3); whoever wants
   * to believe the server says whom to ask.
   */
  readonly serverAuthorities?: readonly string[] | 'platform';
  readonly maxRedirects: number;
  /** Of the answer's body. */
  readonly maxBytes: number;
  /** Of all of it: redirects, resolving and reading. */
  readonly timeoutMs: number;
}

export type FetchReason =
  /** Not http or https, another port, credentials in it, too long. */
  | 'url-refused'
  | ResolveReason
  /** Also a server that nobody vouches for. */
  | 'connection-failed'
  | 'redirects-too-many'
  | 'answer-too-large';

export interface FetchedAnswer {
  readonly status: number;
  readonly body: Uint8Array;
  /** That was connected to last. */
  readonly address: string;
}

const MAX_URL_CHARS = 2048;
const REDIRECTS: ReadonlySet<number> = new Set([301, 302, 303, 307, 308]);

/** `text`: untrusted. */
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

function checkUrl(text: string, ports: OutboundRules['ports']): Result<URL, 'url-refused'> {
  if (text.length > MAX_URL_CHARS || !URL.canParse(text)) return refuse('url-refused');
  const url = new URL(text);
  const isPlain = url.protocol === 'http:';
  if (!isPlain && url.protocol !== 'https:') return refuse('url-refused', 'scheme');
  if (url.username !== '' || url.password !== '') return refuse('url-refused', 'credentials');
  const port = url.port === '' ? (isPlain ? 80 : 443) : Number(url.port);
  return ports === 'any' || ports.includes(port) ? accept(url) : refuse('url-refused', 'port');
}

interface Hop extends FetchedAnswer {
  readonly location?: string;
}

async function getFrom(url: URL, rules: OutboundRules, signal: AbortSignal): Promise<Result<Hop, FetchReason>> {
  const host = hostOf(url);
  const addresses = await resolveChecked(host, rules, signal);
  if (!addresses.ok) return addresses;
  let failed: Result<Hop, FetchReason> = refuse('connection-failed');
  for (const address of addresses.value) {
    failed = await get(url, host, address, rules, signal);
    if (failed.ok || failed.reason !== 'connection-failed') return failed;
  }
  return failed;
}

async function get(
  url: URL,
  host: string,
  address: string,
  { maxBytes, serverAuthorities }: OutboundRules,
  signal: AbortSignal,
): Promise<Result<Hop, FetchReason>> {
  const isPlain = url.protocol === 'http:';
  const options: TlsRequestOptions = {
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
    ...(!isPlain && {
      servername: isIP(host) === 0 ? host : '',
      rejectUnauthorized: serverAuthorities !== undefined,
      ...(Array.isArray(serverAuthorities) && { ca: [...serverAuthorities] }),
    }),
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
