import { canonicalJson } from '@postern/canonical-json';
import { createSoftwareMac } from '@postern/keys';
import { StoreUnavailable, type Table } from '@postern/store';
import { createMemoryTable } from '@postern/store/embedded';
import { countingTable, createManualClock, failingTable } from '@postern/store/testing';
import { beforeEach, describe, expect, test } from 'vitest';
import type { EntryFilter } from './entry_filter.ts';
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

function open(over: { readonly table?: Table } = {}): EntryStore {
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
const reasonOf = (result: { readonly ok: boolean; readonly reason?: string }) => result.reason ?? 'done';

describe('a change', () => {
  test('takes the place of all that the entry was', async () => {
    const { id } = must(await store.create(input({ dnsNames: ['a.test'], ttlSeconds: 600, hint: 'main' })));
    clock.advanceMs(1000);
    const wish = input({
      spiffeId: 'spiffe://demo.test/pay',
      parentId: agent('node-2'),
      federatesWith: ['b.test', 'a.test'],
      jwtTtlSeconds: 120,
      owner: 'shop',
    });
    const updated = must(await store.update(id, 1, wish));
    expect(updated).toEqual({
      id,
      revision: 2,
      ...wish,
      dnsNames: [],
      federatesWith: ['a.test', 'b.test'],
      hint: '',
      profile: 'workload',
      createdAtMs: START_MS,
      updatedAtMs: START_MS + 1000,
    });
    expect(await store.get(id)).toEqual(updated);
    expect(await store.listForParent(agent('node-1'))).toEqual([]);
    expect(await store.listForParent(agent('node-2'))).toEqual([updated]);
  });

  test('that changes nothing is none: agents ask for no new certificate', async () => {
    const entry = must(await store.create(input({ selectors: ['unix:uid:1', 'unix:gid:2'] })));
    table.reset();
    expect(must(await store.update(entry.id, 1, input({ selectors: ['unix:gid:2', 'unix:uid:1'] })))).toEqual(entry);
    expect(table.writes()).toBe(0);
  });

  test('of an earlier revision is refused: it was made without knowing of the last one', async () => {
    const { id } = must(await store.create(input()));
    must(await store.update(id, 1, input({ hint: 'a' })));
    expect(await store.update(id, 1, input({ hint: 'b' }))).toMatchObject({ reason: 'entry-revision' });
    expect((await store.get(id))?.hint).toBe('a');
  });

  test('is made once of two at the same time', async () => {
    const { id } = must(await store.create(input()));
    const both = await Promise.all(['a', 'b'].map((hint) => store.update(id, 1, input({ hint }))));
    expect(both.map(reasonOf).sort()).toEqual(['done', 'entry-revision']);
    expect((await store.listForParent(agent('node-1'))).map(({ revision }) => revision)).toEqual([2]);
  });

  test('cannot make a second of an identity, and leaves the place of its first one free', async () => {
    must(await store.create(input({ hint: 'a' })));
    const { id } = must(await store.create(input({ hint: 'b' })));
    expect(await store.update(id, 1, input({ hint: 'a' }))).toMatchObject({ reason: 'entry-exists' });
    must(await store.update(id, 1, input({ hint: 'c' })));
    expect(await store.create(input({ hint: 'b' }))).toMatchObject({ ok: true });
    expect(await store.create(input({ hint: 'c' }))).toMatchObject({ reason: 'entry-exists' });
  });

  test.each(['', 'x'.repeat(65), 'entry-999999', 'entry\u0000'])('of %j is refused: there is none', async (id) => {
    expect(await store.update(id, 1, input())).toMatchObject({ reason: 'entry-unknown' });
  });

  test('that breaks a rule is not made', async () => {
    const { id } = must(await store.create(input()));
    table.reset();
    expect(await store.update(id, 1, input({ spiffeId: agent('x') }))).toMatchObject({ reason: 'entry-path-reserved' });
    expect(await store.update(id, 1, input({ expiresAtMs: START_MS }))).toMatchObject({ reason: 'entry-expiry' });
    expect(table.writes()).toBe(0);
  });

  test('gives an expired entry another time only while its place is free', async () => {
    const { id } = must(await store.create(input({ expiresAtMs: START_MS + 10_000 })));
    clock.advanceMs(10_001);
    expect(must(await store.update(id, 1, input()))).toMatchObject({ revision: 2 });
    expect(await store.create(input())).toMatchObject({ reason: 'entry-exists' });
    must(await store.update(id, 2, input({ expiresAtMs: clock.nowMs() + 500 })));
    clock.advanceMs(2000);
    must(await store.create(input()));
    expect(await store.update(id, 3, input())).toMatchObject({ reason: 'entry-exists' });
  });

  test('keeps the place until the last millisecond, so that nobody else is in it while it lives', async () => {
    must(await store.create(input({ expiresAtMs: START_MS + 1500 })));
    clock.advanceMs(1400);
    expect(await store.create(input())).toMatchObject({ reason: 'entry-exists' });
  });
});

describe('a change and a deletion at the same time', () => {
  test('leave nothing of the entry behind, whichever is first', async () => {
    for (let round = 0; round < 20; round++) {
      const { id } = must(await store.create(input({ hint: `h${round}` })));
      const move = store.update(id, 1, input({ hint: `h${round}`, parentId: agent('node-2') }));
      await Promise.all(round % 2 === 0 ? [move, store.delete(id)] : [store.delete(id), move]);
      if ((await store.get(id)) !== undefined) must(await store.delete(id));
      expect(await store.listForParent(agent('node-1'))).toEqual([]);
      expect(await store.listForParent(agent('node-2'))).toEqual([]);
      expect(await store.create(input({ hint: `h${round}` }))).toMatchObject({ ok: true });
      must(await store.delete(`entry-${String(ids).padStart(6, '0')}`));
    }
  });

  test('a deletion sees the change that came before its write, and takes it along', async () => {
    const { id } = must(await store.create(input()));
    let isMoved = false;
    const slow: Table = {
      ...table,
      async get(key) {
        const item = await table.get(key);
        if (!isMoved) must(await store.update(id, 1, input({ parentId: agent('node-2') })));
        isMoved = true;
        return item;
      },
    };
    must(await open({ table: slow }).delete(id));
    expect(await store.get(id)).toBeUndefined();
    expect(await store.listForParent(agent('node-2'))).toEqual([]);
  });

  test('a deletion of the revision that was looked at deletes no other', async () => {
    const { id } = must(await store.create(input()));
    must(await store.update(id, 1, input({ hint: 'a' })));
    expect(await store.delete(id, 1)).toMatchObject({ reason: 'entry-revision' });
    expect(await store.delete(id, 2)).toMatchObject({ ok: true });
  });

  test('a deletion of what is changed without end gives up, and says so', async () => {
    const { id } = must(await store.create(input()));
    let revision = 1;
    const busy: Table = {
      ...table,
      async get(key) {
        const item = await table.get(key);
        must(await store.update(id, revision, input({ hint: `h${++revision}` })));
        return item;
      },
    };
    expect(await open({ table: busy }).delete(id)).toMatchObject({ reason: 'entry-revision' });
    expect(await store.get(id)).toMatchObject({ revision });
  });

  test('a change whose answer got lost was made: the same one again is refused as of an earlier revision', async () => {
    const { id } = must(await store.create(input()));
    const failing = open({
      table: failingTable(table, ({ operation }) => (operation === 'transact' ? 'after' : 'none')),
    });
    await expect(failing.update(id, 1, input({ hint: 'a' }))).rejects.toThrow(StoreUnavailable);
    expect(await store.update(id, 1, input({ hint: 'a' }))).toMatchObject({ reason: 'entry-revision' });
    expect(await store.get(id)).toMatchObject({ revision: 2, hint: 'a' });
  });
});

test('an entry of an earlier version is read, matched to its node and changed', async () => {
  const old = {
    id: 'entry-old',
    revision: 1,
    spiffeId: 'spiffe://demo.test/payments',
    parentId: agent('node-1'),
    selectors: ['unix:uid:1000'],
    dnsNames: [],
    hint: '',
    createdAtMs: START_MS,
  };
  for (const pk of ['entry', `entry-of#${agent('node-1')}`]) {
    const body = canonicalJson(old);
    await table.put({
      pk,
      sk: old.id,
      attributes: { body, mac: await mac.compute(Buffer.from(`${pk}\u0000${body}`)) },
    });
  }
  const read = { ...old, federatesWith: [], profile: 'workload' };
  expect(await store.get(old.id)).toEqual(read);
  expect(await store.listForParent(agent('node-1'))).toEqual([read]);
  must(await store.delete(old.id));
  expect(forged).toEqual([]);
});

describe('a list', () => {
  const listed = async (filter: EntryFilter, limit = 2) => {
    const found: string[] = [];
    for (let after: string | undefined; ; ) {
      const page = await store.list({ filter, limit, ...(after !== undefined && { after }) });
      found.push(...page.entries.map(({ hint }) => hint));
      after = page.next;
      if (after === undefined) return found;
    }
  };

  test('has what its filters say, each entry once, in order of age', async () => {
    const rows: readonly Partial<EntryInput>[] = [
      { hint: '1' },
      { hint: '2', spiffeId: 'spiffe://demo.test/pay', owner: 'shop' },
      { hint: '3', parentId: agent('node-2'), selectors: ['unix:uid:2', 'unix:gid:2'] },
      { hint: '4', parentId: 'spiffe://demo.test/postern/attestor/prod', selectors: ['k8s:ns:a'] },
      { hint: '5' },
    ];
    for (const row of rows) must(await store.create(input(row)));
    expect(await listed({})).toEqual(['1', '2', '3', '4', '5']);
    expect(await listed({ spiffeIdPrefix: 'spiffe://demo.test/pay' })).toEqual(['1', '2', '3', '4', '5']);
    expect(await listed({ spiffeIdPrefix: 'spiffe://demo.test/paym' })).toEqual(['1', '3', '4', '5']);
    expect(await listed({ parentId: agent('node-1') })).toEqual(['1', '2', '5']);
    expect(await listed({ parentId: agent('node-1'), owner: 'shop' })).toEqual(['2']);
    expect(await listed({ parentId: 'spiffe://demo.test/postern/attestor/prod' })).toEqual(['4']);
    expect(await listed({ selector: 'unix:gid:2' })).toEqual(['3']);
    expect(await listed({ below: ['spiffe://demo.test/pay/', 'spiffe://demo.test/x/'] })).toEqual([]);
    expect(await listed({ below: [] })).toEqual([]);
  });

  test('of 50,000 entries comes in pages whose cost does not depend on how many there are', async () => {
    for (let index = 0; index < 50_000; index++)
      must(await store.create(input({ hint: `${index}`, parentId: agent(`node-${index % 500}`) })));
    table.reset();
    const seen = new Set<string>();
    let [pages, after] = [0, undefined as string | undefined];
    do {
      const page = await store.list({ limit: 1000, after });
      for (const { id } of page.entries) seen.add(id);
      after = page.next;
      pages++;
    } while (after !== undefined);
    expect([seen.size, pages, table.reads()]).toEqual([50_000, 50, 50]);
    table.reset();
    expect((await store.list({ filter: { selector: 'unix:uid:none' } })).next).toBeDefined();
    expect(table.reads()).toBe(2);
    table.reset();
    expect((await store.list({ filter: { parentId: agent('node-7') } })).entries).toHaveLength(100);
    expect(table.reads()).toBe(1);
  }, 60_000);

  test('is not larger than an answer may be', async () => {
    const selectors = Array.from({ length: 32 }, (_, index) => `unix:path:/${index}/${'x'.repeat(480)}`);
    for (let index = 0; index < 200; index++) must(await store.create(input({ hint: `${index}`, selectors })));
    const page = await store.list({ limit: 1000 });
    expect(JSON.stringify(page).length).toBeLessThan(3 * 1024 * 1024);
    expect(page.next).toBeDefined();
    expect(await listed({}, 1000)).toHaveLength(200);
  });

  test('is not stopped by forged items, however many stand in its way', async () => {
    const good = must(await store.create(input()));
    for (let index = 0; index < 2500; index++)
      await table.put({ pk: 'entry', sk: `a-${index}`, attributes: { body: '{}', mac: new Uint8Array(32) } });
    const found: string[] = [];
    for (let after: string | undefined; ; ) {
      const page = await store.list({ after, filter: { spiffeIdPrefix: 'spiffe://' } });
      found.push(...idsOf(page.entries));
      after = page.next;
      if (after === undefined) break;
    }
    expect(found).toEqual([good.id]);
    expect(forged).toHaveLength(2500);
  });
});
