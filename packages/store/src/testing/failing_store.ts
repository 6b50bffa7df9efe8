/**
 * Stores that fail when told to. A real store fails in two ways that a caller cannot tell apart: nothing was written, or
 * it was and the answer got lost.
 */
import { keyOf } from '../bounds.ts';
import type { Objects } from '../objects.ts';
import { StoreUnavailable, type Table } from '../table.ts';

/** `before`: nothing happened. `after`: it happened, and the caller is not told. */
export type Fault = 'none' | 'before' | 'after';

export interface TableCall {
  readonly operation: keyof Table;
  /** Calls before this one. */
  readonly index: number;
  /** Partition keys that it names. */
  readonly pks: readonly string[];
}

export interface ObjectsCall {
  readonly operation: keyof Objects;
  readonly index: number;
  /** Name or prefix. */
  readonly name: string;
}

export function failingTable(table: Table, faultOf: (call: TableCall) => Fault | boolean): Table {
  let index = 0;
  const guarded = <T>(operation: keyof Table, pks: readonly string[], work: () => Promise<T>) =>
    withFault(faultOf({ operation, index: index++, pks }), work);
  return {
    get: (key) => guarded('get', [key.pk], () => table.get(key)),
    query: (query) => guarded('query', [query.pk], () => table.query(query)),
    put: (item, condition) => guarded('put', [item.pk], () => table.put(item, condition)),
    update: (update) => guarded('update', [update.pk], () => table.update(update)),
    delete: (key, condition) => guarded('delete', [key.pk], () => table.delete(key, condition)),
    transact: (writes) => {
      const pks = writes.map((write) => keyOf(write).pk);
      return guarded('transact', pks, () => table.transact(writes));
    },
  };
}

export function failingObjects(objects: Objects, faultOf: (call: ObjectsCall) => Fault | boolean): Objects {
  let index = 0;
  const guarded = <T>(operation: keyof Objects, name: string, work: () => Promise<T>) =>
    withFault(faultOf({ operation, index: index++, name }), work);
  return {
    putIfAbsent: (name, bytes) => guarded('putIfAbsent', name, () => objects.putIfAbsent(name, bytes)),
    get: (name) => guarded('get', name, () => objects.get(name)),
    list: (prefix, options) => guarded('list', prefix, () => objects.list(prefix, options)),
  };
}

async function withFault<T>(fault: Fault | boolean, work: () => Promise<T>): Promise<T> {
  if (fault === 'before' || fault === true) throw new StoreUnavailable('told to fail');
  const answer = await work();
  if (fault === 'after') throw new StoreUnavailable('told to lose the answer');
  return answer;
}
