/**
 * Keys by which accounts are bound to registration entries (RFC 8555 7.3.4). An administrator makes one for an entry and
 * hands its secret to whoever runs the client; it makes one account. The secret is computed from the id under a key that
 * the table does not hold, so that it is stored nowhere.
 */
import { constantTimeEqual, type Mac } from '@postern/keys';
import { accept, type Result, refuse } from '@postern/result';
import type { Clock, Key, Table } from '@postern/store';
import { createSealedItems } from './sealed_items.ts';

export interface AcmeKey {
  /** UUIDv7; `kid` of the binding. */
  readonly id: string;
  readonly entryId: string;
  readonly createdAtMs: number;
  /** Until when an account can be made with it; the account lives on. */
  readonly usableUntilMs: number;
  /** RFC 7638, of the first key of the account that it made. */
  readonly usedBy?: string;
}

export interface AcmeKeyStore {
  /** `secret`: base64url, shown once. */
  create(entryId: string, ttlSeconds: number): Promise<{ readonly key: AcmeKey; readonly secret: string }>;
  /** `id`: untrusted. */
  get(id: string): Promise<AcmeKey | undefined>;
  list(): Promise<readonly AcmeKey[]>;
  /** The account that it made is useless from then on. */
  delete(id: string): Promise<Result<AcmeKey, 'acme-key-unknown'>>;
  secretOf(id: string): Promise<Uint8Array>;
  /** For one account key, once; the same one again is no other use. Cost: one read, and one conditional write. */
  use(
    id: string,
    thumbprint: string,
  ): Promise<Result<AcmeKey, 'acme-key-unknown' | 'acme-key-used' | 'acme-key-expired'>>;
}

export const MAX_ACME_KEY_TTL_SECONDS = 30 * 24 * 60 * 60;
export const MAX_ACME_KEYS = 1000;
/** One that made no account is listed for a day more, and then gone. */
const KEEP_UNUSED_SECONDS = 24 * 60 * 60;
const PARTITION = 'acme-key';
const KEY_ID = /^[0-9a-f-]{36}$/;

export function createAcmeKeyStore(ports: {
  readonly table: Table;
  /** Key `entries`: who makes and uses entries makes and uses these. */
  readonly mac: Mac;
  readonly clock: Clock;
  readonly createId: () => string;
  readonly onForged: (key: Key) => void;
}): AcmeKeyStore {
  const { table, mac, clock } = ports;
  const items = createSealedItems<AcmeKey>(ports);
  const keyOf = (id: string): Key => ({ pk: PARTITION, sk: id });

  const secretOf = (id: string) => mac.compute(Buffer.from(`acme-key-secret\u0000${id}`));
  const get = async (id: string) => (KEY_ID.test(id) ? items.get(keyOf(id)) : undefined);

  return {
    get,
    secretOf,
    async create(entryId, ttlSeconds) {
      if (!(ttlSeconds > 0 && ttlSeconds <= MAX_ACME_KEY_TTL_SECONDS))
        throw new RangeError('a key is usable 1 s to 30 days');
      const nowMs = clock.nowMs();
      const key = { id: ports.createId(), entryId, createdAtMs: nowMs, usableUntilMs: nowMs + ttlSeconds * 1000 };
      const end = Math.ceil(key.usableUntilMs / 1000) + KEEP_UNUSED_SECONDS;
      if (!(await items.create(keyOf(key.id), key, end))) throw new Error('two keys with one id');
      return { key, secret: Buffer.from(await secretOf(key.id)).toString('base64url') };
    },
    async list() {
      const keys: AcmeKey[] = [];
      let after: string | undefined;
      do {
        const page = await table.query({ pk: PARTITION, after, limit: 100 });
        for (const item of page.items) {
          const key = await items.open(item);
          if (key !== undefined) keys.push(key);
        }
        after = page.next;
      } while (after !== undefined && keys.length < MAX_ACME_KEYS);
      return keys;
    },
    async delete(id) {
      const key = await get(id);
      if (key === undefined) return refuse('acme-key-unknown');
      const deleted = await table.delete(keyOf(id), { kind: 'present' });
      return deleted.ok ? accept(key) : refuse('acme-key-unknown');
    },
    async use(id, thumbprint) {
      const key = await get(id);
      if (key === undefined) return refuse('acme-key-unknown');
      if (key.usedBy !== undefined) return isUser(key, thumbprint) ? accept(key) : refuse('acme-key-used');
      if (clock.nowMs() >= key.usableUntilMs) return refuse('acme-key-expired');
      const used = { ...key, usedBy: thumbprint };
      return (await items.replace(keyOf(id), key, used)) ? accept(used) : refuse('acme-key-used');
    },
  };
}

/** Whether it is this account key that the key was used for. */
export function isUser({ usedBy }: AcmeKey, thumbprint: string): boolean {
  return usedBy !== undefined && constantTimeEqual(Buffer.from(usedBy), Buffer.from(thumbprint));
}
