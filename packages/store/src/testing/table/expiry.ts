/** An item whose time is over is gone, whether or not the store has deleted it yet. */
import { describe, expect, test } from 'vitest';
import type { World } from './world.ts';

export function describeExpiry({ table, clock, createPk }: World): void {
  const inSeconds = (seconds: number) => Math.floor(clock.nowMs() / 1000) + seconds;

  describe('an item with an expiry', () => {
    test('is there until that second begins, and not after', async () => {
      const item = { pk: createPk(), sk: 'a', attributes: {}, expiresAtSeconds: inSeconds(10) };
      await table().put(item);
      clock.setMs(item.expiresAtSeconds * 1000 - 1);
      expect(await table().get(item)).toEqual(item);
      expect((await table().query({ pk: item.pk })).items).toEqual([item]);
      clock.setMs(item.expiresAtSeconds * 1000);
      expect(await table().get(item)).toBeUndefined();
      expect(await table().query({ pk: item.pk })).toEqual({ items: [] });
    });

    test('that is over is absent for every condition', async () => {
      const [pk, expiresAtSeconds] = [createPk(), inSeconds(10)];
      const key = { pk, sk: 'a' };
      const put = () => table().put({ ...key, attributes: { x: 1 }, expiresAtSeconds });
      await put();
      clock.setMs(expiresAtSeconds * 1000);
      expect((await table().put({ ...key, attributes: {} }, { kind: 'present' })).ok).toBe(false);
      expect((await table().delete(key, { kind: 'present' })).ok).toBe(false);
      expect((await table().delete(key, { kind: 'equals', attribute: 'x', value: 1 })).ok).toBe(false);
      expect((await table().transact([{ check: key, condition: { kind: 'present' } }])).ok).toBe(false);
      expect((await table().transact([{ check: key, condition: { kind: 'absent' } }])).ok).toBe(true);
      expect((await table().put({ ...key, attributes: { y: 1 } }, { kind: 'absent' })).ok).toBe(true);
      expect(await table().get(key)).toEqual({ ...key, attributes: { y: 1 } });
    });

    test('that is over leaves nothing to an update: it starts anew', async () => {
      const [pk, expiresAtSeconds] = [createPk(), inSeconds(10)];
      const key = { pk, sk: 'a' };
      await table().put({ ...key, attributes: { count: 41, secret: 'old' }, expiresAtSeconds });
      clock.setMs(expiresAtSeconds * 1000);
      const updated = await table().update({ ...key, add: { count: 1 } });
      expect(updated).toEqual({ ok: true, value: { ...key, attributes: { count: 1 } } });
      expect(await table().get(key)).toEqual({ ...key, attributes: { count: 1 } });
    });

    test('that is over leaves nothing to an update in a transaction either', async () => {
      const [pk, expiresAtSeconds] = [createPk(), inSeconds(10)];
      const key = { pk, sk: 'a' };
      await table().put({ ...key, attributes: { count: 41 }, expiresAtSeconds });
      clock.setMs(expiresAtSeconds * 1000);
      await table().transact([{ update: { ...key, add: { count: 1 } } }]);
      expect(await table().get(key)).toEqual({ ...key, attributes: { count: 1 } });
    });

    test('does not make a page short of what still lives', async () => {
      const [pk, expiresAtSeconds] = [createPk(), inSeconds(10)];
      for (const sk of ['a', 'b', 'c', 'd']) {
        await table().put({ pk, sk, attributes: {}, ...(sk < 'c' && { expiresAtSeconds }) });
      }
      clock.setMs(expiresAtSeconds * 1000);
      const first = await table().query({ pk, limit: 1 });
      expect(first.items.map((item) => item.sk)).toEqual(['c']);
      expect((await table().query({ pk, limit: 1, after: first.next })).items.map((item) => item.sk)).toEqual(['d']);
    });

    test('that was over when it was written was never there', async () => {
      const key = { pk: createPk(), sk: 'a' };
      expect((await table().put({ ...key, attributes: {}, expiresAtSeconds: 1 })).ok).toBe(true);
      expect(await table().get(key)).toBeUndefined();
    });

    test('lives on when the expiry is moved in time', async () => {
      const [pk, expiresAtSeconds] = [createPk(), inSeconds(10)];
      const key = { pk, sk: 'a' };
      await table().put({ ...key, attributes: {}, expiresAtSeconds });
      await table().update({ ...key, expiresAtSeconds: expiresAtSeconds + 10 });
      clock.setMs(expiresAtSeconds * 1000);
      expect((await table().get(key))?.expiresAtSeconds).toBe(expiresAtSeconds + 10);
    });
  });
}
