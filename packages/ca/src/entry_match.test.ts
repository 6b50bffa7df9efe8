import { createSoftwareMac } from '@postern/keys';
import { createMemoryTable } from '@postern/store/embedded';
import { countingTable, createManualClock } from '@postern/store/testing';
import { beforeEach, describe, expect, test } from 'vitest';
import type { UnfilledEntry } from './entry_match.ts';
import { createEntryStore, type EntryStore, MAX_ENTRIES_PER_ANCHOR } from './entry_store.ts';
import type { EntryInput } from './registration_entry.ts';
import { must, START_MS, trustDomain } from './testing/world.ts';

const attestorId = (name: string) => `spiffe://demo.test/postern/attestor/${name}`;
const input = (over: Partial<EntryInput> = {}): EntryInput => ({
  spiffeId: 'spiffe://demo.test/prod/ns/{k8s:ns}/sa/{k8s:sa}',
  parentId: attestorId('prod'),
  selectors: ['k8s:ns:shop'],
  ...over,
});

const clock = createManualClock(START_MS);
let table: ReturnType<typeof countingTable>;
let forged: { readonly pk: string; readonly sk: string }[];
let unfilled: UnfilledEntry[];
let store: EntryStore;

beforeEach(() => {
  clock.setMs(START_MS);
  table = countingTable(createMemoryTable({ clock }));
  [forged, unfilled] = [[], []];
  let ids = 0;
  store = createEntryStore({
    table,
    mac: createSoftwareMac('entries', new Uint8Array(32).fill(7)),
    clock,
    trustDomain,
    createId: () => `entry-${String(++ids).padStart(6, '0')}`,
    onForged: (key) => void forged.push(key),
  });
});

/** A pod’s token as an attestor of kind `k8s` verified it. */
function pod(ns: string, sa: string, more: { readonly [claim: string]: string } = {}, attestor = 'prod') {
  const claims = new Map(Object.entries({ 'k8s:ns': ns, 'k8s:sa': sa, 'k8s:pod': 'web-7d9f', ...more }));
  return { attestor, selectors: [...claims].map(([name, value]) => `${name}:${value}`), claims };
}

const idsOf = async (attestation: ReturnType<typeof pod>) => {
  const matched = await store.match(attestation, (it) => void unfilled.push(it));
  return matched.map(({ spiffeId }) => spiffeId.uri);
};

describe('a workload that an attestor verified', () => {
  test('gets the names that its claims make, of the entries all of whose selectors it has', async () => {
    must(await store.create(input()));
    must(await store.create(input({ spiffeId: 'spiffe://demo.test/web', selectors: ['k8s:ns:shop', 'k8s:sa:web'] })));
    must(await store.create(input({ spiffeId: 'spiffe://demo.test/db', selectors: ['k8s:ns:shop', 'k8s:sa:db'] })));
    expect(await idsOf(pod('shop', 'web'))).toEqual([
      'spiffe://demo.test/prod/ns/shop/sa/web',
      'spiffe://demo.test/web',
    ]);
    expect(await idsOf(pod('bank', 'web'))).toEqual([]);
  });

  test('gets DNS names of its own too', async () => {
    must(await store.create(input({ dnsNames: ['{k8s:sa}.prod.demo.test', 'web.prod.demo.test'] })));
    const [matched] = await store.match(pod('shop', 'web'));
    expect(matched?.entry.dnsNames).toEqual(['web.prod.demo.test']);
  });

  test('gets a name of the template for everybody at its attestor', async () => {
    must(await store.create(input({ selectors: [] })));
    expect(await idsOf(pod('any', 'thing'))).toEqual(['spiffe://demo.test/prod/ns/any/sa/thing']);
    expect(await idsOf(pod('any', 'thing', {}, 'stage'))).toEqual([]);
  });

  test('gets nothing of another attestor, nor of an agent', async () => {
    must(await store.create(input({ parentId: attestorId('stage'), spiffeId: 'spiffe://demo.test/stage/{k8s:ns}' })));
    must(
      await store.create(
        input({ parentId: 'spiffe://demo.test/postern/agent/prod', spiffeId: 'spiffe://demo.test/a' }),
      ),
    );
    expect(await idsOf(pod('shop', 'web'))).toEqual([]);
    expect(await store.listForParent(attestorId('stage'))).toEqual([]);
  });

  test.each(['', '..', 'prod/x', 'a'.repeat(300), 'prod#any'])('gets nothing at the attestor %j', async (attestor) => {
    must(await store.create(input()));
    expect(await idsOf(pod('shop', 'web', {}, attestor))).toEqual([]);
  });

  test('gets no name that its claims cannot make, and that is told; its other entries are not in the way', async () => {
    const { id } = must(await store.create(input()));
    must(await store.create(input({ spiffeId: 'spiffe://demo.test/shop' })));
    expect(await idsOf(pod('shop', '../admin'))).toEqual(['spiffe://demo.test/shop']);
    expect(unfilled).toEqual([{ entryId: id, reason: 'template-claim-value', detail: 'k8s:sa' }]);
  });

  test('gets nothing of an entry that has expired', async () => {
    must(await store.create(input({ expiresAtMs: START_MS + 10_000 })));
    expect(await idsOf(pod('shop', 'web'))).toHaveLength(1);
    clock.setMs(START_MS + 10_000);
    expect(await idsOf(pod('shop', 'web'))).toEqual([]);
  });
});

describe('a change of an entry', () => {
  test('that takes a selector in leaves nothing where it was filed', async () => {
    const entry = must(await store.create(input()));
    must(await store.update(entry.id, 1, input({ selectors: ['k8s:sa:db'] })));
    expect(await idsOf(pod('shop', 'web'))).toEqual([]);
    expect(await idsOf(pod('x', 'db'))).toHaveLength(1);
    must(await store.update(entry.id, 2, input({ selectors: [] })));
    expect(await idsOf(pod('x', 'y'))).toHaveLength(1);
    must(await store.delete(entry.id));
    expect(await idsOf(pod('x', 'db'))).toEqual([]);
  });

  test('to another parent takes it from the first', async () => {
    const entry = must(await store.create(input()));
    const moved = input({ parentId: attestorId('stage'), spiffeId: 'spiffe://demo.test/stage/{k8s:ns}' });
    must(await store.update(entry.id, 1, moved));
    expect(await idsOf(pod('shop', 'web'))).toEqual([]);
    expect(await idsOf(pod('shop', 'web', {}, 'stage'))).toEqual(['spiffe://demo.test/stage/shop']);
  });
});

describe('whoever can write the table but has no key', () => {
  const itemsOf = async (pk: string) => (await table.query({ pk })).items;
  /** Where an entry with the one selector is filed. */
  const placeOf = async (selector: string) => {
    const { anchorKey } = await import('./entry_item.ts');
    return anchorKey(attestorId('prod'), selector);
  };

  test('cannot widen an entry by filing it where others look', async () => {
    must(await store.create(input({ selectors: ['k8s:ns:shop', 'k8s:sa:db'] })));
    const from = [...(await itemsOf(await placeOf('k8s:ns:shop'))), ...(await itemsOf(await placeOf('k8s:sa:db')))];
    const pk = await placeOf('k8s:ns:bank');
    for (const item of from) await table.put({ ...item, pk });
    for (const item of from) await table.put({ ...item, pk: `entry-of#${attestorId('prod')}#any` });
    expect(await idsOf(pod('bank', 'db'))).toEqual([]);
    expect(forged).toHaveLength(2);
  });

  test('cannot take a selector out of it, or change its template', async () => {
    must(await store.create(input()));
    const pk = await placeOf('k8s:ns:shop');
    const [item] = await itemsOf(pk);
    if (item === undefined) throw new Error('no such item');
    for (const [from, to] of [
      ['"k8s:ns:shop"', ''],
      ['{k8s:sa}', 'admin'],
    ] as const) {
      const body = String(item.attributes['body']).replace(from, to);
      await table.put({ ...item, attributes: { ...item.attributes, body } });
      expect(await idsOf(pod('shop', 'web'))).toEqual([]);
    }
    expect(forged).toHaveLength(2);
  });

  test('has an earlier revision put back seen as it was only while no later one is found', async () => {
    const entry = must(await store.create(input()));
    const [first] = await itemsOf(await placeOf('k8s:ns:shop'));
    must(await store.update(entry.id, 1, input({ selectors: ['k8s:sa:web'], hint: 'later' })));
    if (first !== undefined) await table.put(first);
    const matched = await store.match(pod('shop', 'web'));
    expect(matched.map((it) => it.entry.revision)).toEqual([2]);
  });

  test('stops nobody else: one forged item is passed over', async () => {
    must(await store.create(input()));
    const pk = await placeOf('k8s:ns:shop');
    await table.put({ pk, sk: 'entry-000000', attributes: { body: '{}', mac: new Uint8Array(32) } });
    expect(await idsOf(pod('shop', 'web'))).toHaveLength(1);
    expect(forged).toEqual([{ pk, sk: 'entry-000000' }]);
  });
});

describe('what it costs', () => {
  test('is the same with 20,000 entries as with one: a query for each thing that was verified', async () => {
    const account = (index: number) =>
      input({
        spiffeId: `spiffe://demo.test/shop/app-${index}`,
        selectors: ['k8s:ns:shop', `k8s:sa:app-${index}`, `k8s:pod:p${index % 10}`],
      });
    for (let index = 0; index < 20_000; index++) must(await store.create(account(index)));
    const caller = pod('shop', 'app-12345', { 'k8s:pod': 'p5' });
    table.reset();
    expect(await idsOf(caller)).toEqual(['spiffe://demo.test/shop/app-12345']);
    expect(table.reads()).toBe(caller.selectors.length + 1);
    expect(table.reads()).toBeLessThanOrEqual(5);
    expect(table.itemsRead()).toBeLessThan(100);
  }, 60_000);

  test('of filing an entry is a short query for each of its selectors', async () => {
    must(await store.create(input()));
    expect([table.reads(), table.writes(), table.itemsWritten()]).toEqual([1, 1, 3]);
    table.reset();
    must(await store.create(input({ selectors: ['k8s:ns:a', 'k8s:sa:b'] })));
    expect([table.reads(), table.writes(), table.itemsWritten()]).toEqual([2, 1, 3]);
  });
});

describe('a selector that many entries name', () => {
  const crowded = (index: number, over: Partial<EntryInput> = {}) =>
    input({ spiffeId: `spiffe://demo.test/w-${index}`, selectors: ['k8s:ns:shop'], ...over });

  beforeEach(async () => {
    for (let index = 0; index < MAX_ENTRIES_PER_ANCHOR; index++) must(await store.create(crowded(index)));
  });

  test('takes no more of them: everybody who shows it has them read', async () => {
    expect(await store.create(crowded(-1))).toMatchObject({ ok: false, reason: 'entry-anchors-full' });
    must(await store.create(crowded(-1, { selectors: ['k8s:ns:shop', 'k8s:sa:web'] })));
    must(await store.create(crowded(-1, { selectors: ['k8s:ns:bank'] })));
    table.reset();
    expect(await idsOf(pod('shop', 'web'))).toHaveLength(MAX_ENTRIES_PER_ANCHOR + 1);
    expect(table.reads()).toBeLessThanOrEqual(5);
  });

  test('keeps those that are there when they are changed, and takes none over from another', async () => {
    const [there] = (await store.list({ limit: 1 })).entries;
    if (there === undefined) throw new Error('none');
    const { id, revision } = there;
    expect(await store.update(id, revision, crowded(0, { ttlSeconds: 600 }))).toMatchObject({ ok: true });
    const other = must(await store.create(crowded(-1, { selectors: ['k8s:ns:bank'] })));
    expect(await store.update(other.id, 1, crowded(-1))).toMatchObject({ ok: false, reason: 'entry-anchors-full' });
  });
});
