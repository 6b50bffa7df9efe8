/**
 * Keeps the keys of the release's token issuers in the feed. Only issuers that a release names are fetched, by discovery
 * from their own origin, at addresses that are allowed, in bounded time and size and without redirects; a key set is never
 * taken from a token.
 */
import { canonicalJson } from '@postern/canonical-json';
import type { AppendReason, FeedLog } from '@postern/feed';
import {
  fetchChecked,
  type IsAddressAllowed,
  type FetchReason as OutboundReason,
  resolveByPlatform,
} from '@postern/outbound';
import type { TokenIssuer } from '@postern/policy-engine';
import { accept, type Result, refuse } from '@postern/result';
import type { Clock } from '@postern/store';
import { addressRuleAfter, addressRuleOf, isLoopbackHost, type OutboundPlaces } from '../outbound.ts';

/** Keys that nobody confirmed for a day are believed no longer. */
const KEYS_LIFE_MS = 24 * 60 * 60 * 1000;
const TIMEOUT_MS = 5_000;
const MAX_DOCUMENT_BYTES = 256 * 1024;
const MAX_KEYS = 100;
const KEY_TYPES: readonly unknown[] = ['EC', 'RSA', 'OKP'];
const PUBLIC_MEMBERS = ['kty', 'kid', 'use', 'alg', 'crv', 'x', 'y', 'n', 'e'];

export type FetchReason =
  | 'issuer-url'
  /** What the issuer's name, or the place of its keys, means is where nobody may be sent. */
  | 'issuer-address'
  | 'issuer-unreachable'
  | 'issuer-document'
  | 'issuer-mismatch';
export type FetchKeys = (
  issuer: string,
) => Promise<Result<{ readonly keys: readonly { readonly [name: string]: unknown }[] }, FetchReason>>;

/** One tick: idempotent. `report`: for the operator; the keys known so far stay as they are. */
export async function publishTokenKeys(ports: {
  readonly issuers: readonly TokenIssuer[];
  readonly fetchKeys: FetchKeys;
  readonly feedLog: FeedLog;
  readonly clock: Clock;
  readonly report: (issuer: string, reason: FetchReason | AppendReason) => void;
}): Promise<void> {
  const { feedLog, clock } = ports;
  for (const { issuer } of ports.issuers) {
    const fetched = await ports.fetchKeys(issuer);
    if (!fetched.ok) {
      ports.report(issuer, fetched.reason);
      continue;
    }
    const nowMs = clock.nowMs();
    const known = await feedLog.latest('token-keys', issuer);
    const isSame = known?.kind === 'token-keys' && canonicalJson(known.jwks) === canonicalJson(fetched.value);
    if (isSame && known.expiresAtMs - nowMs > KEYS_LIFE_MS / 2) continue;
    const appended = await feedLog.append([
      {
        kind: 'token-keys',
        subject: issuer,
        observedAtMs: nowMs,
        expiresAtMs: nowMs + KEYS_LIFE_MS,
        jwks: fetched.value,
      },
    ]);
    if (!appended.ok) ports.report(issuer, appended.reason);
  }
}

/**
 * OpenID Connect Discovery 1.0 section 4. Plain http is for a development provider: only to this machine, and only for an
 * issuer that is on it, so that no provider elsewhere leads our calls to it.
 */
export function createKeyFetcher(places: OutboundPlaces): FetchKeys {
  const { resolve = resolveByPlatform, webAuthorities } = places;

  async function fetchJson(
    text: unknown,
    mayBePlain: boolean,
    isAddressAllowed: IsAddressAllowed,
  ): Promise<Result<{ readonly document: Document; readonly address: string }, FetchReason>> {
    if (typeof text !== 'string' || !URL.canParse(text)) return refuse('issuer-url');
    const url = new URL(text);
    if (url.protocol !== 'https:' && !(mayBePlain && isPlainLoopback(url)))
      return refuse('issuer-url', 'https is required');
    const rules = { isAddressAllowed, resolve, serverAuthorities: webAuthorities ?? ('platform' as const), ...BOUNDS };
    const answer = await fetchChecked(url.href, rules);
    if (!answer.ok) return refuse(REASONS[answer.reason], answer.reason);
    const { status, body, address } = answer.value;
    if (status < 200 || status > 299) return refuse('issuer-unreachable', String(status));
    const document = parseDocument(body);
    return document === undefined ? refuse('issuer-document') : accept({ document, address });
  }

  return async (issuer) => {
    if (!URL.canParse(issuer)) return refuse('issuer-url');
    const configured = new URL(issuer);
    const mayBePlain = places.allowLoopback === true && isPlainLoopback(configured);
    const rule = addressRuleOf(places, configured);
    const place = `${issuer.replace(/\/$/, '')}/.well-known/openid-configuration`;
    const metadata = await fetchJson(place, mayBePlain, rule);
    if (!metadata.ok) return metadata;
    const { document, address } = metadata.value;
    if (document['issuer'] !== issuer) return refuse('issuer-mismatch');
    const fetched = await fetchJson(document['jwks_uri'], mayBePlain, addressRuleAfter(rule, address));
    if (!fetched.ok) return fetched;
    const { keys } = fetched.value.document;
    if (!Array.isArray(keys) || keys.length > MAX_KEYS) return refuse('issuer-document', 'keys');
    return accept({ keys: keys.map(publicMembers).filter((key) => KEY_TYPES.includes(key['kty'])) });
  };
}

type Document = { readonly [name: string]: unknown };

/** A redirect is no answer: an issuer says itself where its keys are. */
const BOUNDS = { ports: 'any', maxRedirects: 0, maxBytes: MAX_DOCUMENT_BYTES, timeoutMs: TIMEOUT_MS } as const;

const REASONS: { readonly [R in OutboundReason]: FetchReason } = {
  'url-refused': 'issuer-url',
  'address-refused': 'issuer-address',
  'name-unresolved': 'issuer-unreachable',
  'connection-failed': 'issuer-unreachable',
  'redirects-too-many': 'issuer-unreachable',
  'timed-out': 'issuer-unreachable',
  'answer-too-large': 'issuer-document',
};

const isPlainLoopback = (url: URL) => url.protocol === 'http:' && isLoopbackHost(url);

function parseDocument(body: Uint8Array): Document | undefined {
  try {
    const value: unknown = JSON.parse(Buffer.from(body).toString('utf8'));
    return typeof value === 'object' && value !== null ? (value as Document) : undefined;
  } catch {
    return undefined;
  }
}

/** A provider that publishes a private key by mistake does not get it spread by us. A secret key has no public members. */
function publicMembers(key: { readonly [name: string]: unknown } | null): { readonly [name: string]: unknown } {
  return Object.fromEntries(
    PUBLIC_MEMBERS.filter((name) => typeof key?.[name] === 'string').map((name) => [name, key?.[name]]),
  );
}
