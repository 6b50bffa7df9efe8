/** A condition and its write are one atomic step. */
import { describe, expect, test } from 'vitest';
import type { Condition, Item, Key, Table } from '../../table.ts';
import type { World } from './world.ts';

const there = { text: 'x', number: 1, yes: true, nothing: null, bytes: Uint8Array.of(1), list: ['x'] };
const equals = (attribute: string, value: string | number | boolean): Condition => ({
  kind: 'equals',
  attribute,
  value,
});

/** Whether the condition holds where there is no item, and on the item above. */
const rows: readonly (readonly [what: string, condition: Condition, onAbsent: boolean, onPresent: boolean])[] = [
  ['absent', { kind: 'absent' }, true, false],
  ['present', { kind: 'present' }, false, true],
  ['the same text', equals('text', 'x'), false, true],
  ['another text', equals('text', 'y'), false, false],
  ['a longer text', equals('text', 'xx'), false, false],
  ['an empty text', equals('text', ''), false, false],
  ['the same number', equals('number', 1), false, true],
  ['another number', equals('number', 2), false, false],
  ['a text for a number', equals('number', '1'), false, false],
  ['a number for a text', equals('text', 1), false, false],
  ['the same boolean', equals('yes', true), false, true],
  ['the other boolean', equals('yes', false), false, false],
  ['a text for a boolean', equals('yes', 'true'), false, false],
  ['a text for null', equals('nothing', 'null'), false, false],
  ['an attribute that is not there', equals('missing', 'x'), false, false],
  ['false for an attribute that is not there', equals('missing', false), false, false],
  ['text for bytes', equals('bytes', '\u0001'), false, false],
  ['an element for a list', equals('list', 'x'), false, false],
];

type Attempt = (table: Table, key: Key, condition: Condition) => Promise<{ readonly ok: boolean }>;

const fresh = { fresh: 1 };
const attempts: readonly (readonly [verb: string, attempt: Attempt, after: (item: Item) => Item | undefined])[] = [
  [
    'put',
    (table, key, condition) => table.put({ ...key, attributes: fresh }, condition),
    (item) => ({ ...item, attributes: fresh }),
  ],
  [
    'update',
    (table, key, condition) => table.update({ ...key, set: fresh, condition }),
    (item) => ({ ...item, attributes: { ...item.attributes, ...fresh } }),
  ],
  ['delete', (table, key, condition) => table.delete(key, condition), () => undefined],
  [
    'transaction of a check',
    (table, { pk, sk }, condition) => table.transact([{ check: { pk, sk }, condition }]),
    (item) => item,
  ],
];

export function describeConditions({ table, createPk }: World): void {
  describe.each(attempts)('a conditional %s', (_verb, attempt, after) => {
    test.each(rows)('on %s', async (_what, condition, onAbsent, onPresent) => {
      const pk = createPk();
      const [absent, present] = [
        { pk, sk: 'absent' },
        { pk, sk: 'present', attributes: there },
      ];
      await table().put(present);
      expect((await attempt(table(), absent, condition)).ok).toBe(onAbsent);
      expect((await attempt(table(), { pk, sk: 'present' }, condition)).ok).toBe(onPresent);
      if (!onAbsent) expect(await table().get(absent)).toBeUndefined();
      expect(await table().get(present)).toEqual(onPresent ? after(present) : present);
    });
  });

  test('an unmet condition is a value and no fault', async () => {
    const refused = await table().put({ pk: createPk(), sk: 'a', attributes: {} }, { kind: 'present' });
    expect(refused).toEqual({ ok: false, reason: 'condition-failed' });
  });

  test('of twenty that create one item at once exactly one does', async () => {
    const key = { pk: createPk(), sk: 'a' };
    const outcomes = await Promise.all(
      Array.from({ length: 20 }, (_, by) => table().put({ ...key, attributes: { by } }, { kind: 'absent' })),
    );
    const winners = outcomes.flatMap((outcome, by) => (outcome.ok ? [by] : []));
    expect(winners).toHaveLength(1);
    expect((await table().get(key))?.attributes).toEqual({ by: winners[0] });
  });

  test('of twenty that move a version at once exactly one does', async () => {
    const key = { pk: createPk(), sk: 'a' };
    await table().put({ ...key, attributes: { version: 1 } });
    const outcomes = await Promise.all(
      Array.from({ length: 20 }, () =>
        table().update({ ...key, add: { version: 1 }, condition: equals('version', 1) }),
      ),
    );
    expect(outcomes.filter((outcome) => outcome.ok)).toHaveLength(1);
    expect((await table().get(key))?.attributes).toEqual({ version: 2 });
  });

  test('of twenty that consume one item at once exactly one does', async () => {
    const key = { pk: createPk(), sk: 'a' };
    await table().put({ ...key, attributes: {} });
    const outcomes = await Promise.all(Array.from({ length: 20 }, () => table().delete(key, { kind: 'present' })));
    expect(outcomes.filter((outcome) => outcome.ok)).toHaveLength(1);
  });
}
