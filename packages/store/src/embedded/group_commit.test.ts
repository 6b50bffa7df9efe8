import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import type { DatabaseSync } from 'node:sqlite';
import { afterEach, beforeEach, describe, expect, test } from 'vitest';
import { StoreUnavailable } from '../table.ts';
import { createManualClock } from '../testing/index.ts';
import { createGroupCommit } from './group_commit.ts';
import { openSqliteFile } from './sqlite_file.ts';
import { openSqliteTable } from './sqlite_table.ts';

let folder: string;
let path: string;
beforeEach(() => {
  folder = mkdtempSync(join(tmpdir(), 'postern-group-'));
  path = join(folder, 'table.db');
});
afterEach(() => rmSync(folder, { recursive: true }));

/** Counts what is executed besides prepared statements: beginnings and ends of transactions. */
function counted(database: DatabaseSync): { readonly database: DatabaseSync; readonly executed: string[] } {
  const executed: string[] = [];
  const exec = database.exec.bind(database);
  database.exec = (sql: string) => {
    executed.push(sql);
    exec(sql);
  };
  return { database, executed };
}

function open() {
  const { database, executed } = counted(
    openSqliteFile(path, 'CREATE TABLE IF NOT EXISTS t (n INTEGER PRIMARY KEY) STRICT'),
  );
  const insert = database.prepare('INSERT INTO t (n) VALUES (?)');
  const rows = () =>
    database
      .prepare('SELECT n FROM t ORDER BY n')
      .all()
      .map((row) => row['n']);
  const group = createGroupCommit(database, (n: number) => {
    if (n < 0) throw new TypeError('negative');
    return insert.run(n).changes;
  });
  return { database, executed, group, rows };
}

test('what comes in one moment is one commit, and each is answered', async () => {
  const { database, executed, group, rows } = open();
  const answers = await Promise.all(Array.from({ length: 100 }, (_, n) => group.commit(n)));
  expect(answers).toEqual(Array(100).fill(1));
  expect(executed).toEqual(['BEGIN IMMEDIATE', 'COMMIT']);
  await group.commit(100);
  expect(executed).toHaveLength(4);
  expect(rows()).toHaveLength(101);
  database.close();
});

describe('a write that cannot be', () => {
  test('is told so alone: the others of its moment are done', async () => {
    const { database, group, rows } = open();
    const outcomes = await Promise.allSettled([1, -1, 2, 2, 3].map((n) => group.commit(n)));
    expect(outcomes.map(({ status }) => status)).toEqual([
      'fulfilled',
      'rejected',
      'fulfilled',
      'rejected',
      'fulfilled',
    ]);
    expect((outcomes[1] as PromiseRejectedResult).reason).toBeInstanceOf(TypeError);
    expect((outcomes[3] as PromiseRejectedResult).reason).toBeInstanceOf(StoreUnavailable);
    expect(rows()).toEqual([1, 2, 3]);
    database.close();
  });

  test('is told so when the file is closed', async () => {
    const { database, group } = open();
    database.close();
    await expect(group.commit(1)).rejects.toThrow(StoreUnavailable);
  });
});

test('many writes do not keep everything else waiting for long: a commit takes five hundred', async () => {
  const { database, executed, group, rows } = open();
  await Promise.all(Array.from({ length: 1001 }, (_, n) => group.commit(n)));
  expect(executed.filter((it) => it === 'COMMIT')).toHaveLength(3);
  expect(rows()).toHaveLength(1001);
  database.close();
});

test('what waits when a table is closed is there after the next start', async () => {
  const clock = createManualClock();
  const before = openSqliteTable(path, { clock });
  const written = before.table.put({ pk: 'a', sk: 'b', attributes: {} });
  before.close();
  await expect(written).resolves.toEqual({ ok: true, value: undefined });
  const after = openSqliteTable(path, { clock });
  expect(await after.table.get({ pk: 'a', sk: 'b' })).toBeDefined();
  after.close();
});

test('of many transactions that want one key at once one has it, and no other leaves a part of itself', async () => {
  const { table, close } = openSqliteTable(path, { clock: createManualClock() });
  const taken = await Promise.all(
    Array.from({ length: 20 }, (_, index) =>
      table.transact([
        { put: { pk: 'part', sk: `${index}`, attributes: {} } },
        { put: { pk: 'one', sk: 'key', attributes: { index } }, condition: { kind: 'absent' } },
      ]),
    ),
  );
  expect(taken.filter(({ ok }) => ok)).toHaveLength(1);
  expect((await table.query({ pk: 'part', limit: 100 })).items).toHaveLength(1);
  close();
});
