/**
 * One commit, and one sync, for all writes that came since the last: each is answered when it is durable, and none waits
 * for more than what was asked in the same moment. What a write does is its own: a condition that fails, or a fault that is
 * of one write alone, is answered to that one.
 */
import type { DatabaseSync } from 'node:sqlite';
import { guarded } from './sqlite_file.ts';

/** Bounds how long one commit keeps everything else waiting. */
const MAX_GROUP = 500;

interface Waiting<W, R> {
  readonly write: W;
  readonly resolve: (result: R) => void;
  readonly reject: (fault: unknown) => void;
}

export interface GroupCommit<W, R> {
  /** Resolves when it is durable. Rejects with `StoreUnavailable`, or with what `apply` threw. */
  commit(write: W): Promise<R>;
  /** At once, what waits; then nothing may come any more. */
  close(): void;
}

/** `apply`: within a transaction; when it throws, nothing of its write may stay. */
export function createGroupCommit<W, R>(database: DatabaseSync, apply: (write: W) => R): GroupCommit<W, R> {
  let waiting: Waiting<W, R>[] = [];

  function inTransaction(group: readonly Waiting<W, R>[]): R[] {
    return guarded(() => {
      database.exec('BEGIN IMMEDIATE');
      try {
        const results = group.map(({ write }) => apply(write));
        database.exec('COMMIT');
        return results;
      } catch (fault) {
        if (database.isTransaction) database.exec('ROLLBACK');
        throw fault;
      }
    });
  }

  function commitGroup(group: readonly Waiting<W, R>[]): void {
    let results: R[];
    try {
      results = inTransaction(group);
    } catch (fault) {
      // Nothing of any of them was done: each has its own try, and its own fault.
      if (group.length > 1) for (const one of group) commitGroup([one]);
      else group[0]?.reject(fault);
      return;
    }
    for (const [index, { resolve }] of group.entries()) resolve(results[index] as R);
  }

  function flush(): void {
    const group = waiting;
    waiting = [];
    for (let at = 0; at < group.length; at += MAX_GROUP) commitGroup(group.slice(at, at + MAX_GROUP));
  }

  return {
    commit(write) {
      return new Promise((resolve, reject) => {
        if (waiting.push({ write, resolve, reject }) === 1) setImmediate(flush);
      });
    },
    close: flush,
  };
}
