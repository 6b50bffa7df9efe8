/**
 * One-time join tokens for bare machines. The secret is stored as its digest only; one conditional write spends it, so
 * of two nodes that present it one joins. The agent that it stands for is stored with a MAC: whoever can merely write the
 * table knows no secret, but could put one of its own there.
 */
import { createHash, randomBytes } from 'node:crypto';
import { canonicalJson } from '@postern/canonical-json';
import type { Mac } from '@postern/keys';
import { accept, type Result, refuse } from '@postern/result';
import type { Clock, Item, Table } from '@postern/store';

export interface JoinTokenStore {
  /**
   * `agentId`: SPIFFE ID that the bearer will get, or `/postern/attestor/INSTANCE/NAME` of a token for a workload, which
   * stands for that name at that attestor and for no identity; `ttlSeconds`: 1 to seven days. The secret is answered once
   * and never stored.
   */
  create(agentId: string, ttlSeconds: number): Promise<{ readonly secret: string; readonly expiresAtMs: number }>;
  /** Looks without spending, with the same refusals. Cost: one read. */
  check(secret: string): Promise<Result<JoinGrant, JoinTokenReason>>;
  /**
   * Spends it. `secret`: untrusted. `join-token-unknown` also for one that somebody put there without the MAC.
   * `beforeSpending`: called for a good one only; when it rejects, so does this, and the token is still good. Cost: one read,
   * and one conditional write for a good one.
   */
  consume(
    secret: string,
    beforeSpending?: (agentId: string) => Promise<void>,
  ): Promise<Result<{ readonly agentId: string }, JoinTokenReason>>;
}

export type JoinTokenReason = 'join-token-unknown' | 'join-token-used' | 'join-token-expired';

const SECRET_BYTES = 32;
const MAX_SECRET_LENGTH = 128;
/** A token is for the machine that is being set up, not for a drawer. */
const MAX_TTL_SECONDS = 7 * 24 * 60 * 60;
/** Kept this long after it expired or was used, so that a late use is told apart from a guess. */
const KEEP_SECONDS = 24 * 60 * 60;

const keyOf = (secret: string) => ({ pk: 'join-token', sk: createHash('sha256').update(secret).digest('hex') });

export interface JoinGrant {
  readonly agentId: string;
  readonly expiresAtMs: number;
}

export function createJoinTokenStore(ports: {
  readonly table: Table;
  readonly clock: Clock;
  /** Key `entries`: whoever can merely write the table cannot make itself a token. */
  readonly mac: Mac;
}): JoinTokenStore {
  const { table, clock, mac } = ports;

  async function grantOf(item: Item): Promise<JoinGrant | undefined> {
    const { agentId, expiresAtMs, mac: tag } = item.attributes;
    if (typeof agentId !== 'string' || typeof expiresAtMs !== 'number') return undefined;
    const grant = { agentId, expiresAtMs };
    return tag instanceof Uint8Array && (await mac.verify(macInput(item.sk, grant), tag)) ? grant : undefined;
  }

  async function check(secret: string): Promise<Result<JoinGrant, JoinTokenReason>> {
    if (secret.length > MAX_SECRET_LENGTH) return refuse('join-token-unknown');
    const item = await table.get(keyOf(secret));
    const grant = item && (await grantOf(item));
    if (item === undefined || grant === undefined) return refuse('join-token-unknown');
    if (item.attributes['used'] !== false) return refuse('join-token-used');
    return clock.nowMs() >= grant.expiresAtMs ? refuse('join-token-expired') : accept(grant);
  }

  return {
    check,
    async create(agentId, ttlSeconds) {
      if (!(ttlSeconds > 0 && ttlSeconds <= MAX_TTL_SECONDS)) throw new RangeError('a join token lives 1 s to 7 days');
      const secret = randomBytes(SECRET_BYTES).toString('base64url');
      const key = keyOf(secret);
      const grant = { agentId, expiresAtMs: clock.nowMs() + ttlSeconds * 1000 };
      const tag = await mac.compute(macInput(key.sk, grant));
      const expiresAtSeconds = Math.ceil(grant.expiresAtMs / 1000) + KEEP_SECONDS;
      const put = await table.put(
        { ...key, attributes: { ...grant, mac: tag, used: false }, expiresAtSeconds },
        { kind: 'absent' },
      );
      if (!put.ok) throw new Error('two join tokens with one secret');
      return { secret, expiresAtMs: grant.expiresAtMs };
    },
    async consume(secret, beforeSpending) {
      const checked = await check(secret);
      if (!checked.ok) return checked;
      const { agentId } = checked.value;
      await beforeSpending?.(agentId);
      const spent = await table.update({
        ...keyOf(secret),
        set: { used: true },
        condition: { kind: 'equals', attribute: 'used', value: false },
      });
      return spent.ok ? accept({ agentId }) : refuse('join-token-used');
    },
  };
}

/** Bound to its digest, so that a grant cannot be moved under another secret; and to its kind, since entries share the key. */
function macInput(digest: string, grant: JoinGrant): Uint8Array {
  return Buffer.from(`join-token\u0000${digest}\u0000${canonicalJson(grant)}`);
}
