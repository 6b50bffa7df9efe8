/**
 * The embedded default's Objects: a row each of a SQLite file. A row appears whole or not at all, its primary key is
 * put-if-absent, and it costs one synced append, where a file of its own costs two syncs, a link and their folders.
 */
import { accept, refuse } from '@postern/result';
import { checkLimit, checkObjectName, checkObjectPrefix, MAX_PAGE_ITEMS } from '../bounds.ts';
import type { Objects } from '../objects.ts';
import { createGroupCommit } from './group_commit.ts';
import { endOfPrefix, guarded, openSqliteFile } from './sqlite_file.ts';

const SCHEMA = `
  CREATE TABLE IF NOT EXISTS object (
    name TEXT NOT NULL COLLATE BINARY PRIMARY KEY,
    bytes BLOB NOT NULL
  ) STRICT;
`;

export interface SqliteObjects {
  readonly objects: Objects;
  close(): void;
}

/** `path`: a file, or `:memory:`. Throws `StoreUnavailable` when the file cannot be had, or another process has it. */
export function openSqliteObjects(path: string): SqliteObjects {
  const database = openSqliteFile(path, SCHEMA);
  const select = database.prepare('SELECT bytes FROM object WHERE name = ?');
  const isThere = database.prepare('SELECT 1 FROM object WHERE name = ?');
  const anyBetween = database.prepare('SELECT 1 FROM object WHERE name >= ? AND name < CAST(? AS TEXT) LIMIT 1');
  const insert = database.prepare('INSERT INTO object (name, bytes) VALUES (?, ?) ON CONFLICT DO NOTHING');
  const list = database.prepare(`
    SELECT name FROM object
    WHERE name > $after AND name >= $prefix AND name < CAST($end AS TEXT) ORDER BY name LIMIT $limit`);
  const listAll = database.prepare('SELECT name FROM object WHERE name > $after ORDER BY name LIMIT $limit');

  function checkFolders(name: string): void {
    const below = `${name}/`;
    const parts = name.split('/');
    const above = parts.slice(1).map((_, index) => parts.slice(0, index + 1).join('/'));
    if (anyBetween.get(below, endOfPrefix(below)) !== undefined || above.some((folder) => isThere.get(folder)))
      throw new RangeError('an object cannot be the folder of another');
  }

  const group = createGroupCommit(database, ({ name, bytes }: { name: string; bytes: Uint8Array }): boolean => {
    if (isThere.get(name) !== undefined) return false;
    checkFolders(name);
    return insert.run(name, bytes).changes === 1;
  });

  const objects: Objects = {
    async putIfAbsent(name, bytes) {
      checkObjectName(name);
      return (await group.commit({ name, bytes })) ? accept(undefined) : refuse('already-exists');
    },
    async get(name) {
      checkObjectName(name);
      const row = guarded(() => select.get(name));
      return row && (row['bytes'] as Uint8Array);
    },
    async list(prefix, options = {}) {
      checkObjectPrefix(prefix);
      const limit = checkLimit(options.limit ?? MAX_PAGE_ITEMS);
      const from = { $after: options.after ?? '', $limit: limit + 1 };
      const rows = guarded(() =>
        prefix === '' ? listAll.all(from) : list.all({ ...from, $prefix: prefix, $end: endOfPrefix(prefix) }),
      );
      const names = rows.map((row) => String(row['name']));
      const page = names.slice(0, limit);
      return names.length > limit ? { names: page, next: page[page.length - 1] } : { names: page };
    },
  };
  return {
    objects,
    close() {
      group.close();
      database.close();
    },
  };
}
