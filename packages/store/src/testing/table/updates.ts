/** Updates change what they name and create what is not there. */
import { describe, expect, test } from 'vitest';
import type { World } from './world.ts';

export function describeUpdates({ table, createPk }: World): void {
  describe('an update', () => {
    test('creates the item when it is absent, and counts an absent number as 0', async () => {
      const key = { pk: createPk(), sk: 'a' };
      const updated = await table().update({ ...key, set: { text: 'x' }, add: { count: 5 } });
      expect(updated).toEqual({ ok: true, value: { ...key, attributes: { text: 'x', count: 5 } } });
      expect(await table().get(key)).toEqual({ ...key, attributes: { text: 'x', count: 5 } });
    });

    test('of nothing creates an empty item', async () => {
      const key = { pk: createPk(), sk: 'a' };
      expect(await table().update(key)).toEqual({ ok: true, value: { ...key, attributes: {} } });
      expect(await table().get(key)).toEqual({ ...key, attributes: {} });
    });

    test('leaves alone what it does not name', async () => {
      const key = { pk: createPk(), sk: 'a' };
      await table().put({ ...key, attributes: { keep: [1], set: 'old', gone: 1, count: 1 }, expiresAtSeconds: 4e9 });
      const updated = await table().update({
        ...key,
        set: { set: { new: 1 } },
        add: { count: -3 },
        remove: ['gone', 'never'],
      });
      const attributes = { keep: [1], set: { new: 1 }, count: -2 };
      expect(updated).toEqual({ ok: true, value: { ...key, attributes, expiresAtSeconds: 4e9 } });
      expect(await table().get(key)).toEqual({ ...key, attributes, expiresAtSeconds: 4e9 });
    });

    test('replaces a map and does not merge into it', async () => {
      const key = { pk: createPk(), sk: 'a' };
      await table().put({ ...key, attributes: { map: { a: 1, b: 2 } } });
      await table().update({ ...key, set: { map: { c: 3 } } });
      expect((await table().get(key))?.attributes).toEqual({ map: { c: 3 } });
    });

    test('moves the expiry when it names one', async () => {
      const key = { pk: createPk(), sk: 'a' };
      await table().put({ ...key, attributes: {}, expiresAtSeconds: 4e9 });
      await table().update({ ...key, expiresAtSeconds: 4e9 + 1 });
      expect((await table().get(key))?.expiresAtSeconds).toBe(4e9 + 1);
    });

    test('that adds to what is no number throws and changes nothing', async () => {
      const key = { pk: createPk(), sk: 'a' };
      await table().put({ ...key, attributes: { count: '1' } });
      await expect(table().update({ ...key, add: { count: 1 }, set: { other: 1 } })).rejects.toThrow();
      expect((await table().get(key))?.attributes).toEqual({ count: '1' });
    });

    test('loses no addition when a hundred meet', async () => {
      const key = { pk: createPk(), sk: 'a' };
      const answers = await Promise.all(
        Array.from({ length: 100 }, () => table().update({ ...key, add: { count: 1 } })),
      );
      expect((await table().get(key))?.attributes).toEqual({ count: 100 });
      const seen = new Set(answers.map((answer) => answer.ok && answer.value.attributes['count']));
      expect(seen.size, 'each sees its own number').toBe(100);
    });
  });

  describe('a delete', () => {
    test('of what is not there is done', async () => {
      expect(await table().delete({ pk: createPk(), sk: 'a' })).toEqual({ ok: true, value: undefined });
    });

    test('takes the one item', async () => {
      const pk = createPk();
      await table().put({ pk, sk: 'a', attributes: {} });
      await table().put({ pk, sk: 'ab', attributes: {} });
      await table().delete({ pk, sk: 'a' });
      expect((await table().query({ pk })).items.map((item) => item.sk)).toEqual(['ab']);
    });
  });
}
