/** A table that counts what it is asked, for tests of cost. */
import type { Table } from '../table.ts';

export interface CountedTable extends Table {
  /** Calls of `get` and `query`. */
  reads(): number;
  /** Calls that write: a transaction is one. */
  writes(): number;
  /** Items named by writes: a transaction of three is three. */
  itemsWritten(): number;
  reset(): void;
}

export function countingTable(table: Table): CountedTable {
  let [reads, writes, itemsWritten] = [0, 0, 0];
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
    get: (key) => read(() => table.get(key)),
    query: (query) => read(() => table.query(query)),
    put: (item, condition) => write(1, () => table.put(item, condition)),
    update: (update) => write(1, () => table.update(update)),
    delete: (key, condition) => write(1, () => table.delete(key, condition)),
    transact: (operations) => write(operations.length, () => table.transact(operations)),
    reads: () => reads,
    writes: () => writes,
    itemsWritten: () => itemsWritten,
    reset: () => {
      [reads, writes, itemsWritten] = [0, 0, 0];
    },
  };
}
