/** `--reset`: deletes the folder of the state, and nothing that a slip of `--dir` could name. */
import { existsSync, readdirSync, rmSync } from 'node:fs';
import { join } from 'node:path';
import { DatabaseSync } from 'node:sqlite';
import { explainStartFault } from '@postern/cli';
import { UsageError } from '../../test/kit/command_line.ts';

/** Any of these is in the folder of a start that got anywhere. */
const TRACES = ['admin-token', 'development-provider'];
/** Of a start that did not. */
const FIRST = 'log';

/** Throws for a folder that is no state of Postern, and for one that a Postern is running in. */
export function forgetState(dir: string): void {
  if (!existsSync(dir)) return;
  const names = readdirSync(dir);
  if (!names.every((name) => name === FIRST) && !TRACES.some((name) => names.includes(name)))
    throw new UsageError(`\`${dir}\` does not look like Postern's state: nothing was deleted`);
  checkNobodyRuns(dir);
  rmSync(dir, { recursive: true, force: true });
}

/** Its table is held by whoever runs. A table that is damaged is no reason to keep it. */
function checkNobodyRuns(dir: string): void {
  const file = join(dir, 'table.db');
  if (!existsSync(file)) return;
  try {
    const database = new DatabaseSync(file);
    try {
      database.exec('BEGIN EXCLUSIVE; ROLLBACK');
    } finally {
      database.close();
    }
  } catch (fault) {
    if (explainStartFault(fault, dir, '')?.reason === 'folder-in-use') throw fault;
  }
}
