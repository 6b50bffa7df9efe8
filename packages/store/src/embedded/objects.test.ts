import {
  existsSync,
  mkdtempSync,
  readdirSync,
  readFileSync,
  rmSync,
  statSync,
  symlinkSync,
  writeFileSync,
} from 'node:fs';
import { tmpdir } from 'node:os';
import { join, relative } from 'node:path';
import { afterEach, beforeEach, describe, expect, test } from 'vitest';
import { StoreUnavailable } from '../table.ts';
import { describeObjectsContract } from '../testing/index.ts';
import { openFolderObjects } from './folder_objects.ts';
import { createMemoryObjects } from './memory_objects.ts';

const createFolder = () => mkdtempSync(join(tmpdir(), 'postern-objects-'));
const bytes = Buffer.from('x');

describeObjectsContract('objects in memory', async () => ({ objects: createMemoryObjects() }));
describeObjectsContract('objects in a folder', async () => {
  const folder = createFolder();
  return { objects: openFolderObjects(join(folder, 'objects')), close: () => rmSync(folder, { recursive: true }) };
});

let folder: string;
beforeEach(() => {
  folder = createFolder();
});
afterEach(() => rmSync(folder, { recursive: true }));

describe.each([
  ['in memory', () => createMemoryObjects()],
  ['in a folder', () => openFolderObjects(folder)],
])('%s', (_name, open) => {
  test('an object cannot be the folder of another', async () => {
    const objects = open();
    await objects.putIfAbsent('a/b', bytes);
    await expect(objects.putIfAbsent('a', bytes)).rejects.toThrow(RangeError);
    await expect(objects.putIfAbsent('a/b/c', bytes)).rejects.toThrow(RangeError);
    await expect(objects.putIfAbsent('a/b/c/d', bytes)).rejects.toThrow(RangeError);
    expect((await objects.list('')).names).toEqual(['a/b']);
  });
});

test('objects are files by their names, readable by their owner alone, and nothing is left beside them', async () => {
  const objects = openFolderObjects(join(folder, 'objects'));
  await objects.putIfAbsent('a/b', bytes);
  await objects.putIfAbsent('a/b', bytes);
  expect(readFileSync(join(folder, 'objects/a/b'), 'utf8')).toBe('x');
  expect(statSync(join(folder, 'objects')).mode & 0o777).toBe(0o700);
  expect(statSync(join(folder, 'objects/a/b')).mode & 0o777).toBe(0o600);
  expect(statSync(join(folder, 'objects/a/b')).nlink).toBe(1);
  expect(readdirSync(join(folder, 'objects/~new'))).toEqual([]);
});

test.each(['relative', 'with a slash at its end', 'with dots'])(
  'a folder named %s lists the same names',
  async (how) => {
    const path = {
      relative: relative(process.cwd(), folder),
      'with a slash at its end': `${folder}/`,
      'with dots': `${folder}/./x/..`,
    }[how];
    const objects = openFolderObjects(path as string);
    await objects.putIfAbsent('a/b', bytes);
    expect((await objects.list('')).names).toEqual(['a/b']);
    expect((await objects.list('a/')).names).toEqual(['a/b']);
  },
);

test('a write that was cut off before its end is no object, and does not stand in the way of one', async () => {
  const objects = openFolderObjects(folder);
  await objects.putIfAbsent('a', bytes);
  writeFileSync(join(folder, '~new', 'left-by-a-crash'), 'half');
  expect((await objects.list('')).names).toEqual(['a']);
  expect((await objects.putIfAbsent('b', bytes)).ok).toBe(true);
});

test('a symbolic link is not followed when names are listed', async () => {
  const objects = openFolderObjects(join(folder, 'objects'));
  await objects.putIfAbsent('a', bytes);
  writeFileSync(join(folder, 'secret'), 'x');
  symlinkSync(folder, join(folder, 'objects', 'up'));
  expect((await objects.list('')).names).toEqual(['a']);
});

test('a folder that cannot be used is an unavailable store', async () => {
  writeFileSync(join(folder, 'file'), '');
  const objects = openFolderObjects(join(folder, 'file', 'objects'));
  await expect(objects.putIfAbsent('a', bytes)).rejects.toThrow(StoreUnavailable);
  expect(existsSync(join(folder, 'file', 'objects'))).toBe(false);
});
