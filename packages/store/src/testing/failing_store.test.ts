import { expect, test } from 'vitest';
import { createMemoryObjects, createMemoryTable } from '../embedded/index.ts';
import { StoreUnavailable } from '../table.ts';
import { countingTable, createManualClock, type Fault, failingObjects, failingTable } from './index.ts';

const clock = createManualClock();
const item = { pk: 'a', sk: 'b', attributes: {} };

test.each<[Fault, boolean]>([
  ['before', false],
  ['after', true],
])('a table told to fail %s its write throws, and has written: %s', async (fault, hasWritten) => {
  const table = createMemoryTable({ clock });
  const failing = failingTable(table, ({ operation }) => (operation === 'put' ? fault : 'none'));
  await expect(failing.put(item)).rejects.toThrow(StoreUnavailable);
  expect((await failing.get(item)) !== undefined).toBe(hasWritten);
});

test('a plan sees the operation, its index and what it names', async () => {
  const calls: unknown[] = [];
  const failing = failingTable(createMemoryTable({ clock }), (call) => {
    calls.push(call);
    return false;
  });
  await failing.get(item);
  await failing.transact([{ put: item }, { delete: { pk: 'c', sk: 'd' } }]);
  expect(calls).toEqual([
    { operation: 'get', index: 0, pks: ['a'] },
    { operation: 'transact', index: 1, pks: ['a', 'c'] },
  ]);
});

test('objects told to lose an answer have the object all the same', async () => {
  const objects = createMemoryObjects();
  const failing = failingObjects(objects, ({ operation }) => (operation === 'putIfAbsent' ? 'after' : 'none'));
  await expect(failing.putIfAbsent('a', Buffer.from('x'))).rejects.toThrow(StoreUnavailable);
  expect((await failing.list('')).names).toEqual(['a']);
});

test('a counted table counts calls and the items they name', async () => {
  const table = countingTable(createMemoryTable({ clock }));
  await table.put(item);
  await table.get(item);
  await table.query({ pk: 'a' });
  await table.transact([{ put: item }, { delete: { pk: 'c', sk: 'd' } }]);
  expect([table.reads(), table.writes(), table.itemsWritten()]).toEqual([2, 2, 3]);
  table.reset();
  expect(table.reads() + table.writes() + table.itemsWritten()).toBe(0);
});
