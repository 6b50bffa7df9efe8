/** Bounds that every adapter holds to, so that what works on one works on all. A breach is a bug of ours: it throws. */
import type { Attribute, Item, Key, Query, Write } from './table.ts';

export const MAX_PARTITION_KEY_BYTES = 1024;
export const MAX_SORT_KEY_BYTES = 512;
/** DynamoDB's item limit is 400 KiB; the rest is for names and overhead. */
export const MAX_ITEM_BYTES = 350 * 1024;
export const MAX_TRANSACTION_WRITES = 100;
export const MAX_TRANSACTION_BYTES = 4 * 1024 * 1024;
export const MAX_PAGE_ITEMS = 1000;
export const DEFAULT_PAGE_ITEMS = 100;
const MAX_NESTING = 16;

export function checkKey(key: Key): void {
  checkKeyPart('pk', key.pk, MAX_PARTITION_KEY_BYTES);
  checkKeyPart('sk', key.sk, MAX_SORT_KEY_BYTES);
}

function checkKeyPart(name: string, value: string, maxBytes: number): void {
  const bytes = Buffer.byteLength(value);
  if (bytes === 0 || bytes > maxBytes || !value.isWellFormed())
    throw new RangeError(`${name} has ${bytes} bytes of 1 to ${maxBytes}, or is not well-formed`);
}

/** Answers the size that counts towards a transaction. */
export function checkItem(item: Item): number {
  checkKey(item);
  for (const name of ['pk', 'sk']) {
    if (name in item.attributes) throw new RangeError(`\`${name}\` is a reserved attribute name`);
  }
  if (item.expiresAtSeconds !== undefined && !Number.isSafeInteger(item.expiresAtSeconds))
    throw new RangeError('expiresAtSeconds is not whole');
  const bytes = sizeOf(item.attributes, 0);
  if (bytes > MAX_ITEM_BYTES) throw new RangeError(`an item of ${bytes} bytes is larger than ${MAX_ITEM_BYTES}`);
  return bytes;
}

function sizeOf(value: Attribute, depth: number): number {
  if (depth > MAX_NESTING) throw new RangeError('attributes nested too deeply');
  if (value === null || typeof value === 'boolean') return 1;
  if (typeof value === 'number') {
    if (!Number.isFinite(value)) throw new RangeError('a number that is not finite');
    return 8;
  }
  if (typeof value === 'string') return Buffer.byteLength(value);
  if (value instanceof Uint8Array) return value.length;
  if (Array.isArray(value)) return value.reduce((sum: number, element: Attribute) => sum + sizeOf(element, depth + 1), 3);
  return Object.entries(value as { [name: string]: Attribute }).reduce(
    (sum, [name, member]) => sum + Buffer.byteLength(name) + sizeOf(member, depth + 1),
    3,
  );
}

/** Page size to use. */
export function checkQuery(query: Query): number {
  checkKeyPart('pk', query.pk, MAX_PARTITION_KEY_BYTES);
  const limit = query.limit ?? DEFAULT_PAGE_ITEMS;
  if (!Number.isSafeInteger(limit) || limit < 1 || limit > MAX_PAGE_ITEMS) throw new RangeError(`limit ${limit} is not 1 to ${MAX_PAGE_ITEMS}`);
  return limit;
}

export function keyOf(write: Write): Key {
  if ('put' in write) return write.put;
  if ('update' in write) return write.update;
  return 'delete' in write ? write.delete : write.check;
}

export function checkTransaction(writes: readonly Write[]): void {
  if (writes.length === 0 || writes.length > MAX_TRANSACTION_WRITES)
    throw new RangeError(`a transaction of ${writes.length} writes is not 1 to ${MAX_TRANSACTION_WRITES}`);
  const keys = new Set<string>();
  let bytes = 0;
  for (const write of writes) {
    const key = keyOf(write);
    checkKey(key);
    keys.add(`${key.pk}\u0000${key.sk}`);
    if ('put' in write) bytes += checkItem(write.put);
  }
  if (keys.size !== writes.length) throw new RangeError('a transaction names one key twice');
  if (bytes > MAX_TRANSACTION_BYTES) throw new RangeError(`a transaction of ${bytes} bytes is larger than ${MAX_TRANSACTION_BYTES}`);
}

const OBJECT_NAME = /^[A-Za-z0-9._-]+(?:\/[A-Za-z0-9._-]+)*$/;
const MAX_OBJECT_NAME_BYTES = 512;

export function checkObjectName(name: string): void {
  const hasDots = name.split('/').some((segment) => segment === '.' || segment === '..');
  if (name.length > MAX_OBJECT_NAME_BYTES || !OBJECT_NAME.test(name) || hasDots)
    throw new RangeError('not an object name: 1 to 512 of `[A-Za-z0-9._/-]`, no empty, `.` or `..` segment');
}
