import fc from 'fast-check';
import { describe, expect, test, vi } from 'vitest';
import { CompiledPolicy } from './compiled_policy.ts';
import { entitiesOf, NO_ENTITIES } from './entities.ts';
import type { AuthorizationRequest } from './frame.ts';
import type { EntityUidJson, ExpressionJson, PolicyJson, ScopeJson } from './policy_json.ts';
import { compilePolicySet, type PolicySet } from './policy_set.ts';
import { entityUid, recordOf, setOf, type Value } from './value.ts';

const path = (...names: string[]): ExpressionJson =>
  names.reduce<ExpressionJson>((left, attr) => ({ '.': { left, attr } }), { Var: 'context' });
const has = (left: ExpressionJson, ...attr: string[]): ExpressionJson => ({ has: { left, attr } });
const equals = (left: ExpressionJson, Value: unknown): ExpressionJson => ({ '==': { left, right: { Value } } });
const all = (...parts: ExpressionJson[]): ExpressionJson =>
  parts.slice(1).reduce((left, right) => ({ '&&': { left, right } }), parts[0] ?? { Value: true });
const context: ExpressionJson = { Var: 'context' };
const uidJson = (type: string, id: string): EntityUidJson => ({ type, id });

function permit(body?: ExpressionJson, more: Partial<PolicyJson> = {}): PolicyJson {
  const conditions = body === undefined ? [] : [{ kind: 'when' as const, body }];
  return {
    effect: 'permit',
    principal: { op: 'All' },
    action: { op: 'All' },
    resource: { op: 'All' },
    conditions,
    ...more,
  };
}

function made(policies: readonly PolicyJson[]): PolicySet {
  const set = compilePolicySet({ policies: policies.map((json, index) => ({ id: `p${index}`, json })) });
  if (!set.ok) throw new Error(`${set.reason} ${set.detail}`);
  return set.value;
}

function requestWith(fields: { [name: string]: Value }, principal = entityUid('User', 'alice')): AuthorizationRequest {
  return { principal, action: entityUid('Action', 'view'), resource: entityUid('Doc', 'd'), context: recordOf(fields) };
}

/** Requests whose policies were tested, counted. */
function testedBy(set: PolicySet, request: AuthorizationRequest, entities = NO_ENTITIES): number {
  const tested = vi.spyOn(CompiledPolicy.prototype, 'conditionsHold');
  try {
    set.authorize(request, entities);
    return tested.mock.calls.length;
  } finally {
    tested.mockRestore();
  }
}

const names = Array.from({ length: 1000 }, (_, index) => `n${index}`);

describe('a decision among 1,000 policies', () => {
  test.each([
    ['their principal', names.map((id) => permit(undefined, { principal: { op: '==', entity: uidJson('User', id) } }))],
    [
      'a group of the principal',
      names.map((id) => permit(undefined, { principal: { op: 'in', entity: uidJson('Group', id) } })),
    ],
    [
      'a group and a type',
      names.map((id) =>
        permit(undefined, { principal: { op: 'is', entity_type: 'User', in: { entity: uidJson('Group', id) } } }),
      ),
    ],
    ['their action', names.map((id) => permit(undefined, { action: { op: '==', entity: uidJson('Action', id) } }))],
    [
      'one of their actions',
      names.map((id) =>
        permit(undefined, { action: { op: 'in', entities: [uidJson('Action', id), uidJson('Action', `${id}x`)] } }),
      ),
    ],
    ['their resource', names.map((id) => permit(undefined, { resource: { op: 'in', entity: uidJson('Doc', id) } }))],
    [
      'a condition on the principal',
      names.map((id) =>
        permit({ '==': { left: { Var: 'principal' }, right: { Value: { __entity: uidJson('User', id) } } } }),
      ),
    ],
    ['an attribute of the context', names.map((id) => permit(equals(path('service', 'name'), id)))],
    [
      'an attribute behind `has`',
      names.map((id) => permit(all(has(context, 'service', 'name'), equals(path('service', 'name'), id)))),
    ],
    [
      'membership in a list',
      names.map((id) => permit({ contains: { left: { Set: [{ Value: id }] }, right: path('service', 'name') } })),
    ],
    ['an element of a set', names.map((id) => permit({ contains: { left: path('groups'), right: { Value: id } } }))],
  ] as [string, PolicyJson[]][])('tests only those that fit %s', (_, policies) => {
    const fields = { service: recordOf({ name: 'n500' }), groups: setOf(['n500', 'other']) };
    const entities = entitiesOf([
      { uid: entityUid('User', 'n500'), parents: [entityUid('Group', 'n500')] },
      { uid: entityUid('Action', 'n500') },
      { uid: entityUid('Doc', 'n500') },
    ]);
    if (!entities.ok) throw new Error(entities.reason);
    const request = {
      principal: entityUid('User', 'n500'),
      action: entityUid('Action', 'n500'),
      resource: entityUid('Doc', 'n500'),
      context: recordOf(fields),
    };
    const set = made(policies);
    expect(set.authorize(request, entities.value).determining).toEqual(['p500']);
    expect(testedBy(set, request, entities.value)).toBe(1);
  });

  test('tests none that a `has` before the attribute rules out, and all that would fail without it', () => {
    const guarded = made(names.map((id) => permit(all(has(context, 'user'), equals(path('user', 'name'), id)))));
    expect(testedBy(guarded, requestWith({}))).toBe(0);
    expect(guarded.authorize(requestWith({}), NO_ENTITIES).errors).toEqual([]);
    expect(guarded.authorize(requestWith({ user: recordOf({}) }), NO_ENTITIES).errors.length).toBe(1000);
    const bare = made(names.map((id) => permit(equals(path('user', 'name'), id))));
    expect(bare.authorize(requestWith({}), NO_ENTITIES).errors.length).toBe(1000);
  });
});

describe('a policy found by something narrower than its scope', () => {
  test('does not apply outside its scope', () => {
    const policies = names.map((id) =>
      permit({ '==': { left: { Var: 'principal' }, right: { Value: { __entity: uidJson('User', id) } } } }),
    );
    const staff = { principal: { op: 'in', entity: uidJson('Group', 'staff') } } as const;
    const set = made(policies.map((policy, index) => (index === 7 ? { ...policy, ...staff } : policy)));
    const ask = (id: string, groups: string[]) => {
      const principal = entityUid('User', id);
      const known = entitiesOf([{ uid: principal, parents: groups.map((group) => entityUid('Group', group)) }]);
      if (!known.ok) throw new Error(known.reason);
      return set.authorize(requestWith({}, principal), known.value).determining;
    };
    expect([ask('n6', []), ask('n7', []), ask('n7', ['staff'])]).toEqual([['p6'], [], ['p7']]);
  });

  test('nor when it asks for more alternatives than the index tells apart', () => {
    const many = names.slice(0, 100).map((id) => uidJson('Action', id));
    const set = made([
      ...names.map((id) => permit(undefined, { action: { op: '==', entity: uidJson('Action', id) } })),
      ...names.slice(0, 10).map(() => permit(undefined, { action: { op: 'in', entities: many } })),
    ]);
    expect(set.authorize(requestWith({}), NO_ENTITIES).determining).toEqual([]);
    const known = { ...requestWith({}), action: entityUid('Action', 'n50') };
    expect(set.authorize(known, NO_ENTITIES).determining.length).toBe(11);
  });
});

describe('an index on an attribute behind guards', () => {
  const hasA = has(context, 'a');
  const hasB = has(path('a'), 'b');
  const elsewhere = has(path('other'), 'b');
  const missing = {};
  const empty = { a: recordOf({}) };
  const wrongType = { a: 1 };
  const unequal = { a: recordOf({ b: 'no' }) };

  test.each([
    ['guards in order', [hasA, hasB], { missing: 0, empty: 0, wrongType: 20, unequal: 0 }],
    ['one guard for the whole path', [has(context, 'a', 'b')], { missing: 0, empty: 0, wrongType: 20, unequal: 0 }],
    ['the inner guard alone', [hasB], { missing: 20, empty: 0, wrongType: 20, unequal: 0 }],
    ['the inner guard before the outer', [hasB, hasA], { missing: 20, empty: 0, wrongType: 20, unequal: 0 }],
    ['a guard that itself fails', [elsewhere], { missing: 20, empty: 20, wrongType: 20, unequal: 20 }],
    ['a guard that is negated', [{ '!': { arg: hasA } }], { missing: 20, empty: 0, wrongType: 0, unequal: 0 }],
    ['no guard', [], { missing: 20, empty: 20, wrongType: 20, unequal: 0 }],
  ])('loses no error: %s', (_, guards, failing) => {
    const set = made(names.slice(0, 20).map((id) => permit(all(...guards, equals(path('a', 'b'), id)))));
    const failures = (fields: { [name: string]: Value }) =>
      set.authorize(requestWith(fields), NO_ENTITIES).errors.length;
    expect({
      missing: failures(missing),
      empty: failures(empty),
      wrongType: failures(wrongType),
      unequal: failures(unequal),
    }).toEqual(failing);
  });
});

/** Conditions in which the order of guards decides between false and an error. */
const conjuncts: fc.Arbitrary<ExpressionJson> = fc.oneof(
  fc.constantFrom(
    has(context, 'a'),
    has(context, 'b'),
    has(context, 'a', 'b'),
    has(path('a'), 'b'),
    has(path('a', 'b'), 'c'),
    has(path('b'), 'a'),
    has({ Var: 'principal' }, 'a'),
    has({ Var: 'resource' }, 'a', 'b'),
    { '!': { arg: has(context, 'b') } },
    path('b'),
    { '==': { left: { Var: 'principal' }, right: { Value: { __entity: { type: 'User', id: 'a' } } } } },
    { in: { left: { Var: 'principal' }, right: { Value: { __entity: { type: 'Group', id: 'a' } } } } },
    { is: { left: { Var: 'resource' }, entity_type: 'User' } },
    { '==': { left: { Var: 'principal' }, right: { Var: 'resource' } } },
  ),
  fc
    .constantFrom('x', 'y', 1, true)
    .chain((value) =>
      fc.constantFrom(
        equals(path('a'), value),
        equals(path('b'), value),
        equals(path('a', 'b'), value),
        equals(path('a', 'b', 'c'), value),
        { '==': { left: { Value: value }, right: path('a', 'b') } },
        equals({ '.': { left: { Var: 'principal' }, attr: 'a' } }, value),
        equals({ '.': { left: { '.': { left: { Var: 'resource' }, attr: 'a' } }, attr: 'b' } }, value),
        { contains: { left: { Set: [{ Value: value }, { Value: 'z' }] }, right: path('a', 'b') } },
        { contains: { left: path('a'), right: { Value: value } } },
      ),
    ),
);
const uids = fc.record({ type: fc.constantFrom('User', 'Group'), id: fc.constantFrom('a', 'b', 'c') });
const scopes = fc.oneof(
  fc.constant<ScopeJson>({ op: 'All' }),
  uids.map<ScopeJson>((entity) => ({ op: '==', entity })),
  uids.map<ScopeJson>((entity) => ({ op: 'in', entity })),
  uids.map<ScopeJson>((entity) => ({ op: 'is', entity_type: entity.type, in: { entity } })),
  fc.constantFrom<ScopeJson>({ op: 'is', entity_type: 'User' }, { op: 'is', entity_type: 'Group' }),
);
const actions = fc.oneof(
  fc.constant<PolicyJson['action']>({ op: 'All' }),
  fc.constantFrom('r', 'w').map<PolicyJson['action']>((id) => ({ op: '==', entity: uidJson('Action', id) })),
  fc.subarray(['r', 'w', 'g']).map<PolicyJson['action']>((ids) => ({
    op: 'in',
    entities: ids.map((id) => uidJson('Action', id)),
  })),
);
const policies: fc.Arbitrary<PolicyJson> = fc.record({
  effect: fc.constantFrom('permit' as const, 'forbid' as const),
  principal: scopes,
  action: actions,
  resource: scopes,
  conditions: fc.array(
    fc.record({
      kind: fc.constantFrom('when' as const, 'when' as const, 'unless' as const),
      body: fc.array(conjuncts, { minLength: 1, maxLength: 4 }).map((parts) => all(...parts)),
    }),
    { maxLength: 2 },
  ),
});

const leaf: fc.Arbitrary<Value> = fc.constantFrom<Value>('x', 'y', 1, true, setOf(['x', 1]), entityUid('User', 'a'));
const optional = (value: fc.Arbitrary<Value>) => fc.option(value, { nil: undefined, freq: 4 });
const records = fc
  .record({ a: optional(fc.oneof(leaf, deeper(2))), b: optional(leaf) })
  .map((fields) => recordOf(fields));

function deeper(depth: number): fc.Arbitrary<Value> {
  const below = depth === 0 ? leaf : fc.oneof(leaf, deeper(depth - 1));
  return fc.record({ b: optional(below), c: optional(leaf) }).map((fields) => recordOf(fields));
}

const entities = fc.tuple(records, records, fc.boolean()).map(([first, second, isMember]) => [
  { uid: entityUid('User', 'a'), attributes: first, parents: isMember ? [entityUid('Group', 'a')] : [] },
  { uid: entityUid('User', 'b'), attributes: second, parents: [entityUid('Group', 'b'), entityUid('Group', 'a')] },
  { uid: entityUid('Action', 'r'), parents: [entityUid('Action', 'g')] },
]);

test('the index hides no match and no error: a set answers as its policies do one by one', () => {
  fc.assert(
    fc.property(
      fc.array(policies, { minLength: 5, maxLength: 40, size: 'max' }),
      entities,
      fc.array(fc.tuple(uids, fc.constantFrom('r', 'w'), uids, records), { minLength: 1, maxLength: 5 }),
      (jsons, inputs, requests) => {
        const known = entitiesOf(inputs);
        if (!known.ok) throw new Error(known.reason);
        const whole = made(jsons);
        const single = jsons.map((json) => made([json]));
        for (const [principal, action, resource, fields] of requests) {
          const request = {
            principal: entityUid(principal.type, principal.id),
            action: entityUid('Action', action),
            resource: entityUid(resource.type, resource.id),
            context: fields,
          };
          const alone = single.map((set) => set.authorize(request, known.value));
          const applying = alone.flatMap(({ determining }, index) => (determining.length > 0 ? [index] : []));
          const forbids = applying.filter((index) => jsons[index]?.effect === 'forbid');
          const determining = (forbids.length > 0 ? forbids : applying).map((index) => `p${index}`);
          const errors = alone.flatMap((answer, index) => (answer.errors.length > 0 ? [`p${index}`] : []));
          const answer = whole.authorize(request, known.value);
          expect(answer.determining).toEqual(determining);
          expect(answer.errors.map(({ policyId }) => policyId)).toEqual(errors);
          const matching = single.flatMap((set, index) =>
            set.scopeMatches(request, known.value).length > 0 ? [`p${index}`] : [],
          );
          expect(whole.scopeMatches(request, known.value)).toEqual(matching);
        }
      },
    ),
    { numRuns: process.env['POSTERN_LONG'] === '1' ? 20_000 : 300 },
  );
}, 600_000);
