/** What is read is what was written. */
import { describe, expect, test } from 'vitest';
import type { Attribute } from '../../table.ts';
import type { World } from './world.ts';

const rows: readonly (readonly [what: string, value: Attribute])[] = [
  ['an empty text', ''],
  ['text of many bytes a character, and NUL', 'é€\u{1f600}\u0000\uffff'],
  ['text that looks like a number', '007'],
  ['zero', 0],
  ['a fraction', 0.1],
  ['the largest whole number', Number.MAX_SAFE_INTEGER],
  ['the smallest whole number', Number.MIN_SAFE_INTEGER],
  ['a double of 17 digits', 0.30000000000000004],
  ['a large number', 1e125],
  ['a small number', -1e-130],
  ['true', true],
  ['false', false],
  ['null', null],
  ['bytes', Uint8Array.of(0, 255, 128, 10)],
  ['no bytes', new Uint8Array(0)],
  ['an empty list', []],
  ['an empty map', {}],
  ['a list of all kinds', ['', 0, false, null, Uint8Array.of(1), [[]], { a: [] }]],
  ['a nested map', { a: { b: { c: { d: Uint8Array.of(1), e: null } } } }],
  ['a map that looks like a mark for bytes', { $bytes: 'AA==' }],
  ['a map that looks like an escaped mark', { $$bytes: 'AA==', $: 1 }],
  ['a map that looks like a typed value', { S: 'text', N: '1', B: 'AA==' }],
  ['nesting at its bound', nested(15)],
];

function nested(depth: number): Attribute {
  return depth === 0 ? 'inside' : [nested(depth - 1)];
}

/** Words that stores reserve, and names that objects have already. */
const names = [
  ...['size', 'name', 'data', 'value', 'count', 'status', 'select', 'ttl', 'expires', 'expiresAtSeconds'],
  ...['a.b', 'a[0]', '#a', ':a', '$a', ' ', 'é', '__proto__', 'constructor', 'toString', 'length'],
];

export function describeValues({ table, createPk }: World): void {
  describe('values', () => {
    test.each(rows)('%s comes back as it went', async (_what, value) => {
      const item = { pk: createPk(), sk: 'a', attributes: { value, other: 1 } };
      expect(await table().put(item)).toEqual({ ok: true, value: undefined });
      expect(await table().get(item)).toStrictEqual(item);
      expect((await table().query({ pk: item.pk })).items).toStrictEqual([item]);
    });

    test.each(names)('`%s` is an attribute like any other', async (name) => {
      const key = { pk: createPk(), sk: 'a' };
      const attributes = Object.fromEntries([[name, 1]]);
      await table().put({ ...key, attributes });
      const added = await table().update({ ...key, add: attributes, set: { other: 'x' } });
      expect(added.ok && Object.entries(added.value.attributes).sort()).toEqual(
        Object.entries({ other: 'x' })
          .concat([[name, 2 as never]])
          .sort(),
      );
      expect(await table().put({ ...key, attributes }, { kind: 'equals', attribute: name, value: 2 })).toMatchObject({
        ok: true,
      });
      const removed = await table().update({ ...key, remove: [name] });
      expect(removed.ok && Object.keys(removed.value.attributes)).toEqual([]);
    });

    test.each(names)('`%s` that was never set is not there to be compared or added to', async (name) => {
      const key = { pk: createPk(), sk: 'a' };
      await table().put({ ...key, attributes: {} });
      const missing = await table().delete(key, { kind: 'equals', attribute: name, value: 0 });
      expect(missing).toEqual({ ok: false, reason: 'condition-failed' });
      const added = await table().update({ ...key, add: Object.fromEntries([[name, 3]]) });
      expect(added.ok && Object.entries(added.value.attributes)).toEqual([[name, 3]]);
    });

    test('negative zero comes back as zero, as decimal stores have it', async () => {
      const key = { pk: createPk(), sk: 'a' };
      await table().put({ ...key, attributes: { value: -0 } });
      expect((await table().get(key))?.attributes).toEqual({ value: 0 });
    });

    test('a change to what was written or read does not reach the store', async () => {
      const key = { pk: createPk(), sk: 'a' };
      const bytes = Uint8Array.of(1);
      const list: Attribute[] = ['x'];
      await table().put({ ...key, attributes: { bytes, list } });
      bytes[0] = 2;
      list.push('y');
      const read = await table().get(key);
      (read?.attributes['bytes'] as Uint8Array)[0] = 3;
      expect((await table().get(key))?.attributes).toEqual({ bytes: Uint8Array.of(1), list: ['x'] });
      const updated = await table().update({ ...key, set: { bytes } });
      expect(updated).toEqual({ ok: true, value: { ...key, attributes: { bytes: Uint8Array.of(2), list: ['x'] } } });
      bytes[0] = 4;
      expect(updated.ok && updated.value.attributes['bytes']).toEqual(Uint8Array.of(2));
    });

    test('a put replaces the whole item, its expiry too', async () => {
      const key = { pk: createPk(), sk: 'a' };
      await table().put({ ...key, attributes: { old: 1 }, expiresAtSeconds: 4_000_000_000 });
      await table().put({ ...key, attributes: { fresh: 1 } });
      expect(await table().get(key)).toStrictEqual({ ...key, attributes: { fresh: 1 } });
    });

    test('items with the same sort key in other partitions are others', async () => {
      const [a, b] = [createPk(), createPk()];
      await table().put({ pk: a, sk: 'x', attributes: { in: 'a' } });
      expect(await table().get({ pk: b, sk: 'x' })).toBeUndefined();
      await table().delete({ pk: b, sk: 'x' });
      expect((await table().get({ pk: a, sk: 'x' }))?.attributes).toEqual({ in: 'a' });
    });
  });
}
