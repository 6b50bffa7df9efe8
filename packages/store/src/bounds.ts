/** Bounds that every adapter holds to, so that what works on one works on all. A breach is a bug of ours: it throws. */
import type { Attribute, Item, Key, Query, Update, Write } from './table.ts';

export const MAX_PARTITION_KEY_BYTES = 1024;
export const MAX_SORT_KEY_BYTES = 512;
/** DynamoDB's item limit is 400 KiB; the rest is for keys, expiry and overhead. */
export const MAX_ITEM_BYTES = 350 * 1024;
export const MAX_TRANSACTION_WRITES = 100;
export const MAX_TRANSACTION_BYTES = 4 * 1024 * 1024;
export const MAX_PAGE_ITEMS = 1000;
export const DEFAULT_PAGE_ITEMS = 100;
const MAX_NESTING = 16;
const MAX_ATTRIBUTE_NAME_BYTES = 255;
/** DynamoDB keeps numbers from 1e-130 to 1e126; what a double can say beyond that would be refused there. */
const MAX_MAGNITUDE = 1e125;
const MIN_MAGNITUDE = 1e-130;
/** A number takes up to 21 bytes in DynamoDB, an element or a member one more, a list or map three. */
const NUMBER_BYTES = 21;
const ELEMENT_BYTES = 1;
const COLLECTION_BYTES = 3;

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
  checkAttributeNames(Object.keys(item.attributes));
  checkExpiry(item.expiresAtSeconds);
  const bytes = sizeOf(item.attributes, 0);
  if (bytes > MAX_ITEM_BYTES) throw new RangeError(`an item of ${bytes} bytes is larger than ${MAX_ITEM_BYTES}`);
  return bytes;
}

/** DynamoDB refuses an update that names one attribute twice. Answers the size that counts towards a transaction. */
export function checkUpdate(update: Update): number {
  checkKey(update);
  checkExpiry(update.expiresAtSeconds);
  const names = [...Object.keys(update.set ?? {}), ...Object.keys(update.add ?? {}), ...(update.remove ?? [])];
  checkAttributeNames(names);
  if (new Set(names).size !== names.length) throw new RangeError('an update names one attribute twice');
  const bytes = sizeOf(update.set ?? {}, 0) + sizeOf(update.add ?? {}, 0);
  if (bytes > MAX_ITEM_BYTES) throw new RangeError(`an update of ${bytes} bytes is larger than ${MAX_ITEM_BYTES}`);
  return bytes;
}

function checkAttributeNames(names: readonly string[]): void {
  for (const name of names) {
    if (name === 'pk' || name === 'sk') throw new RangeError(`\`${name}\` is a reserved attribute name`);
  }
}

function checkExpiry(expiresAtSeconds: number | undefined): void {
  if (expiresAtSeconds !== undefined && !Number.isSafeInteger(expiresAtSeconds))
    throw new RangeError('expiresAtSeconds is not whole');
}

function sizeOf(value: Attribute, depth: number): number {
  if (depth > MAX_NESTING) throw new RangeError('attributes nested too deeply');
  if (value === null || typeof value === 'boolean') return 1;
  if (typeof value === 'number') return sizeOfNumber(value);
  if (typeof value === 'string') {
    if (!value.isWellFormed()) throw new RangeError('a text that is not well-formed');
    return Buffer.byteLength(value);
  }
  if (value instanceof Uint8Array) return value.length;
  if (Array.isArray(value)) return sizeOfAll(value, depth, COLLECTION_BYTES);
  const names = Object.keys(value);
  for (const name of names) {
    const bytes = Buffer.byteLength(name);
    if (bytes === 0 || bytes > MAX_ATTRIBUTE_NAME_BYTES || !name.isWellFormed())
      throw new RangeError(`an attribute name of ${bytes} bytes, or one that is not well-formed`);
  }
  const prototype = Object.getPrototypeOf(value);
  if (prototype !== Object.prototype && prototype !== null) throw new TypeError('an attribute that is no plain object');
  return sizeOfAll(Object.values(value), depth, COLLECTION_BYTES + Buffer.byteLength(names.join('')));
}

function sizeOfAll(values: readonly Attribute[], depth: number, overhead: number): number {
  return values.reduce((sum: number, value) => sum + ELEMENT_BYTES + sizeOf(value, depth + 1), overhead);
}

function sizeOfNumber(value: number): number {
  const magnitude = Math.abs(value);
  if (!Number.isFinite(value) || magnitude > MAX_MAGNITUDE || (magnitude !== 0 && magnitude < MIN_MAGNITUDE))
    throw new RangeError('a number that is not finite, too large or too small');
  return NUMBER_BYTES;
}

/** Page size to use. */
export function checkQuery(query: Query): number {
  checkKeyPart('pk', query.pk, MAX_PARTITION_KEY_BYTES);
  if (query.prefix !== undefined && query.prefix !== '') checkKeyPart('prefix', query.prefix, MAX_SORT_KEY_BYTES);
  if (query.after !== undefined) checkKeyPart('after', query.after, MAX_SORT_KEY_BYTES);
  return checkLimit(query.limit ?? DEFAULT_PAGE_ITEMS);
}

export function checkLimit(limit: number): number {
  if (!Number.isSafeInteger(limit) || limit < 1 || limit > MAX_PAGE_ITEMS)
    throw new RangeError(`limit ${limit} is not 1 to ${MAX_PAGE_ITEMS}`);
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
    keys.add(JSON.stringify([key.pk, key.sk]));
    if ('put' in write) bytes += checkItem(write.put);
    if ('update' in write) bytes += checkUpdate(write.update);
  }
  if (keys.size !== writes.length) throw new RangeError('a transaction names one key twice');
  if (bytes > MAX_TRANSACTION_BYTES)
    throw new RangeError(`a transaction of ${bytes} bytes is larger than ${MAX_TRANSACTION_BYTES}`);
}

const OBJECT_NAME = /^[A-Za-z0-9._-]+(?:\/[A-Za-z0-9._-]+)*$/;
const OBJECT_PREFIX = /^(?:[A-Za-z0-9._-]+\/)*[A-Za-z0-9._-]*$/;
const MAX_OBJECT_NAME_BYTES = 512;
/** NAME_MAX of Linux. */
const MAX_OBJECT_SEGMENT_BYTES = 255;

export function checkObjectName(name: string): void {
  const isPlain = name.split('/').every(isPlainSegment);
  if (name.length > MAX_OBJECT_NAME_BYTES || !OBJECT_NAME.test(name) || !isPlain)
    throw new RangeError(
      'not an object name: 1 to 512 of `[A-Za-z0-9._/-]`, no empty, `.` or `..` segment, none above 255',
    );
}

/** The whole segments of a prefix are those of names; its last may be the beginning of one. */
export function checkObjectPrefix(prefix: string): void {
  const whole = prefix.split('/').slice(0, -1);
  if (prefix.length > MAX_OBJECT_NAME_BYTES || !OBJECT_PREFIX.test(prefix) || !whole.every(isPlainSegment))
    throw new RangeError('not the prefix of an object name');
}

function isPlainSegment(segment: string): boolean {
  return segment !== '.' && segment !== '..' && segment.length <= MAX_OBJECT_SEGMENT_BYTES;
}
