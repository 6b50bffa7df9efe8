/**
 * Keys of token issuers, fetched when a token is here and remembered for minutes. Only issuers that settings name are asked,
 * each at most once per bound however many tokens name keys that it does not have.
 */

import type { KeyObject } from 'node:crypto';
import { createHash } from 'node:crypto';
import type { JwsHeader } from '@postern/keys';
import { accept, type Result, refuse } from '@postern/result';
import type { Clock } from '@postern/store';
import { findTokenKey } from '../token_keys.ts';
import type { TokenKeySet } from '../user_identity.ts';

/** By discovery from the issuer's own origin, in bounded time and size, without redirects. */
export type FetchIssuerKeys = (issuer: string) => Promise<Result<TokenKeySet>>;

export interface IssuerKeys {
  /**
   * `issuer`: of an instance's settings, never of a token. `header`: untrusted; only compared. `attestor-unavailable`: the
   * issuer did not answer, and nothing recent is known of it.
   */
  find(issuer: string, header: JwsHeader): Promise<Result<KeyObject, 'token-key-unknown' | 'attestor-unavailable'>>;
}

/** What an issuer withdraws is believed no longer than this. */
const FRESH_MS = 5 * 60_000;
/** While it does not answer, what it last said counts this long. */
const STALE_MS = 60 * 60_000;
/** An issuer is not asked more often than this, by tokens with unknown keys or because it does not answer. */
const ASK_AGAIN_MS = 30_000;
/** More than a deployment has; a set has 100 keys at most. */
const MAX_ISSUERS = 256;

interface Known {
  readonly keys: TokenKeySet | undefined;
  /** When `keys` came. */
  readonly atMs: number;
  readonly askedAtMs: number;
}

export function createIssuerKeys(ports: {
  readonly fetchKeys: FetchIssuerKeys;
  readonly clock: Clock;
  /** For the operator: which issuer did not answer, and why. */
  readonly report?: (issuer: string, reason: string) => void;
}): IssuerKeys {
  const { fetchKeys, clock, report } = ports;
  const known = new Map<string, Known>();
  const asking = new Map<string, Promise<void>>();

  /** Once for all who wait. Keeps what is known when the issuer does not answer. */
  function ask(issuer: string): Promise<void> {
    const running = asking.get(issuer);
    if (running !== undefined) return running;
    const asked = fetchKeys(issuer)
      .then((fetched) => {
        const nowMs = clock.nowMs();
        const before = known.get(issuer);
        if (!fetched.ok) report?.(issuer, fetched.reason);
        known.delete(issuer);
        known.set(
          issuer,
          fetched.ok
            ? { keys: sameOr(before?.keys, fetched.value), atMs: nowMs, askedAtMs: nowMs }
            : { keys: before?.keys, atMs: before?.atMs ?? 0, askedAtMs: nowMs },
        );
        const oldest = known.keys().next().value;
        if (known.size > MAX_ISSUERS && oldest !== undefined) known.delete(oldest);
      })
      .finally(() => asking.delete(issuer));
    asking.set(issuer, asked);
    return asked;
  }

  return {
    async find(issuer, header) {
      const lookUp = () => {
        const entry = known.get(issuer);
        const isUsable = entry?.keys !== undefined && clock.nowMs() - entry.atMs < STALE_MS;
        return isUsable ? findTokenKey(entry.keys as TokenKeySet, header) : undefined;
      };
      const isFresh = clock.nowMs() - (known.get(issuer)?.atMs ?? Number.NEGATIVE_INFINITY) < FRESH_MS;
      const first = lookUp();
      if (first?.ok === true && isFresh) return first;
      const mayAsk = clock.nowMs() - (known.get(issuer)?.askedAtMs ?? Number.NEGATIVE_INFINITY) >= ASK_AGAIN_MS;
      if (mayAsk || asking.has(issuer)) await ask(issuer);
      const found = lookUp();
      if (found === undefined) return refuse('attestor-unavailable', 'the issuer does not answer');
      return found.ok ? accept(found.value) : found;
    },
  };
}

/** The same keys are the same object, so that they are imported once. */
function sameOr(before: TokenKeySet | undefined, now: TokenKeySet): TokenKeySet {
  return before !== undefined && digestOf(before) === digestOf(now) ? before : now;
}

function digestOf(set: TokenKeySet): string {
  return createHash('sha256').update(JSON.stringify(set.keys)).digest('base64url');
}
