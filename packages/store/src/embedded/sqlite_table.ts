/**
 * The embedded default's Table: one SQLite file (node:sqlite). `synchronous=FULL` and WAL: a write that returned survives
 * a power cut. One process; a second one is kept out by the exclusive lock.
 */
import { DatabaseSync } from 'node:sqlite';
import { accept, refuse } from '@postern/result';
import { checkItem, checkKey, checkQuery, checkTransaction, keyOf } from '../bounds.ts';
import type { Clock } from '../clock.ts';
import { formatAttributes, parseAttributes } from '../item_text.ts';
import { type Item, type Key, StoreUnavailable, type Table, type Write } from '../table.ts';
import { effectOf } from '../write_effect.ts';

interface Row {
  readonly pk: string;
  readonly sk: string;
  readonly attributes: string;
  readonly expires: number | null;
}

/** Keys are compared as bytes: SQLite's BINARY collation over UTF-8 text, as DynamoDB does. */
const SCHEMA = `
  PRAGMA journal_mode = WAL;
  PRAGMA synchronous = FULL;
  PRAGMA locking_mode = EXCLUSIVE;
  CREATE TABLE IF NOT EXISTS item (
    pk TEXT NOT NULL COLLATE BINARY,
    sk TEXT NOT NULL COLLATE BINARY,
    attributes TEXT NOT NULL,
    expires INTEGER,
    PRIMARY KEY (pk, sk)
  ) STRICT, WITHOUT ROWID;
  CREATE INDEX IF NOT EXISTS item_expires ON item (expires) WHERE expires IS NOT NULL;
`;

/** Expired items are deleted this often, counted in writes. */
const WRITES_PER_PRUNE = 1000;

export interface SqliteTable {
  readonly table: Table;
  close(): void;
}

/** `path`: a file, or `:memory:`. */
export function openSqliteTable(path: string, ports: { readonly clock: Clock }): SqliteTable {
  const database = new DatabaseSync(path);
  database.exec(SCHEMA);
  const selectOne = database.prepare('SELECT * FROM item WHERE pk = ? AND sk = ? AND (expires IS NULL OR expires > ?)');
  const upsert = database.prepare('INSERT OR REPLACE INTO item (pk, sk, attributes, expires) VALUES (?, ?, ?, ?)');
  const remove = database.prepare('DELETE FROM item WHERE pk = ? AND sk = ?');
  const prune = database.prepare('DELETE FROM item WHERE expires IS NOT NULL AND expires <= ?');
  // `substr` on blobs counts bytes, so a prefix is a prefix of bytes.
  const select = (order: 'ASC' | 'DESC', comparison: '>' | '<') =>
    database.prepare(`
      SELECT * FROM item
      WHERE pk = ? AND (expires IS NULL OR expires > ?)
        AND substr(CAST(sk AS BLOB), 1, length(CAST(? AS BLOB))) = CAST(? AS BLOB)
        AND (? IS NULL OR sk ${comparison} ?)
      ORDER BY sk ${order} LIMIT ?`);
  const selectAscending = select('ASC', '>');
  const selectDescending = select('DESC', '<');
  let writes = 0;

  const nowSeconds = () => Math.floor(ports.clock.nowMs() / 1000);

  function read(key: Key): Item | undefined {
    const row = selectOne.get(key.pk, key.sk, nowSeconds()) as Row | undefined;
    return row && itemOf(row);
  }

  function write(item: Item): void {
    upsert.run(item.pk, item.sk, formatAttributes(item.attributes), item.expiresAtSeconds ?? null);
  }

  /** All or nothing; answers the item after each write, or undefined when a condition failed. */
  function commit(operations: readonly Write[]): (Item | undefined)[] | undefined {
    database.exec('BEGIN IMMEDIATE');
    try {
      const items: (Item | undefined)[] = [];
      for (const operation of operations) {
        const current = read(keyOf(operation));
        const effect = effectOf(operation, current);
        if (effect === 'condition-failed') {
          database.exec('ROLLBACK');
          return undefined;
        }
        if (effect !== 'unchanged') {
          if (effect.item === undefined) remove.run(keyOf(operation).pk, keyOf(operation).sk);
          else write(effect.item);
        }
        items.push(effect === 'unchanged' ? current : effect.item);
      }
      writes += operations.length;
      if (writes >= WRITES_PER_PRUNE) {
        writes = 0;
        prune.run(nowSeconds());
      }
      database.exec('COMMIT');
      return items;
    } catch (fault) {
      if (database.isTransaction) database.exec('ROLLBACK');
      throw fault;
    }
  }

  /** SQLite's own faults (disk full, locked, I/O) are the store's; ours stay what they are. */
  function guarded<T>(work: () => T): T {
    try {
      return work();
    } catch (cause) {
      if ((cause as { code?: string }).code === 'ERR_SQLITE_ERROR') throw new StoreUnavailable('the table cannot be used', { cause });
      throw cause;
    }
  }

  const one = (operation: Write) => {
    const items = guarded(() => commit([operation]));
    return items === undefined ? refuse('condition-failed') : accept(items[0]);
  };
  const done = (outcome: ReturnType<typeof one>) => (outcome.ok ? accept(undefined) : outcome);

  const table: Table = {
    async get(key) {
      checkKey(key);
      return guarded(() => read(key));
    },
    async query(query) {
      const limit = checkQuery(query);
      const statement = query.reverse === true ? selectDescending : selectAscending;
      const prefix = query.prefix ?? '';
      const after = query.after ?? null;
      const rows = guarded(() => statement.all(query.pk, nowSeconds(), prefix, prefix, after, after, limit + 1)) as unknown as Row[];
      const items = rows.slice(0, limit).map(itemOf);
      return rows.length > limit ? { items, next: items[items.length - 1]?.sk } : { items };
    },
    async put(item, condition) {
      checkItem(item);
      return done(one({ put: item, condition }));
    },
    async update(update) {
      checkKey(update);
      const outcome = one({ update });
      return outcome.ok ? accept(outcome.value as Item) : outcome;
    },
    async delete(key, condition) {
      checkKey(key);
      return done(one({ delete: key, condition }));
    },
    async transact(operations) {
      checkTransaction(operations);
      return guarded(() => commit(operations)) === undefined ? refuse('condition-failed') : accept(undefined);
    },
  };
  return { table, close: () => database.close() };
}

function itemOf(row: Row): Item {
  const { pk, sk, attributes, expires } = row;
  return { pk, sk, attributes: parseAttributes(attributes), ...(expires === null ? {} : { expiresAtSeconds: expires }) };
}
