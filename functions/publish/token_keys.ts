/**
 * Keeps the keys of the release's token issuers in the feed. Only issuers that a release names are fetched, by discovery
 * from their own origin, in bounded time and size and without redirects; a key set is never taken from a token.
 */
import { canonicalJson } from '@postern/canonical-json';
import type { AppendReason, FeedLog } from '@postern/feed';
import type { TokenIssuer } from '@postern/policy-engine';
import { accept, type Result, refuse } from '@postern/result';
import type { Clock } from '@postern/store';

/** Keys that nobody confirmed for a day are believed no longer. */
const KEYS_LIFE_MS = 24 * 60 * 60 * 1000;
const TIMEOUT_MS = 5_000;
const MAX_DOCUMENT_BYTES = 256 * 1024;
const MAX_KEYS = 100;
const KEY_TYPES: readonly unknown[] = ['EC', 'RSA', 'OKP'];
const PUBLIC_MEMBERS = ['kty', 'kid', 'use', 'alg', 'crv', 'x', 'y', 'n', 'e'];

export type FetchReason = 'issuer-url' | 'issuer-unreachable' | 'issuer-document' | 'issuer-mismatch';
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
 * OpenID Connect Discovery 1.0 section 4. `allowLoopback`: plain http to this machine, for a development provider: only
 * for an issuer that is on this machine itself, so that no provider elsewhere leads our calls to it.
 */
export function createKeyFetcher(options: { readonly allowLoopback: boolean }): FetchKeys {
  return async (issuer) => {
    const mayBeLoopback = options.allowLoopback && URL.canParse(issuer) && isLoopback(new URL(issuer));
    const metadata = await fetchJson(`${issuer.replace(/\/$/, '')}/.well-known/openid-configuration`, mayBeLoopback);
    if (!metadata.ok) return metadata;
    if (metadata.value['issuer'] !== issuer) return refuse('issuer-mismatch');
    const document = await fetchJson(metadata.value['jwks_uri'], mayBeLoopback);
    if (!document.ok) return document;
    const { keys } = document.value;
    if (!Array.isArray(keys) || keys.length > MAX_KEYS) return refuse('issuer-document', 'keys');
    return accept({ keys: keys.map(publicMembers).filter((key) => KEY_TYPES.includes(key['kty'])) });
  };
}

const isLoopback = (url: URL) => url.protocol === 'http:' && ['127.0.0.1', '[::1]', 'localhost'].includes(url.hostname);

async function fetchJson(
  text: unknown,
  mayBeLoopback: boolean,
): Promise<Result<{ readonly [name: string]: unknown }, FetchReason>> {
  if (typeof text !== 'string' || !URL.canParse(text)) return refuse('issuer-url');
  const url = new URL(text);
  if (url.protocol !== 'https:' && !(mayBeLoopback && isLoopback(url)))
    return refuse('issuer-url', 'https is required');
  if (url.username !== '' || url.password !== '') return refuse('issuer-url', 'no credentials');
  try {
    const response = await fetch(url, { redirect: 'error', signal: AbortSignal.timeout(TIMEOUT_MS) });
    if (!response.ok) return refuse('issuer-unreachable', String(response.status));
    const chunks: Uint8Array[] = [];
    let size = 0;
    for await (const chunk of response.body ?? []) {
      size += chunk.byteLength;
      if (size > MAX_DOCUMENT_BYTES) return refuse('issuer-document', 'too large');
      chunks.push(chunk);
    }
    const value = JSON.parse(Buffer.concat(chunks).toString('utf8'));
    return typeof value === 'object' && value !== null ? accept(value) : refuse('issuer-document');
  } catch (fault) {
    return refuse(fault instanceof SyntaxError ? 'issuer-document' : 'issuer-unreachable');
  }
}

/** A provider that publishes a private key by mistake does not get it spread by us. A secret key has no public members. */
function publicMembers(key: { readonly [name: string]: unknown } | null): { readonly [name: string]: unknown } {
  return Object.fromEntries(
    PUBLIC_MEMBERS.filter((name) => typeof key?.[name] === 'string').map((name) => [name, key?.[name]]),
  );
}
