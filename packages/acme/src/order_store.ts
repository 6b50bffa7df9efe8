/** Orders of accounts: each below its account, so that to another account it is not there. */
import type { Mac } from '@postern/keys';
import { accept, type Result, refuse } from '@postern/result';
import type { Clock, Key, Table } from '@postern/store';
import type { AcmeOrder } from './order.ts';
import { createSealedItems } from './sealed_items.ts';

export interface AcmeOrderStore {
  create(order: AcmeOrder): Promise<void>;
  /** `id`: untrusted. */
  get(accountId: string, id: string): Promise<AcmeOrder | undefined>;
  /** The newest first; at most so many. */
  list(accountId: string, limit: number): Promise<readonly AcmeOrder[]>;
  /**
   * Reads, changes and writes; again while somebody else was first. `change` answers `undefined` to leave it as it is.
   * `order-busy`: others were first every time.
   */
  change(
    accountId: string,
    id: string,
    change: (order: AcmeOrder) => AcmeOrder | undefined,
  ): Promise<Result<AcmeOrder, 'order-unknown' | 'order-busy'>>;
  /** That a certificate is being replaced by an order; the order that was first, when there is one. */
  claimReplacement(accountId: string, certificate: string, orderId: string): Promise<string>;
  /** Takes the claim over from an order that came to nothing. */
  takeReplacement(accountId: string, certificate: string, from: string, to: string): Promise<boolean>;
}

const ID = /^[0-9a-f-]{36}$/;
const MAX_ATTEMPTS = 8;
/** Its certificate can be fetched, and it is in the list, for so long after it is over. */
const KEEP_SECONDS = 24 * 60 * 60;
/** More than any certificate of ours lives. */
const KEEP_CLAIM_SECONDS = 14 * 24 * 60 * 60;

/** `mac`: key `acme`. */
export function createAcmeOrderStore(ports: {
  readonly table: Table;
  readonly mac: Mac;
  readonly clock: Clock;
  readonly onForged: (key: Key) => void;
}): AcmeOrderStore {
  const { table, clock } = ports;
  const orders = createSealedItems<AcmeOrder>(ports);
  const claims = createSealedItems<{ readonly orderId: string }>(ports);
  const keyOf = (accountId: string, id: string): Key => ({ pk: `acme-order#${accountId}`, sk: id });
  const claimKey = (accountId: string, certificate: string): Key => ({
    pk: `acme-replacement#${accountId}`,
    sk: certificate,
  });
  const get = async (accountId: string, id: string) => (ID.test(id) ? orders.get(keyOf(accountId, id)) : undefined);
  const endOf = ({ expiresAtMs, notAfterMs = 0 }: AcmeOrder) =>
    Math.ceil(Math.max(expiresAtMs, notAfterMs) / 1000) + KEEP_SECONDS;
  const claimEnd = () => Math.ceil(clock.nowMs() / 1000) + KEEP_CLAIM_SECONDS;

  return {
    get,
    async create(order) {
      if (!(await orders.create(keyOf(order.accountId, order.id), order, endOf(order))))
        throw new Error('two orders with one id');
    },
    async list(accountId, limit) {
      const page = await table.query({ pk: `acme-order#${accountId}`, reverse: true, limit });
      const opened = await Promise.all(page.items.map(orders.open));
      return opened.filter((order) => order !== undefined);
    },
    async change(accountId, id, change) {
      for (let attempt = 0; attempt < MAX_ATTEMPTS; attempt++) {
        const before = await get(accountId, id);
        if (before === undefined) return refuse('order-unknown');
        const after = change(before);
        if (after === undefined) return accept(before);
        if (await orders.replace(keyOf(accountId, id), before, after, endOf(after))) return accept(after);
      }
      return refuse('order-busy');
    },
    async claimReplacement(accountId, certificate, orderId) {
      const key = claimKey(accountId, certificate);
      if (await claims.create(key, { orderId }, claimEnd())) return orderId;
      return (await claims.get(key))?.orderId ?? '';
    },
    takeReplacement: (accountId, certificate, from, to) =>
      claims.replace(claimKey(accountId, certificate), { orderId: from }, { orderId: to }, claimEnd()),
  };
}
