/** All or nothing, whoever else is writing. */
import { describe, expect, test } from 'vitest';
import type { Key, Table, Write } from '../../table.ts';
import type { World } from './world.ts';

export function describeTransactions({ table, createPk }: World): void {
  const exists = (key: Key) => ({ check: key, condition: { kind: 'present' } }) as const;

  describe('a transaction', () => {
    test('does all of its writes', async () => {
      const pk = createPk();
      for (const sk of ['update', 'delete', 'check']) await table().put({ pk, sk, attributes: { count: 1 } });
      const writes: Write[] = [
        { put: { pk, sk: 'put', attributes: { x: 1 }, expiresAtSeconds: 4e9 }, condition: { kind: 'absent' } },
        {
          update: { pk, sk: 'update', add: { count: 1 }, condition: { kind: 'equals', attribute: 'count', value: 1 } },
        },
        { update: { pk, sk: 'created', set: { y: 1 } } },
        { delete: { pk, sk: 'delete' }, condition: { kind: 'present' } },
        exists({ pk, sk: 'check' }),
      ];
      expect(await table().transact(writes)).toEqual({ ok: true, value: undefined });
      expect((await table().query({ pk })).items).toEqual([
        { pk, sk: 'check', attributes: { count: 1 } },
        { pk, sk: 'created', attributes: { y: 1 } },
        { pk, sk: 'put', attributes: { x: 1 }, expiresAtSeconds: 4e9 },
        { pk, sk: 'update', attributes: { count: 2 } },
      ]);
    });

    const missing: Write[] = [
      { put: { pk: '', sk: 'missing', attributes: {} }, condition: { kind: 'present' } },
      { update: { pk: '', sk: 'missing', condition: { kind: 'present' } } },
      { delete: { pk: '', sk: 'missing' }, condition: { kind: 'present' } },
      { check: { pk: '', sk: 'missing' }, condition: { kind: 'present' } },
    ];
    test.each(missing.map((write) => [Object.keys(write)[0] as string, write] as const))(
      'does nothing when the condition of its %s fails, first or last',
      async (_verb, write) => {
        const pk = createPk();
        await table().put({ pk, sk: 'there', attributes: { count: 1 } });
        const refused = moved(write, pk);
        const others: Write[] = [
          { put: { pk, sk: 'new', attributes: {} } },
          { update: { pk, sk: 'there', add: { count: 1 } } },
        ];
        for (const writes of [
          [refused, ...others],
          [...others, refused],
        ]) {
          expect(await table().transact(writes)).toEqual({ ok: false, reason: 'condition-failed' });
          expect((await table().query({ pk })).items).toEqual([{ pk, sk: 'there', attributes: { count: 1 } }]);
        }
      },
    );

    test('does nothing when one of its writes is out of bounds', async () => {
      const pk = createPk();
      const writes: Write[] = [
        { put: { pk, sk: 'a', attributes: {} } },
        { put: { pk, sk: 'b', attributes: { pk: 'reserved' } } },
      ];
      await expect(table().transact(writes)).rejects.toThrow(RangeError);
      expect((await table().query({ pk })).items).toEqual([]);
    });

    test('does nothing when one of its updates adds to what is no number', async () => {
      const pk = createPk();
      await table().put({ pk, sk: 'text', attributes: { count: 'x' } });
      const writes: Write[] = [
        { put: { pk, sk: 'a', attributes: {} } },
        { update: { pk, sk: 'text', add: { count: 1 } } },
      ];
      await expect(table().transact(writes)).rejects.toThrow();
      expect(await table().get({ pk, sk: 'a' })).toBeUndefined();
    });

    test('spans partitions and holds a hundred writes', async () => {
      const pks = Array.from({ length: 100 }, createPk);
      expect(await table().transact(pks.map((pk) => ({ put: { pk, sk: 'a', attributes: {} } })))).toMatchObject({
        ok: true,
      });
      const found = await Promise.all(pks.map((pk) => table().get({ pk, sk: 'a' })));
      expect(found.every((item) => item !== undefined)).toBe(true);
    });

    test('of twenty that claim two items at once, in whatever order, one gets both', async () => {
      const pk = createPk();
      const claim = (by: number) => {
        const writes = ['a', 'b'].map((sk) => ({
          put: { pk, sk, attributes: { by } },
          condition: { kind: 'absent' } as const,
        }));
        return claimWith(table(), by % 2 === 0 ? writes : writes.reverse());
      };
      const outcomes = await Promise.all(Array.from({ length: 20 }, (_, by) => claim(by)));
      const winner = outcomes.indexOf(true);
      expect(outcomes.filter((won) => won)).toHaveLength(1);
      const items = (await table().query({ pk })).items;
      expect(items.map((item) => item.attributes)).toEqual([{ by: winner }, { by: winner }]);
    });

    test('no reader of both sides sees money made or lost', async () => {
      const pk = createPk();
      await table().transact(['a', 'b'].map((sk) => ({ put: { pk, sk, attributes: { sum: 100 } } })));
      const move = (amount: number) =>
        table().transact([
          { update: { pk, sk: 'a', add: { sum: -amount } } },
          { update: { pk, sk: 'b', add: { sum: amount } } },
        ]);
      await Promise.all(Array.from({ length: 10 }, (_, index) => move(index)));
      const sums = (await table().query({ pk })).items.map((item) => item.attributes['sum'] as number);
      expect((sums[0] as number) + (sums[1] as number)).toBe(200);
      expect(sums).toEqual([55, 145]);
    });
  });
}

function moved(write: Write, pk: string): Write {
  if ('put' in write) return { ...write, put: { ...write.put, pk } };
  if ('update' in write) return { update: { ...write.update, pk } };
  return 'delete' in write
    ? { ...write, delete: { ...write.delete, pk } }
    : { ...write, check: { ...write.check, pk } };
}

async function claimWith(table: Table, writes: readonly Write[]): Promise<boolean> {
  return (await table.transact(writes)).ok;
}
