import { mkdtempSync, rmSync, statSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterEach, beforeEach, describe, expect, test } from 'vitest';
import { StoreUnavailable } from '../table.ts';
import { describeObjectsContract } from '../testing/index.ts';
import { createMemoryObjects } from './memory_objects.ts';
import { openSqliteObjects } from './sqlite_objects.ts';

const createFolder = () => mkdtempSync(join(tmpdir(), 'postern-objects-'));
const bytes = Buffer.from('x');

describeObjectsContract('objects in memory', async () => ({ objects: createMemoryObjects() }));
describeObjectsContract('objects in a sqlite file', async () => {
  const folder = createFolder();
  const { objects, close } = openSqliteObjects(join(folder, 'objects.db'));
  return {
    objects,
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

describe.each([
  ['in memory', () => createMemoryObjects()],
  ['in a sqlite file', () => openSqliteObjects(':memory:').objects],
])('%s', (_name, open) => {
  test('an object cannot be the folder of another', async () => {
    const objects = open();
    await objects.putIfAbsent('a/b', bytes);
    await expect(objects.putIfAbsent('a', bytes)).rejects.toThrow(RangeError);
    await expect(objects.putIfAbsent('a/b/c', bytes)).rejects.toThrow(RangeError);
    await expect(objects.putIfAbsent('a/b/c/d', bytes)).rejects.toThrow(RangeError);
    expect((await objects.list('')).names).toEqual(['a/b']);
  });

  test('a name beside a folder of the same beginning is no folder of it', async () => {
    const objects = open();
    for (const name of ['a/b', 'a-', 'a.', 'a0', 'aa']) expect((await objects.putIfAbsent(name, bytes)).ok).toBe(true);
    expect((await objects.list('a/')).names).toEqual(['a/b']);
  });
});

test('what was written is there after a start, readable by its owner alone', async () => {
  const path = join(folder, 'state', 'objects.db');
  const before = openSqliteObjects(path);
  await before.objects.putIfAbsent('a/b', bytes);
  for (const file of [path, `${path}-wal`]) expect(statSync(file).mode & 0o777).toBe(0o600);
  expect(statSync(join(folder, 'state')).mode & 0o777).toBe(0o700);
  before.close();
  const after = openSqliteObjects(path);
  expect(await after.objects.get('a/b')).toEqual(Uint8Array.from(bytes));
  after.close();
});

test('a file that a process has open is not to be had by a second one', () => {
  const path = join(folder, 'objects.db');
  const first = openSqliteObjects(path);
  expect(() => openSqliteObjects(path)).toThrow(StoreUnavailable);
  first.close();
});

test('a place that cannot be used, and a closed file, are an unavailable store', async () => {
  writeFileSync(join(folder, 'file'), '');
  expect(() => openSqliteObjects(join(folder, 'file', 'objects.db'))).toThrow(StoreUnavailable);
  const { objects, close } = openSqliteObjects(join(folder, 'objects.db'));
  close();
  await expect(objects.putIfAbsent('a', bytes)).rejects.toThrow(StoreUnavailable);
  await expect(objects.get('a')).rejects.toThrow(StoreUnavailable);
  await expect(objects.list('')).rejects.toThrow(StoreUnavailable);
});
