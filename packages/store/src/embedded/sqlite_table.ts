/**
 * The embedded default's Table: one SQLite file (node:sqlite). `synchronous=FULL` and WAL: a write that returned survives
 * a power cut. One process; a second one is kept out by the exclusive lock.
 */
import { accept, refuse } from '@postern/result';
import { checkItem, checkKey, checkQuery, checkTransaction, checkUpdate, keyOf } from '../bounds.ts';
import type { Clock } from '../clock.ts';
import { formatAttributes, parseAttributes } from '../item_text.ts';
import type { Item, Key, Query, Table, Write } from '../table.ts';
import { effectOf } from '../write_effect.ts';
import { createGroupCommit } from './group_commit.ts';
import { endOfPrefix, guarded, openSqliteFile } from './sqlite_file.ts';

interface Row {
  readonly pk: string;
  readonly sk: string;
  readonly attributes: string;
  readonly expires: number | null;
}

/** Keys are compared as bytes: SQLite's BINARY collation over UTF-8 text, as DynamoDB does. */
const SCHEMA = `
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

/**
 * `path`: a file, or `:memory:`. Throws `StoreUnavailable` when the file cannot be had, or another process has it. Cost:
 * a read is one seek; a write is one synced append, which those that come in the same moment share.
 */
export function openSqliteTable(path: string, ports: { readonly clock: Clock }): SqliteTable {
  const nowSeconds = () => Math.floor(ports.clock.nowMs() / 1000);
  const database = openSqliteFile(path, SCHEMA);
  const selectOne = database.prepare('SELECT * FROM item WHERE pk = ? AND sk = ? AND (expires IS NULL OR expires > ?)');
  const upsert = database.prepare('INSERT OR REPLACE INTO item (pk, sk, attributes, expires) VALUES (?, ?, ?, ?)');
  const remove = database.prepare('DELETE FROM item WHERE pk = ? AND sk = ?');
  const prune = database.prepare('DELETE FROM item WHERE expires IS NOT NULL AND expires <= ?');
  // Both ends are bounds of the primary key: a page costs its own rows, however large the partition.
  const select = (order: 'ASC' | 'DESC', hasCursor: boolean, hasPrefix: boolean) =>
    database.prepare(`
      SELECT * FROM item
      WHERE pk = $pk AND (expires IS NULL OR expires > $nowSeconds)
        ${hasCursor ? `AND sk ${order === 'ASC' ? '>' : '<'} $after` : ''}
        ${hasPrefix ? 'AND sk >= $prefix AND sk < CAST($end AS TEXT)' : ''}
      ORDER BY sk ${order} LIMIT $limit`);
  const pages = new Map<string, ReturnType<typeof select>>();
  guarded(() => prune.run(nowSeconds()));
  let writes = 0;

  function read(key: Key): Item | undefined {
    const row = selectOne.get(key.pk, key.sk, nowSeconds()) as Row | undefined;
    return row && itemOf(row);
  }

  function write(item: Item): void {
    upsert.run(item.pk, item.sk, formatAttributes(item.attributes), item.expiresAtSeconds ?? null);
  }

  /** All or nothing; answers the item after each write, or undefined when a condition failed. */
  function apply(operations: readonly Write[]): (Item | undefined)[] | undefined {
    const effects = operations.map((operation) => {
      const current = read(keyOf(operation));
      return { operation, current, effect: effectOf(operation, current) };
    });
    if (effects.some(({ effect }) => effect === 'condition-failed')) return undefined;
    const items: (Item | undefined)[] = [];
    // On distinct keys: none of them changes what another one saw.
    for (const { operation, current, effect } of effects) {
      const { item } = effect as { readonly item: Item | undefined };
      if (effect === 'unchanged') items.push(current);
      else if (item === undefined) items.push(void remove.run(keyOf(operation).pk, keyOf(operation).sk));
      else {
        write(item);
        items.push(item);
      }
    }
    writes += operations.length;
    if (writes >= WRITES_PER_PRUNE) {
      writes = 0;
      prune.run(nowSeconds());
    }
    return items;
  }
  const group = createGroupCommit(database, apply);

  function page(query: Query, limit: number): Row[] {
    const order = query.reverse === true ? 'DESC' : 'ASC';
    const { pk, after, prefix = '' } = query;
    const shape = `${order} ${after !== undefined} ${prefix !== ''}`;
    const statement = pages.get(shape) ?? select(order, after !== undefined, prefix !== '');
    pages.set(shape, statement);
    const rows = statement.all({
      $pk: pk,
      $nowSeconds: nowSeconds(),
      $limit: limit,
      ...(after !== undefined && { $after: after }),
      ...(prefix !== '' && { $prefix: prefix, $end: endOfPrefix(prefix) }),
    });
    return rows as unknown as Row[];
  }

  const one = async (operation: Write) => {
    const items = await group.commit([operation]);
    return items === undefined ? refuse('condition-failed') : accept(items[0]);
  };
  const done = async (operation: Write) => {
    const outcome = await one(operation);
    return outcome.ok ? accept(undefined) : outcome;
  };

  const table: Table = {
    async get(key) {
      checkKey(key);
      return guarded(() => read(key));
    },
    async query(query) {
      const limit = checkQuery(query);
      const rows = guarded(() => page(query, limit + 1));
      const items = rows.slice(0, limit).map(itemOf);
      return rows.length > limit ? { items, next: items[items.length - 1]?.sk } : { items };
    },
    async put(item, condition) {
      checkItem(item);
      return done({ put: item, condition });
    },
    async update(update) {
      checkUpdate(update);
      const outcome = await one({ update });
      return outcome.ok ? accept(asStored(outcome.value as Item)) : outcome;
    },
    async delete(key, condition) {
      checkKey(key);
      return done({ delete: key, condition });
    },
    async transact(operations) {
      checkTransaction(operations);
      return (await group.commit(operations)) === undefined ? refuse('condition-failed') : accept(undefined);
    },
  };
  return {
    table,
    close() {
      group.close();
      database.close();
    },
  };
}

/** What `get` would answer, apart from what the caller holds. */
function asStored(item: Item): Item {
  return { ...item, attributes: parseAttributes(formatAttributes(item.attributes)) };
}

function itemOf(row: Row): Item {
  const { pk, sk, attributes, expires } = row;
  return {
    pk,
    sk,
    attributes: parseAttributes(attributes),
    ...(expires === null ? {} : { expiresAtSeconds: expires }),
  };
}
