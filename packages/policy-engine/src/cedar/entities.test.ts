import { describe, expect, test } from 'vitest';
import { type Entities, type EntityInput, entitiesOf, MAX_ANCESTORS, NO_ENTITIES } from './entities.ts';
import { type EntityUid, entityUid } from './value.ts';

const uid = (id: string) => entityUid('Group', id);
const entity = (id: string, ...parents: string[]): EntityInput => ({ uid: uid(id), parents: parents.map(uid) });

function made(...inputs: EntityInput[]): Entities {
  const entities = entitiesOf(inputs);
  if (!entities.ok) throw new Error(entities.reason);
  return entities.value;
}

function ancestorsOf(entities: Entities, of: EntityUid): string[] {
  return (entities.find(of)?.ancestors ?? []).map(({ id }) => id).sort();
}

describe('entities', () => {
  test('have all ancestors although only parents are given, in any order', () => {
    const entities = made(entity('c', 'd'), entity('a', 'b', 'c'), entity('b', 'd'), entity('d', 'absent'));
    expect(ancestorsOf(entities, uid('a'))).toEqual(['absent', 'b', 'c', 'd']);
    expect(entities.find(uid('a'))?.hasAncestor(uid('d'))).toBe(true);
    expect(entities.find(uid('a'))?.hasAncestor(uid('a'))).toBe(false);
    expect(entities.find(uid('a'))?.hasAncestor(entityUid('Team', 'd'))).toBe(false);
    expect(entities.find(uid('absent'))).toBeUndefined();
  });

  test('with many ancestors find the same as with few', () => {
    const parents = Array.from({ length: 50 }, (_, index) => `p${index}`);
    const found = made(entity('a', ...parents)).find(uid('a'));
    expect(parents.every((parent) => found?.hasAncestor(uid(parent)))).toBe(true);
    expect(found?.hasAncestor(entityUid('Team', 'p1'))).toBe(false);
  });

  test.each([
    [[entity('a', 'a')], 'entity-cycle'],
    [[entity('a', 'b'), entity('b', 'c'), entity('c', 'a')], 'entity-cycle'],
    [[entity('a'), entity('a', 'b')], 'entity-duplicate'],
    [[entity('a', 'b'), entity('a', 'c')], 'entity-duplicate'],
    [
      [entity('a', ...Array.from({ length: MAX_ANCESTORS + 1 }, (_, index) => `p${index}`))],
      'entity-ancestors-too-many',
    ],
  ])('that contradict themselves are refused', (inputs, reason) => {
    expect(entitiesOf(inputs)).toMatchObject({ ok: false, reason });
  });

  test('given twice with the same content count once', () => {
    expect([...made(entity('a', 'b', 'c'), entity('a', 'c', 'b'))].length).toBe(1);
  });

  test('in a long chain need no deep stack', () => {
    const chain = Array.from({ length: 900 }, (_, index) => entity(`e${index}`, `e${index + 1}`));
    expect(made(...chain).find(uid('e0'))?.ancestors.length).toBe(900);
  });
});

describe('a layer of one request', () => {
  const base = made(entity('team', 'company'), entity('company'), entity('lost', 'outside'));

  test('sees through to what is below and inherits its ancestors', () => {
    const layer = base.with([entity('user', 'team')]);
    if (!layer.ok) throw new Error(layer.reason);
    expect(ancestorsOf(layer.value, uid('user'))).toEqual(['company', 'team']);
    expect(layer.value.find(uid('company'))).toBe(base.find(uid('company')));
    expect(base.find(uid('user'))).toBeUndefined();
    expect([...layer.value].length).toBe(4);
  });

  test('cannot replace an entity of the release', () => {
    expect(base.with([entity('team', 'admins')])).toMatchObject({ ok: false, reason: 'entity-duplicate' });
  });

  test('cannot lift what is below into a group by giving a missing ancestor parents', () => {
    expect(base.with([entity('outside', 'admins')])).toMatchObject({ ok: false, reason: 'entity-reparents-base' });
    expect(base.with([entity('outside')]).ok).toBe(true);
  });

  test('without entities is the base itself', () => {
    expect(NO_ENTITIES.with([])).toEqual({ ok: true, value: NO_ENTITIES });
  });
});
