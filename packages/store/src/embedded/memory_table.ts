/** A Table in memory, for tests: the sqlite adapter on a database that is never written to disk. */
import type { Clock } from '../clock.ts';
import type { Table } from '../table.ts';
import { openSqliteTable } from './sqlite_table.ts';

export function createMemoryTable(ports: { readonly clock: Clock }): Table {
  return openSqliteTable(':memory:', ports).table;
}
