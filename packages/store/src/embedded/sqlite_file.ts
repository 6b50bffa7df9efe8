/** A SQLite file as the embedded adapters use one: one process's own, synced with every commit, readable by its owner alone. */
import { closeSync, mkdirSync, openSync } from 'node:fs';
import { dirname } from 'node:path';
import { DatabaseSync } from 'node:sqlite';
import { StoreUnavailable } from '../table.ts';

const DURABLE = `
  PRAGMA journal_mode = WAL;
  PRAGMA synchronous = FULL;
  PRAGMA locking_mode = EXCLUSIVE;
`;

/** `path`: a file, or `:memory:`. Throws `StoreUnavailable` when the file cannot be had, or another process has it. */
export function openSqliteFile(path: string, schema: string): DatabaseSync {
  let database: DatabaseSync | undefined;
  try {
    // Made before SQLite does, which would let the whole machine read it; the files beside it take its mode.
    if (path !== ':memory:') {
      mkdirSync(dirname(path), { recursive: true, mode: 0o700 });
      closeSync(openSync(path, 'a', 0o600));
    }
    database = new DatabaseSync(path);
    database.exec(DURABLE + schema);
    return database;
  } catch (cause) {
    database?.close();
    throw new StoreUnavailable(`\`${path}\` cannot be opened`, { cause });
  }
}

/** SQLite's own faults (disk full, locked, closed, I/O) are the store's; ours stay what they are. */
export function guarded<T>(work: () => T): T {
  try {
    return work();
  } catch (cause) {
    const code = (cause as NodeJS.ErrnoException).code;
    if (code === 'ERR_SQLITE_ERROR' || code === 'ERR_INVALID_STATE')
      throw new StoreUnavailable('the store cannot be used', { cause });
    throw cause;
  }
}

/** Where the bytes of a prefix end: no UTF-8 text ends in 0xff, so that adding one never carries. */
export function endOfPrefix(prefix: string): Uint8Array {
  const bytes = Buffer.from(prefix);
  bytes[bytes.length - 1] = (bytes[bytes.length - 1] as number) + 1;
  return bytes;
}
