/**
 * One-time join tokens for bare machines. The secret is stored as its digest only; one conditional write spends it, so
 * of two nodes that present it one joins.
 */
import { createHash, randomBytes } from 'node:crypto';
import { accept, type Result, refuse } from '@postern/result';
import type { Clock, Table } from '@postern/store';

export interface JoinTokenStore {
  /** `agentId`: SPIFFE ID that the bearer will get. The secret is answered once and never stored. */
  create(agentId: string, ttlSeconds: number): Promise<{ readonly secret: string; readonly expiresAtMs: number }>;
  /** Spends it. `secret`: untrusted. Cost: one read for an unknown one, one more write for a good one. */
  consume(secret: string): Promise<Result<{ readonly agentId: string }, JoinTokenReason>>;
}

export type JoinTokenReason = 'join-token-unknown' | 'join-token-used' | 'join-token-expired';

const MAX_SECRET_LENGTH = 128;
/** Kept this long after it expired or was used, so that a late use is told apart from a guess. */
const KEEP_SECONDS = 24 * 60 * 60;

const keyOf = (secret: string) => ({ pk: 'join-token', sk: createHash('sha256').update(secret).digest('hex') });

export function createJoinTokenStore(ports: { readonly table: Table; readonly clock: Clock }): JoinTokenStore {
  const { table, clock } = ports;
  return {
    async create(agentId, ttlSeconds) {
      const secret = randomBytes(32).toString('base64url');
      const expiresAtMs = clock.nowMs() + ttlSeconds * 1000;
      const expiresAtSeconds = Math.ceil(expiresAtMs / 1000) + KEEP_SECONDS;
      await table.put({ ...keyOf(secret), attributes: { agentId, expiresAtMs, used: false }, expiresAtSeconds });
      return { secret, expiresAtMs };
    },
    async consume(secret) {
      if (secret.length > MAX_SECRET_LENGTH) return refuse('join-token-unknown');
      const item = await table.get(keyOf(secret));
      if (item === undefined) return refuse('join-token-unknown');
      const { agentId, expiresAtMs, used } = item.attributes;
      if (used !== false) return refuse('join-token-used');
      if (clock.nowMs() >= (expiresAtMs as number)) return refuse('join-token-expired');
      const spent = await table.update({
        ...keyOf(secret),
        set: { used: true },
        condition: { kind: 'equals', attribute: 'used', value: false },
      });
      return spent.ok ? accept({ agentId: agentId as string }) : refuse('join-token-used');
    },
  };
}
