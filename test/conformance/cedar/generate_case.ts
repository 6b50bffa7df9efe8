/** Random policy sets, entities and requests, in Cedar's JSON forms, over the world of `generate_value.ts`. */

import fc from 'fast-check';
import type {
  EntityUidJson,
  ExpressionJson,
  JsonValue,
  PolicyJson,
  ScopeJson,
} from '../../../packages/policy-engine/src/cedar/index.ts';
import { expressions } from './generate_expression.ts';
import { attributesOf, ENTITY_TYPES, entityUids, TYPE_NAMES, valuesOf } from './generate_value.ts';

export interface GeneratedCase {
  policies: { id: string; json: PolicyJson }[];
  templates: { id: string; json: PolicyJson }[];
  links: { id: string; templateId: string; slots: { '?principal'?: EntityUidJson; '?resource'?: EntityUidJson } }[];
  entities: { [name: string]: JsonValue }[];
  requests: { principal: EntityUidJson; action: EntityUidJson; resource: EntityUidJson; context: JsonValue }[];
}

const ACTION_TYPES = ['Action', 'App::Action'];
const actionUids = fc.record({ type: fc.constantFrom(...ACTION_TYPES), id: fc.constantFrom('read', 'write', 'all') });
const EXPRESSION_DEPTH = 4;

function scopes(slot?: '?principal' | '?resource'): fc.Arbitrary<ScopeJson> {
  const target: fc.Arbitrary<{ entity: EntityUidJson } | { slot: '?principal' | '?resource' }> =
    slot === undefined ? entityUids.map((entity) => ({ entity })) : fc.constant({ slot });
  const types = fc.constantFrom(...ENTITY_TYPES);
  const bound = [
    target.map((each) => ({ op: '==' as const, ...each })),
    target.map((each) => ({ op: 'in' as const, ...each })),
    fc.tuple(types, target).map(([entity_type, within]) => ({ op: 'is' as const, entity_type, in: within })),
  ];
  if (slot !== undefined) return fc.oneof(...bound) as fc.Arbitrary<ScopeJson>;
  return fc.oneof(
    { weight: 3, arbitrary: fc.constant({ op: 'All' }) },
    ...bound,
    types.map((entity_type) => ({ op: 'is', entity_type })),
  ) as fc.Arbitrary<ScopeJson>;
}

const actions: fc.Arbitrary<PolicyJson['action']> = fc.oneof(
  { weight: 3, arbitrary: fc.constant({ op: 'All' as const }) },
  actionUids.map((entity) => ({ op: '==' as const, entity })),
  actionUids.map((entity) => ({ op: 'in' as const, entity })),
  fc.array(actionUids, { maxLength: 3 }).map((entities) => ({ op: 'in' as const, entities })),
);

/** The shapes that the index looks for, so that it is met as often as evaluation. */
const indexable: fc.Arbitrary<ExpressionJson> = fc.oneof(
  fc
    .tuple(fc.constantFrom('context', 'principal', 'resource'), fc.constantFrom('name', 'count', 'flag'))
    .chain(([Var, attr]) => {
      const type = attr === 'name' ? 'string' : attr === 'count' ? 'long' : 'bool';
      const path = { '.': { left: { Var }, attr } };
      return fc.oneof(
        valuesOf(type).map((Value) => ({ '==': { left: path, right: { Value } } })),
        valuesOf(type).map((Value) => ({ '==': { left: { Value }, right: path } })),
        fc
          .array(valuesOf(type), { maxLength: 3 })
          .map((list) => ({ contains: { left: { Set: list.map((Value) => ({ Value })) }, right: path } })),
      );
    }),
  fc
    .tuple(fc.constantFrom('context', 'principal', 'resource'), fc.constantFrom('name', 'count', 'flag'))
    .map(([Var, attr]) => ({ has: { left: { Var }, attr } })),
  valuesOf('string').map((Value) => ({
    '==': {
      left: { '.': { left: { '.': { left: { Var: 'context' }, attr: 'nested' } }, attr: 'name' } },
      right: { Value },
    },
  })),
  fc.constantFrom<ExpressionJson>(
    { has: { left: { Var: 'context' }, attr: 'nested' } },
    { has: { left: { Var: 'context' }, attr: ['nested', 'name'] } },
    { has: { left: { '.': { left: { Var: 'context' }, attr: 'nested' } }, attr: 'name' } },
    { has: { left: { '.': { left: { Var: 'resource' }, attr: 'owner' } }, attr: 'name' } },
  ),
  valuesOf('long').map((Value) => ({
    contains: { left: { '.': { left: { Var: 'context' }, attr: 'items' } }, right: { Value } },
  })),
  fc
    .tuple(fc.constantFrom('principal', 'resource'), fc.constantFrom('==', 'in'), valuesOf('entity'))
    .map(([Var, operator, Value]) => ({ [operator]: { left: { Var }, right: { Value } } })),
  fc
    .tuple(fc.constantFrom('principal', 'resource'), fc.constantFrom(...ENTITY_TYPES))
    .map(([Var, entity_type]) => ({ is: { left: { Var }, entity_type } })),
);

const chains = fc
  .array(indexable, { minLength: 1, maxLength: 4 })
  .map(([first, ...rest]) => rest.reduce((left, right) => ({ '&&': { left, right } }), first as ExpressionJson));

const bodies = fc.oneof(
  { weight: 3, arbitrary: expressions('bool', EXPRESSION_DEPTH) },
  { weight: 2, arbitrary: chains },
  { weight: 1, arbitrary: fc.constantFrom(...TYPE_NAMES).chain((type) => expressions(type, 2)) },
);

function policies(isTemplate: boolean, conditions = bodies): fc.Arbitrary<PolicyJson> {
  const slots = isTemplate
    ? fc.constantFrom(['?principal', '?resource'], ['?principal', undefined], [undefined, '?resource'])
    : fc.constant([undefined, undefined]);
  return slots.chain(([principal, resource]) =>
    fc.record({
      effect: fc.constantFrom('permit' as const, 'forbid' as const),
      principal: scopes(principal as '?principal' | undefined),
      action: actions,
      resource: scopes(resource as '?resource' | undefined),
      conditions: fc.array(fc.record({ kind: fc.constantFrom('when' as const, 'unless' as const), body: conditions }), {
        maxLength: 2,
      }),
      annotations: fc.constantFrom<{ [name: string]: string | null }>({}, { id: 'x' }, { flag: null }),
    }),
  );
}

/** Parents come later in the list, so that there is no cycle; some name entities that are not there. */
export const entityLists = fc
  .uniqueArray(fc.oneof(entityUids, actionUids), { selector: (uid) => `${uid.type}/${uid.id}`, maxLength: 10 })
  .chain((uids) =>
    fc.tuple(
      ...uids.map((uid, index) => {
        const later = [...uids.slice(index + 1), { type: 'App::Group', id: 'not there' }];
        const isAction = ACTION_TYPES.includes(uid.type);
        return fc.record({
          uid: fc.constant<JsonValue>(uid),
          attrs: isAction ? fc.constant({}) : attributesOf(1),
          parents: fc.subarray(later.filter(({ type }) => ACTION_TYPES.includes(type) === isAction)),
          tags: isAction ? fc.constant({}) : attributesOf(0),
        }) as fc.Arbitrary<{ [name: string]: JsonValue }>;
      }),
    ),
  );

type GeneratedSet = Pick<GeneratedCase, 'policies' | 'templates' | 'links'>;

/** Few policies, or so many that the index divides them. */
export const policySets = setsOf(
  fc.oneof(
    fc.array(policies(false), { minLength: 1, maxLength: 4 }),
    fc.array(policies(false), { minLength: 6, maxLength: 24 }),
  ),
);

const ALL = { op: 'All' } as const;

/** Of which the index divides most by their conditions, which name entities that no scope does. */
export const indexedSets = setsOf(
  fc.array(
    fc.tuple(policies(false, chains), fc.nat(9)).map(([policy, scoped]): PolicyJson => {
      return scoped === 0 ? policy : { ...policy, principal: ALL, action: ALL, resource: ALL };
    }),
    { minLength: 12, maxLength: 48 },
  ),
);

const nested: ExpressionJson = { '.': { left: { Var: 'context' }, attr: 'nested' } };
const NESTED_NAMES = ['a', 'b', 'ab', '*'];

/** Reads of one attribute, with each kind of `has` before them that makes it false or an error where a part is missing. */
const guardedReads = fc
  .tuple(
    fc.constantFrom<ExpressionJson[]>(
      [],
      [{ has: { left: { Var: 'context' }, attr: 'nested' } }],
      [{ has: { left: nested, attr: 'name' } }],
      [{ has: { left: { Var: 'context' }, attr: ['nested', 'name'] } }],
      [{ has: { left: { Var: 'context' }, attr: 'nested' } }, { has: { left: nested, attr: 'name' } }],
    ),
    fc.constantFrom(...NESTED_NAMES),
  )
  .map(([guards, Value]) => [...guards, { '==': { left: { '.': { left: nested, attr: 'name' } }, right: { Value } } }]);

const named = fc
  .tuple(fc.constantFrom('principal', 'resource'), fc.constantFrom('==', 'in'), entityUids)
  .map(([Var, operator, uid]) => [{ [operator]: { left: { Var }, right: { Value: { __entity: uid } } } }]);

/**
 * Policies that only conditions tell apart, of few kinds and each often: what the index noted of an entity before it
 * divided them, or under one missing attribute, then decides the next request.
 */
export const denseSets = setsOf(
  fc.array(
    fc
      .tuple(
        fc.constantFrom('permit' as const, 'forbid' as const),
        fc.oneof({ weight: 3, arbitrary: guardedReads }, { weight: 2, arbitrary: named }),
      )
      .map(
        ([effect, parts]): PolicyJson => ({
          effect,
          principal: ALL,
          action: ALL,
          resource: ALL,
          conditions: [
            { kind: 'when', body: parts.reduce((left, right) => ({ '&&': { left, right } }) as ExpressionJson) },
          ],
        }),
      ),
    { minLength: 12, maxLength: 40, size: 'max' },
  ),
);

/** With the attribute that `denseSets` reads there, or one of the two parts of its path missing, or of another kind. */
export const denseRequests: fc.Arbitrary<GeneratedCase['requests'][number]> = fc.record({
  principal: entityUids,
  action: actionUids,
  resource: entityUids,
  context: fc.oneof(
    fc.constantFrom<JsonValue>({}, { nested: {} }, { nested: 1 }, { nested: { name: 1 } }),
    fc.constantFrom(...NESTED_NAMES).map((name): JsonValue => ({ nested: { name } })),
  ),
});

function setsOf(all: fc.Arbitrary<PolicyJson[]>): fc.Arbitrary<GeneratedSet> {
  return fc.tuple(all, fc.array(policies(true), { maxLength: 2 })).chain(([statics, templates]) =>
    fc.record({
      policies: fc.constant(statics.map((json, index) => ({ id: `policy${index}`, json }))),
      templates: fc.constant(templates.map((json, index) => ({ id: `template${index}`, json }))),
      links: templates.length === 0 ? fc.constant([]) : links(templates),
    }),
  );
}

export const requests: fc.Arbitrary<GeneratedCase['requests'][number]> = fc.record({
  principal: entityUids,
  action: actionUids,
  resource: entityUids,
  context: attributesOf(2),
});

export const cases: fc.Arbitrary<GeneratedCase> = fc
  .tuple(policySets, entityLists, fc.array(requests, { minLength: 1, maxLength: 4 }))
  .map(([set, entities, asked]) => ({ ...set, entities, requests: asked }));

function links(templates: PolicyJson[]) {
  return fc.array(fc.tuple(fc.nat(templates.length - 1), entityUids, entityUids), { maxLength: 4 }).map((chosen) =>
    chosen.map(([index, principal, resource], number) => {
      const text = JSON.stringify(templates[index]?.principal) + JSON.stringify(templates[index]?.resource);
      return {
        id: `link${number}`,
        templateId: `template${index}`,
        slots: {
          ...(text.includes('?principal') && { '?principal': principal }),
          ...(text.includes('?resource') && { '?resource': resource }),
        },
      };
    }),
  );
}
