/** A table that counts what it is asked, for tests of cost. */
import type { Table } from '../table.ts';

export interface CountedTable extends Table {
  /** Calls of `get` and `query`. */
  reads(): number;
  /** Items that reads answered. */
  itemsRead(): number;
  /** Calls that write: a transaction is one. */
  writes(): number;
  /** Items named by writes: a transaction of three is three. */
  itemsWritten(): number;
  reset(): void;
}

export function countingTable(table: Table): CountedTable {
  let [reads, itemsRead, writes, itemsWritten] = [0, 0, 0, 0];
  const write = <T>(items: number, work: () => T): T => {
    writes += 1;
    itemsWritten += items;
    return work();
  };
  const read = <T>(work: () => T): T => {
    reads += 1;
    return work();
  };
  return {
    get: (key) =>
      read(async () => {
        const item = await table.get(key);
        if (item !== undefined) itemsRead += 1;
        return item;
      }),
    query: (query) =>
      read(async () => {
        const page = await table.query(query);
        itemsRead += page.items.length;
        return page;
      }),
    put: (item, condition) => write(1, () => table.put(item, condition)),
    update: (update) => write(1, () => table.update(update)),
    delete: (key, condition) => write(1, () => table.delete(key, condition)),
    transact: (operations) => write(operations.length, () => table.transact(operations)),
    reads: () => reads,
    itemsRead: () => itemsRead,
    writes: () => writes,
    itemsWritten: () => itemsWritten,
    reset: () => {
      [reads, itemsRead, writes, itemsWritten] = [0, 0, 0, 0];
    },
  };
}
