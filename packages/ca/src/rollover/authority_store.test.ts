/** Who may say what the authority is: the assertion key, once for each sequence, and never less than was said before. */
import { generateSoftwareSigner, signJws } from '@postern/keys';
import { createMemoryTable } from '@postern/store/embedded';
import { createManualClock, failingTable } from '@postern/store/testing';
import { beforeAll, beforeEach, describe, expect, test } from 'vitest';
import { must, trustDomain } from '../testing/world.ts';
import { applyStep } from './apply_step.ts';
import { verifyAuthorityState } from './authority_jws.ts';
import type { AuthorityState } from './authority_state.ts';
import { AuthorityTampered, createAuthorityReader, createAuthorityStore } from './authority_store.ts';
import { beginning, prepareOf } from './testing/states.ts';

const signer = generateSoftwareSigner('ES256');
const stranger = generateSoftwareSigner('ES256');
const clock = createManualClock();
let table = createMemoryTable({ clock });
let first: AuthorityState;
let second: AuthorityState;
beforeAll(async () => {
  first = await beginning();
  second = must(applyStep(first, await prepareOf('root', 2), clock.nowMs()));
});
beforeEach(() => {
  table = createMemoryTable({ clock });
});

const open = () => createAuthorityStore({ table, assertionKey: signer.spki, trustDomain });
const item = (jws: string) => ({ pk: 'authority', sk: 'state', attributes: { jws, sequence: 1 } });
const jwsOf = (payload: object, key = signer, typ = 'postern-authority+jws') => signJws(key, { typ, payload });

test('is read as it was written', async () => {
  expect(await open().read()).toBeUndefined();
  const written = must(await open().write(first, signer));
  expect(await open().read()).toEqual(written);
  must(await open().write(second, signer));
  expect((await open().read())?.state).toEqual(second);
});

test('there are no two states of one sequence', async () => {
  must(await open().write(first, signer));
  expect(await open().write(first, signer)).toMatchObject({ ok: false, reason: 'authority-moved' });
  const [one, other] = [await open().write(second, signer), await open().write({ ...second, atMs: 1 }, signer)];
  expect([one.ok, other.ok]).toEqual([true, false]);
  expect((await open().read())?.state).toEqual(second);
});

describe('whoever merely writes the table', () => {
  const forged: readonly (readonly [string, () => Promise<string>])[] = [
    ['names a root with a key of its own', () => jwsOf(first, stranger)],
    ['has a text of another kind that the key signed', () => jwsOf(first, signer, 'postern-feed-key+jws')],
    ['has the state of another trust domain', () => jwsOf({ ...first, trustDomain: 'other.test' })],
    ['has a state in which none signs', () => jwsOf({ ...first, keys: { ...first.keys, root: [] } })],
    ['writes no state', async () => 'x'],
    ['leaves the signature out', async () => (await jwsOf(first)).replace(/[^.]+$/, '')],
    ['writes much', async () => 'x'.repeat(300_000)],
  ];
  test.each(forged)('and %s is not believed', async (_, jws) => {
    await table.put(item(await jws()));
    await expect(open().read()).rejects.toBeInstanceOf(AuthorityTampered);
  });

  test('and puts back an older state, or none, is seen by whoever saw a later one', async () => {
    const store = open();
    const old = must(await store.write(first, signer));
    must(await store.write(second, signer));
    await table.put(item(old.jws));
    await expect(store.read()).rejects.toThrow('after 2');
    await table.delete({ pk: 'authority', sk: 'state' });
    await expect(store.read()).rejects.toBeInstanceOf(AuthorityTampered);
  });
});

test('a state that is handed on is verified like the one in the store', async () => {
  expect(verifyAuthorityState(await jwsOf(first), [stranger.spki, signer.spki], trustDomain)).toMatchObject({
    ok: true,
  });
  expect(verifyAuthorityState(await jwsOf(first), [stranger.spki], trustDomain)).toMatchObject({
    reason: 'authority-forged',
  });
  expect(verifyAuthorityState(await jwsOf(first), [], trustDomain)).toMatchObject({ reason: 'authority-forged' });
});

describe('a function that goes by the authority’s state', () => {
  test('reads it once in two seconds, and what it knows stays when the store or the state is bad', async () => {
    let reads = 0;
    let isAway = false;
    const watched = failingTable(table, ({ operation }) => {
      if (operation === 'get') reads += 1;
      return isAway;
    });
    const faults: unknown[] = [];
    const store = createAuthorityStore({ table: watched, assertionKey: signer.spki, trustDomain });
    const reader = createAuthorityReader({ store, clock, onFault: (fault) => faults.push(fault) });
    await expect(reader.current()).rejects.toThrow('rotate');
    must(await open().write(first, signer));
    reads = 0;
    for (const known of await Promise.all(Array.from({ length: 20 }, () => reader.current())))
      expect(known.state).toEqual(first);
    expect(reads).toBe(1);
    must(await open().write(second, signer));
    expect((await reader.current()).state.sequence).toBe(1);
    clock.advanceMs(2_000);
    expect((await reader.current()).state.sequence).toBe(2);
    isAway = true;
    clock.advanceMs(2_000);
    expect((await reader.current()).state.sequence).toBe(2);
    isAway = false;
    await table.put(item(await jwsOf(first)));
    clock.advanceMs(2_000);
    expect((await reader.current()).state.sequence).toBe(2);
    expect(faults.map((fault) => (fault as Error).name)).toEqual(['StoreUnavailable', 'AuthorityTampered']);
  });
});
