import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { openSoftwareKeyRing } from '@postern/keys';
import { createMemoryObjects, createMemoryTable } from '@postern/store/embedded';
import { createManualClock } from '@postern/store/testing';
import { afterAll, describe, expect, test } from 'vitest';
import { AccessExceeded, isOf, restrictKeys, restrictObjects, restrictTable } from './restrict.ts';

const dir = mkdtempSync(join(tmpdir(), 'postern-restrict-'));
afterAll(() => rmSync(dir, { recursive: true, force: true }));
const table = createMemoryTable({ clock: createManualClock() });
const keys = openSoftwareKeyRing(dir);

describe('a function that does more than its row says', () => {
  const authorize = restrictTable(table, 'authorize');
  const item = (pk: string) => ({ pk, sk: 'a', attributes: {} });

  test.each([
    ['mints a fact', () => authorize.put(item('fact#revocation'))],
    ['moves the feed', () => authorize.update(item('feed'))],
    ['deletes a fact', () => authorize.delete(item('fact#revocation'))],
    ['takes back a place in the trail', () => authorize.delete(item('trail-entry'))],
    ['does so in a transaction', () => authorize.transact([{ delete: { pk: 'trail-entry', sk: 'a' } }])],
    ['reads entries', () => authorize.get(item('entry'))],
    ['lists entries', () => authorize.query({ pk: 'entry-of#a' })],
    ['hides a write behind its own', () => authorize.transact([{ put: item('trail') }, { put: item('feed') }])],
    ['learns by a condition', () => authorize.transact([{ check: item('entry'), condition: { kind: 'absent' } }])],
    ['takes a partition whose name begins like its own', () => authorize.put(item('trail-of-somebody'))],
  ])('%s: a fault, and nothing is done', async (_, act) => {
    await expect(act()).rejects.toBeInstanceOf(AccessExceeded);
  });

  test('puts a release where `publish` does', async () => {
    const objects = restrictObjects(createMemoryObjects(), 'authorize');
    await expect(objects.putIfAbsent('releases/1.jws', new Uint8Array())).rejects.toBeInstanceOf(AccessExceeded);
    await expect(objects.list('')).rejects.toBeInstanceOf(AccessExceeded);
    expect(await objects.get('releases/1.jws')).toBeUndefined();
  });

  test('signs with a key that it may only know', async () => {
    const ring = restrictKeys(keys, 'admin');
    await expect(ring.signer('release')).rejects.toBeInstanceOf(AccessExceeded);
    expect(await ring.publicKey('release')).toBeInstanceOf(Uint8Array);
    await expect(restrictKeys(keys, 'authorize').publicKey('root')).rejects.toBeInstanceOf(AccessExceeded);
    await expect(restrictKeys(keys, 'authorize').mac('entries')).rejects.toBeInstanceOf(AccessExceeded);
  });
});

test.each([
  ['feed', 'feed', true],
  ['feed', 'fact#posture', true],
  ['feed', 'fact', false],
  ['feed', 'feeds', false],
  ['entries', 'entry', true],
  ['entries', 'entry-of#spiffe://a', true],
  ['entries', 'entry-of', false],
  ['proofs', 'proof#x', true],
] as const)('of %s is `%s`: %s', (partition, pk, isIt) => {
  expect(isOf(partition, pk)).toBe(isIt);
});
