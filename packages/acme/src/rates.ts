/** How much an account, and an entry, may ask for in an hour: counted by one update each, in the table. */
import type { Clock, Table } from '@postern/store';

export interface Rates {
  /** Seconds to wait when it is over the bound; `undefined` when it may go on. Counts either way. */
  count(what: string, bound: number): Promise<number | undefined>;
}

const WINDOW_SECONDS = 60 * 60;

/** `what`: names whom and what for, from our own store. */
export function createRates(ports: { readonly table: Pick<Table, 'update'>; readonly clock: Clock }): Rates {
  return {
    async count(what, bound) {
      const nowSeconds = Math.floor(ports.clock.nowMs() / 1000);
      const window = Math.floor(nowSeconds / WINDOW_SECONDS);
      const end = (window + 1) * WINDOW_SECONDS;
      const key = { pk: 'acme-rate', sk: `${what}#${window}` };
      const counted = await ports.table.update({ ...key, add: { count: 1 }, expiresAtSeconds: end + WINDOW_SECONDS });
      const count = counted.ok ? counted.value.attributes['count'] : undefined;
      return typeof count === 'number' && count <= bound ? undefined : end - nowSeconds;
    },
  };
}
