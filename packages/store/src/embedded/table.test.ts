import { mkdtempSync, rmSync, statSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterEach, beforeEach, expect, test } from 'vitest';
import { StoreUnavailable } from '../table.ts';
import { createManualClock, describeTableContract } from '../testing/index.ts';
import { createMemoryTable } from './memory_table.ts';
import { openSqliteTable } from './sqlite_table.ts';

const createFolder = () => mkdtempSync(join(tmpdir(), 'postern-table-'));
const clock = createManualClock();

describeTableContract('the table in memory', async (ports) => ({ table: createMemoryTable(ports) }));
describeTableContract('the sqlite table', async (ports) => {
  const folder = createFolder();
  const { table, close } = openSqliteTable(join(folder, 'table.db'), ports);
  return {
    table,
    close() {
      close();
      rmSync(folder, { recursive: true });
    },
  };
});

let folder: string;
beforeEach(() => {
  folder = createFolder();
});
afterEach(() => rmSync(folder, { recursive: true }));

test('what was written is there after a start', async () => {
  const path = join(folder, 'state', 'table.db');
  const item = { pk: 'a', sk: 'b', attributes: { bytes: Uint8Array.of(1), text: 'é' }, expiresAtSeconds: 4e9 };
  const before = openSqliteTable(path, { clock });
  await before.table.put(item);
  before.close();
  const after = openSqliteTable(path, { clock });
  expect(await after.table.get(item)).toStrictEqual(item);
  after.close();
});

test('nobody else on the machine can read the table or what lies beside it', async () => {
  const path = join(folder, 'state', 'table.db');
  const { table, close } = openSqliteTable(path, { clock });
  await table.put({ pk: 'a', sk: 'b', attributes: {} });
  expect(statSync(join(folder, 'state')).mode & 0o777).toBe(0o700);
  for (const file of ['table.db', 'table.db-wal']) {
    expect(statSync(join(folder, 'state', file)).mode & 0o777, file).toBe(0o600);
  }
  close();
});

test('two processes do not write one file: the second is told so', () => {
  const path = join(folder, 'table.db');
  const { close } = openSqliteTable(path, { clock });
  expect(() => openSqliteTable(path, { clock })).toThrow(StoreUnavailable);
  close();
});

test('a file that is no table is left as it is', () => {
  const path = join(folder, 'table.db');
  writeFileSync(
    path,
    'something else that somebody wants to keep, longer than a header of a hundred bytes is'.repeat(3),
  );
  expect(() => openSqliteTable(path, { clock })).toThrow(StoreUnavailable);
  expect(statSync(path).size).toBeGreaterThan(200);
});

test('a closed table is unavailable, and no bug of the caller', async () => {
  const { table, close } = openSqliteTable(':memory:', { clock });
  close();
  await expect(table.get({ pk: 'a', sk: 'b' })).rejects.toThrow(StoreUnavailable);
  await expect(table.put({ pk: 'a', sk: 'b', attributes: {} })).rejects.toThrow(StoreUnavailable);
});

test('what expired is deleted at the next start, so that the file does not grow for ever', async () => {
  const path = join(folder, 'table.db');
  const later = createManualClock();
  const first = openSqliteTable(path, { clock: later });
  const expiresAtSeconds = later.nowMs() / 1000 + 10;
  for (let index = 0; index < 50; index++)
    await first.table.put({ pk: 'a', sk: String(index), attributes: { text: 'x'.repeat(10_000) }, expiresAtSeconds });
  first.close();
  later.advanceMs(10_000);
  const second = openSqliteTable(path, { clock: later });
  second.close();
  // An item that is really gone stays gone when the clock goes back.
  later.advanceMs(-10_000);
  const third = openSqliteTable(path, { clock: later });
  expect(await third.table.query({ pk: 'a' })).toEqual({ items: [] });
  third.close();
});
