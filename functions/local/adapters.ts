/** What the embedded default puts behind the ports: a SQLite file each for table and objects, and software keys. */
import { join } from 'node:path';
import { type KeyRing, openSoftwareKeyRing } from '@postern/keys';
import type { Clock, Objects, Table } from '@postern/store';
import { openSqliteObjects, openSqliteTable } from '@postern/store/embedded';
import type { Shutdown } from './shutdown.ts';

export interface Adapters {
  readonly table: Table;
  readonly objects: Objects;
  readonly keys: KeyRing;
}

/** `given` take the place of the embedded ones and are their owner's to close. `dir`: made before. */
export function openAdapters(ports: {
  readonly dir: string;
  readonly clock: Clock;
  readonly given: Partial<Adapters>;
  readonly shutdown: Shutdown;
}): Adapters {
  const { dir, clock, given, shutdown } = ports;
  return {
    table: given.table ?? openTable(join(dir, 'table.db'), clock, shutdown),
    objects: given.objects ?? openObjects(join(dir, 'objects.db'), shutdown),
    keys: given.keys ?? openSoftwareKeyRing(join(dir, 'keys')),
  };
}

function openTable(path: string, clock: Clock, shutdown: Shutdown): Table {
  const { table, close } = openSqliteTable(path, { clock });
  shutdown.add(close);
  return table;
}

function openObjects(path: string, shutdown: Shutdown): Objects {
  const { objects, close } = openSqliteObjects(path);
  shutdown.add(close);
  return objects;
}
