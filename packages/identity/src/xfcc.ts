/** `x-forwarded-client-cert` as Envoy writes it, read strictly. */
import { accept, type Result, refuse } from '@postern/result';
import { parseUrlEncodedCertificate } from './url_encoded_pem.ts';

/** A leaf and a chain of three, percent-encoded, with a long subject. */
export const MAX_XFCC_LENGTH = 32 * 1024;
const MAX_XFCC_PAIRS = 64;

/** What one proxy said of its downstream's certificate. Nothing in it was verified by us yet. */
export interface ForwardedClientCert {
  /** URI SANs of the proxy's own certificate. */
  readonly by: readonly string[];
  /** Hex SHA-256 of the leaf, as the proxy says. */
  readonly hash?: string;
  /** Leaf, DER. */
  readonly certificate?: Uint8Array;
  readonly subject?: string;
  readonly uris: readonly string[];
  readonly dns: readonly string[];
}

export type XfccReason =
  | 'xfcc-too-large'
  | 'xfcc-malformed'
  | 'xfcc-several-elements'
  | 'xfcc-key-unknown'
  | 'xfcc-key-duplicate'
  | 'xfcc-certificate';

type Key = 'by' | 'hash' | 'cert' | 'chain' | 'subject' | 'uri' | 'dns';
/**
 * Keys an element may hold, in the order in which Envoy writes them, and whether more than once (it repeats a key per
 * SAN). It neither quotes nor escapes a SAN, so a DNS name `a;URI=spiffe://…` makes a URI of its own: behind its place.
 */
const KEYS: ReadonlyMap<string, { readonly key: Key; readonly repeats: boolean }> = new Map([
  ['by', { key: 'by', repeats: true }],
  ['hash', { key: 'hash', repeats: false }],
  ['cert', { key: 'cert', repeats: false }],
  ['chain', { key: 'chain', repeats: false }],
  ['subject', { key: 'subject', repeats: false }],
  ['uri', { key: 'uri', repeats: true }],
  ['dns', { key: 'dns', repeats: true }],
]);

const ORDER: readonly Key[] = Array.from(KEYS.values(), (row) => row.key);

/**
 * Reads the header of a listener in `SANITIZE_SET` mode, which has exactly one element: the proxy's own. Prevents a
 * client from speaking through it (X36): an element that came along with the request, or a subject or SAN that
 * smuggles in separators, shows as a second element or a second value and is refused. `text`: untrusted.
 * Refused: too large, malformed, several elements, an unknown or repeated key, a `Cert` that is not one certificate.
 */
export function parseForwardedClientCert(text: string): Result<ForwardedClientCert, XfccReason> {
  if (text.length > MAX_XFCC_LENGTH) return refuse('xfcc-too-large');
  const pairs = readPairs(text);
  if (!pairs.ok) return pairs;

  const values: { [K in Key]: string[] } = { by: [], hash: [], cert: [], chain: [], subject: [], uri: [], dns: [] };
  let place = 0;
  for (const [name, value] of pairs.value) {
    const row = KEYS.get(name.toLowerCase());
    if (row === undefined) return refuse('xfcc-key-unknown');
    if (ORDER.indexOf(row.key) < place) return refuse('xfcc-malformed', 'order');
    place = ORDER.indexOf(row.key);
    if (!row.repeats && values[row.key].length > 0) return refuse('xfcc-key-duplicate', row.key);
    values[row.key].push(value);
  }

  const [hash, subject, cert] = [values.hash[0], values.subject[0], values.cert[0]];
  if (hash !== undefined && !/^[0-9a-f]{64}$/i.test(hash)) return refuse('xfcc-malformed', 'hash');
  let certificate: Uint8Array | undefined;
  if (cert !== undefined && cert !== '') {
    const parsed = parseUrlEncodedCertificate(cert);
    if (!parsed.ok) return refuse('xfcc-certificate', parsed.reason);
    certificate = parsed.value;
  }
  return accept({
    by: values.by,
    uris: values.uri,
    dns: values.dns,
    ...(hash !== undefined && { hash: hash.toLowerCase() }),
    ...(subject !== undefined && { subject }),
    ...(certificate !== undefined && { certificate }),
  });
}

type Pair = readonly [name: string, value: string];

/** `Key=value;Key="quoted"`; an unquoted `,` begins another element and is refused here. */
function readPairs(text: string): Result<readonly Pair[], 'xfcc-malformed' | 'xfcc-several-elements'> {
  const pairs: Pair[] = [];
  let at = 0;
  while (true) {
    if (pairs.length === MAX_XFCC_PAIRS) return refuse('xfcc-malformed', 'too many pairs');
    const equals = text.indexOf('=', at);
    if (equals < 0) return refuse('xfcc-malformed', 'pair without value');
    const name = text.slice(at, equals);
    if (/[,]/.test(name)) return refuse('xfcc-several-elements');
    if (!/^[A-Za-z]+$/.test(name)) return refuse('xfcc-malformed', 'key');
    const value = text[equals + 1] === '"' ? readQuoted(text, equals + 1) : readPlain(text, equals + 1);
    if (value === undefined) return refuse('xfcc-malformed', 'value');
    pairs.push([name, value.text]);
    if (value.end === text.length) return accept(pairs);
    if (text[value.end] === ',') return refuse('xfcc-several-elements');
    if (text[value.end] !== ';') return refuse('xfcc-malformed', 'separator');
    at = value.end + 1;
  }
}

function readQuoted(text: string, open: number): { readonly text: string; readonly end: number } | undefined {
  let value = '';
  for (let at = open + 1; at < text.length; at++) {
    const character = text[at] as string;
    if (character === '"') return { text: value, end: at + 1 };
    if (character === '\\') {
      at++;
      if (at === text.length) return undefined;
      value += text[at];
    } else value += character;
  }
  return undefined;
}

function readPlain(text: string, start: number): { readonly text: string; readonly end: number } | undefined {
  let end = start;
  while (end < text.length && text[end] !== ';' && text[end] !== ',') end++;
  const value = text.slice(start, end);
  return /^[\x21\x23-\x7e]*$/.test(value) ? { text: value, end } : undefined;
}
