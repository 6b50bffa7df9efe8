import { mkdirSync } from 'node:fs';
import { join } from 'node:path';
import { DatabaseSync } from 'node:sqlite';
import { toolsFolder } from './places.ts';

const LOCK_WAIT_MS = 20 * 60_000;

// Collected as garbage, a database drops its lock: it is kept here until its release.
const held = new Set<DatabaseSync>();

/**
 * Takes the one lock on `.tools/`, waiting for another run to end, and answers the release. Two installers in one folder
 * would leave half of each other's files. It is SQLite's exclusive lock: the kernel drops it when the holder dies, so
 * there is no stale lock to guess about.
 */
export function takeToolsLock(onWait: () => void): () => void {
  mkdirSync(toolsFolder, { recursive: true });
  const database = new DatabaseSync(join(toolsFolder, 'lock.db'));
  try {
    database.exec('PRAGMA busy_timeout = 0');
    database.exec('BEGIN EXCLUSIVE');
  } catch {
    onWait();
    database.exec(`PRAGMA busy_timeout = ${LOCK_WAIT_MS}`);
    database.exec('BEGIN EXCLUSIVE');
  }
  held.add(database);
  return () => {
    held.delete(database);
    database.exec('ROLLBACK');
    database.close();
  };
}
