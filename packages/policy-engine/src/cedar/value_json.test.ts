import { describe, expect, test } from 'vitest';
import { durationOf } from './datetime.ts';
import { entityUid, recordOf, sameValue, setOf } from './value.ts';
import { contextFromJson, entitiesFromJson, entityUidFromJson, valueFromJson } from './value_json.ts';
import { shapesFromSchema } from './value_shape.ts';

const deep = (levels: number): unknown => (levels === 0 ? 1 : [deep(levels - 1)]);

describe('values from JSON', () => {
  test.each([
    [{ __entity: { type: 'A::B', id: 'x' } }, entityUid('A::B', 'x')],
    [{ __extn: { fn: 'duration', arg: '1s' } }, durationOf(1000)],
    [[1, 1, 'a'], setOf([1, 'a'])],
    [{ a: 9007199254740993n, b: {} }, recordOf({ a: 9007199254740993n, b: recordOf({}) })],
    [{ __entity: 1, other: 2 }, recordOf({ __entity: 1, other: 2 })],
  ])('reads value %#', (json, expected) => {
    const value = valueFromJson(json);
    expect(value.ok && sameValue(value.value, expected)).toBe(true);
  });

  test('makes a moment from the two-argument form that Cedar itself writes', () => {
    const epoch = { __extn: { fn: 'datetime', arg: '1970-01-01' } };
    const value = valueFromJson({
      __extn: { fn: 'offset', args: [epoch, { __extn: { fn: 'duration', arg: '5ms' } }] },
    });
    expect(value).toEqual({ ok: true, value: { kind: 'datetime', epochMs: 5 } });
  });

  test.each([
    [null, 'value-null'],
    [[null], 'value-null'],
    [1.5, 'value-not-integer'],
    [2 ** 53, 'value-not-integer'],
    [2n ** 63n, 'value-not-integer'],
    ['\ud800', 'value-malformed'],
    [undefined, 'value-malformed'],
    [{ __expr: 'User::"a"' }, 'value-escape-malformed'],
    [{ __extn: { fn: 'ip' } }, 'value-escape-malformed'],
    [{ __extn: 'ip' }, 'value-escape-malformed'],
    [{ __extn: { fn: 'eval', arg: '1' } }, 'value-function-unknown'],
    [{ __extn: { fn: 'ip', arg: '10.0.0.256' } }, 'value-extension-invalid'],
    [{ __extn: { fn: 'ip', args: [] } }, 'value-extension-invalid'],
    [{ __entity: 'User::"a"' }, 'entity-uid-malformed'],
    [{ __entity: { type: 'User', id: 1 } }, 'entity-uid-malformed'],
    [{ __entity: { type: 'User::', id: 'a' } }, 'entity-type-invalid'],
    [{ __entity: { type: '__cedar::User', id: 'a' } }, 'entity-type-invalid'],
    [{ __entity: { type: 'A::in', id: 'a' } }, 'entity-type-invalid'],
    [{ __entity: { type: 'A B', id: 'a' } }, 'entity-type-invalid'],
    [deep(129), 'value-too-deep'],
  ])('refuses value %# instead of guessing', (json, reason) => {
    expect(valueFromJson(json)).toMatchObject({ ok: false, reason });
  });

  test('accepts nesting on the bound', () => {
    expect(valueFromJson(deep(128)).ok).toBe(true);
  });

  test.each(['a', 'Abc_1::d2', 'principal', 'inner::iffy', '_'])('takes %s for an entity type', (type) => {
    expect(entityUidFromJson({ type, id: '' }).ok).toBe(true);
  });

  test('a context is a record', () => {
    expect(contextFromJson([])).toMatchObject({ ok: false, reason: 'context-not-a-record' });
    expect(contextFromJson({ __entity: { type: 'A', id: 'a' } })).toMatchObject({ reason: 'context-not-a-record' });
  });

  test.each([
    [{}, 'entity-malformed'],
    [[{ uid: { type: 'A', id: 'a' }, attrs: {} }], 'entity-malformed'],
    [[{ uid: { type: 'A', id: 'a' }, attrs: [], parents: [] }], 'entity-malformed'],
    [[{ uid: 'A', attrs: {}, parents: [] }], 'entity-uid-malformed'],
    [[{ uid: { type: 'A', id: 'a' }, attrs: {}, parents: [{ type: 'A', id: 'a' }] }], 'entity-cycle'],
  ])('entities that are not well-formed are refused', (json, reason) => {
    expect(entitiesFromJson(json)).toMatchObject({ ok: false, reason });
  });
});

describe('with a schema', () => {
  const shapes = shapesFromSchema({
    App: {
      commonTypes: { Address: { type: 'Extension', name: 'ipaddr' }, Loop: { type: 'Loop' } },
      entityTypes: {
        User: {
          shape: {
            type: 'Record',
            attributes: {
              boss: { type: 'Entity', name: 'User' },
              friends: { type: 'Set', element: { type: 'EntityOrCommon', name: 'User' } },
              from: { type: 'Address', required: false },
              loop: { type: 'Loop' },
            },
          },
          tags: { type: 'decimal' },
        },
      },
      actions: { go: { appliesTo: { context: { type: 'Record', attributes: { at: { type: 'datetime' } } } } } },
    },
  });
  const uid = { type: 'App::User', id: 'a' };

  test('entities and extension values need no escapes, and may have them', () => {
    const attrs = {
      boss: { type: 'App::User', id: 'b' },
      friends: [{ __entity: { type: 'App::User', id: 'c' } }, { type: 'App::User', id: 'd' }],
      from: '10.0.0.1',
      loop: 'x',
    };
    const entities = entitiesFromJson([{ uid, attrs, parents: [], tags: { rate: '1.5' } }], shapes);
    const entity = entities.ok ? entities.value.find(entityUid('App::User', 'a')) : undefined;
    expect(entity?.attributes.get('boss')).toEqual(entityUid('App::User', 'b'));
    expect(entity?.attributes.get('friends')).toMatchObject({ kind: 'set', size: 2 });
    expect(entity?.attributes.get('from')).toMatchObject({ kind: 'ipaddr' });
    expect(entity?.attributes.get('loop')).toBe('x');
    expect(entity?.tags.get('rate')).toEqual({ kind: 'decimal', tenThousandths: 15000 });
    const context = contextFromJson({ at: '2024-01-01' }, shapes.context(entityUid('App::Action', 'go')));
    expect(context.ok && context.value.get('at')).toMatchObject({ kind: 'datetime' });
  });

  test('text that is no such value is refused, not taken as text', () => {
    const input = [{ uid, attrs: { from: 'anywhere' }, parents: [] }];
    expect(entitiesFromJson(input, shapes)).toMatchObject({ ok: false, reason: 'value-extension-invalid' });
  });
});
