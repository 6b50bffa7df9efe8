/** Bounds are the same everywhere and a breach is a bug: it throws before anything is written. */
import { describe, expect, test } from 'vitest';
import { MAX_ITEM_BYTES, MAX_PARTITION_KEY_BYTES, MAX_SORT_KEY_BYTES } from '../../bounds.ts';
import type { Attribute, Query, Table, Update, Write } from '../../table.ts';
import type { World } from './world.ts';

const badKeys: readonly (readonly [what: string, pk: string, sk: string])[] = [
  ['an empty partition key', '', 'a'],
  ['an empty sort key', 'a', ''],
  ['a partition key too long', 'x'.repeat(MAX_PARTITION_KEY_BYTES + 1), 'a'],
  ['a sort key too long', 'a', 'x'.repeat(MAX_SORT_KEY_BYTES + 1)],
  ['a sort key of few characters and too many bytes', 'a', '€'.repeat(171)],
  ['half a character', 'a', 'x\ud800'],
];

let deep: Attribute = 'inside';
for (let depth = 0; depth < 17; depth++) deep = [deep];

const badAttributes: readonly (readonly [what: string, attributes: { readonly [name: string]: Attribute }])[] = [
  ['the reserved name pk', { pk: 'x' }],
  ['the reserved name sk', { sk: 'x' }],
  ['an empty name', { '': 1 }],
  ['an empty name inside', { a: { '': 1 } }],
  ['a name too long', { ['x'.repeat(256)]: 1 }],
  ['half a character', { a: 'x\udfff' }],
  ['half a character in a name', { '\ud800': 1 }],
  ['not a number', { a: Number.NaN }],
  ['infinity', { a: [Number.NEGATIVE_INFINITY] }],
  ['a number too large', { a: 1e126 }],
  ['a number too small', { a: 1e-131 }],
  ['nesting too deep', { a: deep }],
  ['an item too large', { a: 'x'.repeat(MAX_ITEM_BYTES) }],
  ['too many bytes', { a: new Uint8Array(MAX_ITEM_BYTES) }],
  ['too many bytes in few characters', { a: '€'.repeat(MAX_ITEM_BYTES / 3) }],
  ['too many small numbers', { a: Array.from({ length: 20_000 }, () => 1) }],
];

const badQueries: readonly (readonly [what: string, query: Partial<Query>])[] = [
  ['a limit of 0', { limit: 0 }],
  ['a limit of 1,001', { limit: 1001 }],
  ['half a limit', { limit: 1.5 }],
  ['no number for a limit', { limit: Number.NaN }],
  ['an empty partition key', { pk: '' }],
  ['an empty cursor', { after: '' }],
  ['a cursor too long', { after: 'x'.repeat(MAX_SORT_KEY_BYTES + 1) }],
  ['a prefix too long', { prefix: 'x'.repeat(MAX_SORT_KEY_BYTES + 1) }],
  ['half a character for a prefix', { prefix: 'x\ud83d' }],
];

const badUpdates: readonly (readonly [what: string, update: Partial<Update>])[] = [
  ['sets a key', { set: { pk: 'x' } }],
  ['adds to a key', { add: { sk: 1 } }],
  ['removes a key', { remove: ['pk'] }],
  ['sets and adds to one attribute', { set: { a: 1 }, add: { a: 1 } }],
  ['sets and removes one attribute', { set: { a: 1 }, remove: ['a'] }],
  ['removes one attribute twice', { remove: ['a', 'a'] }],
  ['adds what is not finite', { add: { a: Number.POSITIVE_INFINITY } }],
  ['expires at half a second', { expiresAtSeconds: 1.5 }],
];

export function describeBounds({ table, createPk }: World): void {
  describe('out of bounds', () => {
    test.each(badKeys)('%s is refused by every verb', async (_what, pk, sk) => {
      const calls: ((table: Table) => Promise<unknown>)[] = [
        (t) => t.get({ pk, sk }),
        (t) => t.put({ pk, sk, attributes: {} }),
        (t) => t.update({ pk, sk }),
        (t) => t.delete({ pk, sk }),
        (t) => t.transact([{ put: { pk, sk, attributes: {} } }]),
        (t) => t.transact([{ check: { pk, sk }, condition: { kind: 'absent' } }]),
      ];
      for (const call of calls) await expect(call(table())).rejects.toThrow(RangeError);
    });

    test.each(badAttributes)('an item with %s', async (_what, attributes) => {
      const key = { pk: createPk(), sk: 'a' };
      await expect(table().put({ ...key, attributes })).rejects.toThrow(RangeError);
      await expect(table().update({ ...key, set: attributes })).rejects.toThrow(RangeError);
      await expect(table().transact([{ put: { ...key, attributes } }])).rejects.toThrow(RangeError);
      expect(await table().get(key)).toBeUndefined();
    });

    test('an expiry that is not whole', async () => {
      const item = { pk: createPk(), sk: 'a', attributes: {}, expiresAtSeconds: 0.5 };
      await expect(table().put(item)).rejects.toThrow(RangeError);
    });

    test.each(badQueries)('a query with %s', async (_what, query) => {
      await expect(table().query({ pk: createPk(), ...query })).rejects.toThrow(RangeError);
    });

    test.each(badUpdates)('an update that %s', async (_what, update) => {
      const key = { pk: createPk(), sk: 'a' };
      await expect(table().update({ ...key, ...update })).rejects.toThrow(RangeError);
      await expect(table().transact([{ update: { ...key, ...update } }])).rejects.toThrow(RangeError);
      expect(await table().get(key)).toBeUndefined();
    });

    test('an update that makes an item too large, bit by bit', async () => {
      const key = { pk: createPk(), sk: 'a' };
      const half = 'x'.repeat(200_000);
      await table().put({ ...key, attributes: { a: half } });
      await expect(table().update({ ...key, set: { b: half } })).rejects.toThrow();
      expect(Object.keys((await table().get(key))?.attributes ?? {})).toEqual(['a']);
    });

    const put = (sk: string, text = ''): Write => ({ put: { pk: 'bounds', sk, attributes: { text } } });
    const badTransactions: readonly (readonly [what: string, writes: readonly Write[]])[] = [
      ['without writes', []],
      ['of 101 writes', Array.from({ length: 101 }, (_, index) => put(String(index)))],
      ['that writes one item twice', [put('a'), put('a')]],
      ['that checks what it writes', [put('a'), { check: { pk: 'bounds', sk: 'a' }, condition: { kind: 'absent' } }]],
      ['of more than 4 MiB', Array.from({ length: 14 }, (_, index) => put(String(index), 'x'.repeat(310_000)))],
    ];
    test.each(badTransactions)('a transaction %s', async (_what, writes) => {
      await expect(table().transact(writes)).rejects.toThrow(RangeError);
      expect(await table().query({ pk: 'bounds' })).toEqual({ items: [] });
    });
  });

  describe('at the bound', () => {
    test('keys of the greatest length are kept', async () => {
      const item = { pk: 'x'.repeat(MAX_PARTITION_KEY_BYTES), sk: `${'€'.repeat(170)}xx`, attributes: {} };
      await table().put(item);
      expect(await table().get(item)).toEqual(item);
      expect((await table().query({ pk: item.pk, prefix: item.sk })).items).toEqual([item]);
      await table().delete(item);
    });

    test('an item of nearly the greatest size is kept', async () => {
      const item = { pk: createPk(), sk: 'a', attributes: { a: 'x'.repeat(MAX_ITEM_BYTES - 10) } };
      await table().put(item);
      expect(await table().get(item)).toEqual(item);
    });

    test('two keys that read the same when joined are two items of a transaction', async () => {
      const pk = createPk();
      const writes: Write[] = [
        { put: { pk: `${pk}\u0000`, sk: 'a', attributes: {} } },
        { put: { pk, sk: '\u0000a', attributes: {} } },
      ];
      expect(await table().transact(writes)).toMatchObject({ ok: true });
    });
  });
}
