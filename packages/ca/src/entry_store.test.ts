import { createSoftwareMac } from '@postern/keys';
import { StoreUnavailable } from '@postern/store';
import { createMemoryTable } from '@postern/store/embedded';
import { countingTable, createManualClock, failingTable } from '@postern/store/testing';
import { beforeEach, describe, expect, test } from 'vitest';
import { createEntryStore, type EntryStore } from './entry_store.ts';
import type { EntryInput } from './registration_entry.ts';
import { must, START_MS, trustDomain } from './testing/world.ts';

const agent = (name: string) => `spiffe://demo.test/postern/agent/${name}`;
const input = (over: Partial<EntryInput> = {}): EntryInput => ({
  spiffeId: 'spiffe://demo.test/payments',
  parentId: agent('node-1'),
  selectors: ['unix:uid:1000'],
  ...over,
});

const mac = createSoftwareMac('entries', new Uint8Array(32).fill(7));
const clock = createManualClock(START_MS);
let table: ReturnType<typeof countingTable>;
let forged: { readonly pk: string; readonly sk: string }[];
let ids: number;
let store: EntryStore;

function open(over: Partial<Parameters<typeof createEntryStore>[0]> = {}): EntryStore {
  return createEntryStore({
    table,
    mac,
    clock,
    trustDomain,
    createId: () => `entry-${String(++ids).padStart(6, '0')}`,
    onForged: (key) => void forged.push(key),
    ...over,
  });
}

beforeEach(() => {
  clock.setMs(START_MS);
  table = countingTable(createMemoryTable({ clock }));
  forged = [];
  ids = 0;
  store = open();
});

const idsOf = (entries: readonly { readonly id: string }[]) => entries.map(({ id }) => id);

describe('an entry', () => {
  test('is what was entered, found by id, by agent and in the list', async () => {
    const entry = must(
      await store.create(
        input({ selectors: ['unix:uid:2', 'unix:gid:1'], dnsNames: ['a.test'], ttlSeconds: 600, hint: 'main' }),
      ),
    );
    expect(entry).toEqual({
      id: 'entry-000001',
      revision: 1,
      spiffeId: 'spiffe://demo.test/payments',
      parentId: agent('node-1'),
      selectors: ['unix:gid:1', 'unix:uid:2'],
      dnsNames: ['a.test'],
      ttlSeconds: 600,
      federatesWith: [],
      hint: 'main',
      profile: 'workload',
      createdAtMs: START_MS,
    });
    expect(await store.get(entry.id)).toEqual(entry);
    expect(await store.listForParent(agent('node-1'))).toEqual([entry]);
    expect((await store.list()).entries).toEqual([entry]);
  });

  test('that breaks a rule is not stored', async () => {
    expect(await store.create(input({ spiffeId: agent('mallory') }))).toMatchObject({ reason: 'entry-path-reserved' });
    expect(await store.create(input({ expiresAtMs: START_MS }))).toMatchObject({ reason: 'entry-expiry' });
    expect(table.writes()).toBe(0);
  });

  test('is there once for one identity on one node, whatever the order of its selectors, also in a race', async () => {
    const both = ['unix:uid:1', 'unix:gid:1'];
    const created = await Promise.all(
      [both, [...both].reverse()].map((selectors) => store.create(input({ selectors }))),
    );
    expect(created.map((result) => (result.ok ? 'created' : result.reason)).sort()).toEqual([
      'created',
      'entry-exists',
    ]);
    expect((await store.list()).entries).toHaveLength(1);
    expect(await store.create(input({ selectors: both, hint: 'second' }))).toMatchObject({ ok: true });
    expect(await store.create(input({ selectors: both, parentId: agent('node-2') }))).toMatchObject({ ok: true });
  });

  test('that was deleted is nowhere any more, and may be entered again', async () => {
    const entry = must(await store.create(input()));
    expect(await store.delete(entry.id)).toEqual({ ok: true, value: entry });
    expect(await store.get(entry.id)).toBeUndefined();
    expect(await store.listForParent(agent('node-1'))).toEqual([]);
    expect(await store.delete(entry.id)).toMatchObject({ reason: 'entry-unknown' });
    expect(await store.create(input())).toMatchObject({ ok: true });
  });

  test('is issued for until it expires; its place is free then, and it goes without taking the next one along', async () => {
    const first = must(await store.create(input({ expiresAtMs: START_MS + 10_000 })));
    clock.setMs(START_MS + 9_999);
    expect(idsOf(await store.listForParent(agent('node-1')))).toEqual([first.id]);
    expect(await store.create(input())).toMatchObject({ reason: 'entry-exists' });
    clock.setMs(START_MS + 10_001);
    expect(await store.listForParent(agent('node-1'))).toEqual([]);
    const second = must(await store.create(input()));
    expect(await store.get(first.id)).toEqual(first);
    expect(await store.delete(first.id)).toMatchObject({ ok: true });
    expect(await store.create(input())).toMatchObject({ reason: 'entry-exists' });
    expect(idsOf(await store.listForParent(agent('node-1')))).toEqual([second.id]);
  });

  test.each(['', 'x'.repeat(65), 'entry 1', 'entry\u0000', '\ud800', 'entry-of#'])(
    'is not found by %j, and nobody is bothered',
    async (id) => {
      expect(await store.get(id)).toBeUndefined();
      expect(await store.delete(id)).toMatchObject({ reason: 'entry-unknown' });
    },
  );
});

describe('whoever can write the table but has no key', () => {
  const parentItems = { pk: `entry-of#${agent('node-1')}` };

  async function itemOf(pk: string, sk: string) {
    const item = await table.get({ pk, sk });
    if (item === undefined) throw new Error('no such item');
    return item;
  }

  async function expectUnused(id: string): Promise<void> {
    forged.length = 0;
    expect(idsOf(await store.listForParent(agent('node-1')))).not.toContain(id);
    expect(forged.length).toBeGreaterThan(0);
  }

  test('cannot change whom an entry names', async () => {
    const { id } = must(await store.create(input()));
    const item = await itemOf(parentItems.pk, id);
    const body = String(item.attributes['body']).replace('/payments', '/admin');
    await table.put({ ...item, attributes: { ...item.attributes, body } });
    await expectUnused(id);
    expect(forged).toContainEqual({ pk: parentItems.pk, sk: id });
  });

  test('cannot give an entry to another node', async () => {
    const { id } = must(await store.create(input({ parentId: agent('node-2') })));
    const item = await itemOf(`entry-of#${agent('node-2')}`, id);
    await table.put({ ...item, ...parentItems });
    await expectUnused(id);
  });

  test('cannot copy an entry’s own item under a node', async () => {
    const { id } = must(await store.create(input({ parentId: agent('node-2') })));
    await table.put({ ...(await itemOf('entry', id)), ...parentItems });
    await expectUnused(id);
  });

  test('cannot show one entry as another', async () => {
    const { id } = must(await store.create(input()));
    await table.put({ ...(await itemOf('entry', id)), sk: 'entry-999999' });
    expect(await store.get('entry-999999')).toBeUndefined();
    expect(forged).toEqual([{ pk: 'entry', sk: 'entry-999999' }]);
  });

  test.each([
    ['no MAC', { mac: undefined }],
    ['an empty MAC', { mac: new Uint8Array() }],
    ['a MAC of zeros', { mac: new Uint8Array(32) }],
    ['a MAC that is text', { mac: 'AAAA' }],
    ['no body', { body: undefined }],
    ['a body of another type', { body: 7 }],
  ])('cannot have an item used that has %s', async (_name, over) => {
    const { id } = must(await store.create(input()));
    const item = await itemOf(parentItems.pk, id);
    const attributes = Object.fromEntries(
      Object.entries({ ...item.attributes, ...over }).filter(([, value]) => value !== undefined),
    );
    await table.put({ ...item, attributes: attributes as typeof item.attributes });
    await expectUnused(id);
  });

  test('cannot use a MAC of another key', async () => {
    const { id } = must(await open({ mac: createSoftwareMac('entries', new Uint8Array(32)) }).create(input()));
    await expectUnused(id);
  });

  test('stops nobody else: one forged item is passed over', async () => {
    const good = must(await store.create(input()));
    await table.put({ ...parentItems, sk: 'entry-000000', attributes: { body: '{}', mac: new Uint8Array(32) } });
    await table.put({ pk: 'entry', sk: 'entry-000000', attributes: { body: '{}', mac: new Uint8Array(32) } });
    expect(idsOf(await store.listForParent(agent('node-1')))).toEqual([good.id]);
    expect(idsOf((await store.list()).entries)).toEqual([good.id]);
    expect(forged).toHaveLength(2);
  });
});

describe('what it costs', () => {
  test('a node’s entries are one query, however many entries other nodes have', async () => {
    for (let index = 0; index < 200; index++)
      must(await store.create(input({ parentId: agent(`node-${index % 50}`), hint: `h${index}` })));
    table.reset();
    expect(await store.listForParent(agent('node-7'))).toHaveLength(4);
    expect([table.reads(), table.writes()]).toEqual([1, 0]);
  });

  test('creating and deleting are one transaction each', async () => {
    const { id } = must(await store.create(input()));
    expect([table.reads(), table.writes(), table.itemsWritten()]).toEqual([0, 1, 3]);
    table.reset();
    await store.delete(id);
    expect([table.reads(), table.writes(), table.itemsWritten()]).toEqual([1, 1, 3]);
  });

  test('more than a page of one node’s entries all come', async () => {
    for (let index = 0; index < 1001; index++) must(await store.create(input({ hint: `h${index}` })));
    table.reset();
    expect(await store.listForParent(agent('node-1'))).toHaveLength(1001);
    expect(table.reads()).toBe(2);
  });

  test('the list has pages', async () => {
    for (let index = 0; index < 5; index++) must(await store.create(input({ hint: `h${index}` })));
    const first = await store.list({ limit: 2 });
    const second = await store.list({ limit: 2, after: first.next });
    const third = await store.list({ limit: 2, after: second.next });
    expect([first, second, third].flatMap(({ entries }) => idsOf(entries))).toHaveLength(5);
    expect(third.next).toBeUndefined();
  });
});

describe('when the table fails', () => {
  test('it is a fault, never an empty list', async () => {
    must(await store.create(input()));
    const failing = open({ table: failingTable(table, () => true) });
    await expect(failing.listForParent(agent('node-1'))).rejects.toThrow(StoreUnavailable);
    await expect(failing.get('entry-000001')).rejects.toThrow(StoreUnavailable);
    await expect(failing.create(input({ hint: 'x' }))).rejects.toThrow(StoreUnavailable);
  });

  test('and the answer got lost, the second attempt says that the entry is there', async () => {
    const failing = open({
      table: failingTable(table, ({ operation }) => (operation === 'transact' ? 'after' : 'none')),
    });
    await expect(failing.create(input())).rejects.toThrow(StoreUnavailable);
    expect(await store.create(input())).toMatchObject({ reason: 'entry-exists' });
  });
});
