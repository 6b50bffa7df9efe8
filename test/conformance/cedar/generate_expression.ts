/**
 * Random Cedar expressions in JSON form over a small fixed world, mostly well-typed so that evaluation goes deep, with a
 * share of ill-typed parts so that every error is met.
 */

import fc from 'fast-check';
import type { ExpressionJson } from '../../../packages/policy-engine/src/cedar/index.ts';

import {
  ATTRIBUTES,
  ENTITY_TYPES,
  EXTENSION_TEXTS,
  NAMES,
  TYPE_NAMES,
  type TypeName,
  valuesOf,
} from './generate_value.ts';

const patterns = fc.array(
  fc.oneof(
    fc.constant('Wildcard'),
    fc.constantFrom('a', 'b', '*', '😀', 'ab').map((text) => ({ Literal: text })),
  ),
  { maxLength: 5 },
);

const made = new Map<string, fc.Arbitrary<ExpressionJson>>();

export function expressions(type: TypeName, depth: number): fc.Arbitrary<ExpressionJson> {
  const key = `${type}/${depth}`;
  let arbitrary = made.get(key);
  if (arbitrary === undefined) {
    arbitrary =
      depth === 0
        ? leaves(type)
        : fc.oneof(
            { weight: 2, arbitrary: leaves(type) },
            { weight: 6, arbitrary: operations(type, depth - 1) },
            { weight: 1, arbitrary: choices(type, depth - 1) },
            { weight: 1, arbitrary: paths(type, depth - 1) },
          );
    made.set(key, arbitrary);
  }
  return arbitrary;
}

/** Mostly of the type that is asked for. */
function near(type: TypeName, depth: number): fc.Arbitrary<ExpressionJson> {
  return fc.oneof(
    { weight: 15, arbitrary: expressions(type, depth) },
    { weight: 1, arbitrary: fc.constantFrom(...TYPE_NAMES).chain((other) => expressions(other, Math.min(depth, 1))) },
  );
}

function leaves(type: TypeName): fc.Arbitrary<ExpressionJson> {
  const literal = literals(type);
  if (type === 'entity') {
    return fc.oneof(literal, fc.constantFrom({ Var: 'principal' }, { Var: 'action' }, { Var: 'resource' }));
  }
  return type === 'record' ? fc.oneof(literal, fc.constant({ Var: 'context' })) : literal;
}

/** One in eight as one `Value`, which may hold whole sets, records and extension calls. */
function literals(type: TypeName): fc.Arbitrary<ExpressionJson> {
  return fc.oneof(
    { weight: 7, arbitrary: plainLiterals(type) },
    valuesOf(type).map((Value) => ({ Value })),
  );
}

function plainLiterals(type: TypeName): fc.Arbitrary<ExpressionJson> {
  switch (type) {
    case 'set':
      return fc.array(leaves('long'), { maxLength: 2 }).map((elements) => ({ Set: elements }));
    case 'record':
      return fc
        .dictionary(fc.constantFrom(...NAMES), leaves('long'), { maxKeys: 2 })
        .map((fields) => ({ Record: fields }));
    case 'decimal':
    case 'ip':
    case 'datetime':
    case 'duration':
      return EXTENSION_TEXTS[type].map((Value) => ({ [type]: [{ Value }] }));
    default:
      return valuesOf(type).map((Value) => ({ Value }));
  }
}

function choices(type: TypeName, depth: number): fc.Arbitrary<ExpressionJson> {
  return (
    fc
      .tuple(near('bool', depth), near(type, depth), near(type, depth))
      // biome-ignore lint/suspicious/noThenProperty: the name is Cedar's
      .map(([test, yes, no]) => ({ 'if-then-else': { if: test, then: yes, else: no } }))
  );
}

/** Attribute and tag access that usually has the type. */
function paths(type: TypeName, depth: number): fc.Arbitrary<ExpressionJson> {
  const names = ATTRIBUTES.filter(([, holds]) => holds === type).map(([name]) => name);
  const holders = fc.oneof(near('record', depth), near('entity', depth));
  return fc.oneof(
    {
      weight: 3,
      arbitrary: fc.tuple(holders, fc.constantFrom(...names)).map(([left, attr]) => ({ '.': { left, attr } })),
    },
    fc
      .tuple(near('entity', depth), fc.constantFrom(...names))
      .map(([left, name]) => ({ getTag: { left, right: { Value: name } } })),
  );
}

function operations(type: TypeName, depth: number): fc.Arbitrary<ExpressionJson> {
  const [first, ...others] = rowsOf(type, depth);
  return first === undefined ? leaves(type) : fc.oneof(first, ...others);
}

function rowsOf(type: TypeName, depth: number): fc.Arbitrary<ExpressionJson>[] {
  const binary = (operator: string, left: TypeName, right: TypeName) =>
    fc.tuple(near(left, depth), near(right, depth)).map(([l, r]) => ({ [operator]: { left: l, right: r } }));
  const unary = (operator: string, operand: TypeName) => near(operand, depth).map((arg) => ({ [operator]: { arg } }));
  const call = (name: string, ...types: TypeName[]) =>
    fc.tuple(...types.map((each) => near(each, depth))).map((values) => ({ [name]: values }));
  const anyPair = (operator: string) => fc.constantFrom(...TYPE_NAMES).chain((each) => binary(operator, each, each));
  switch (type) {
    case 'bool':
      return [
        ...['&&', '||'].flatMap((operator) => [binary(operator, 'bool', 'bool'), binary(operator, 'bool', 'bool')]),
        unary('!', 'bool'),
        ...['==', '!='].map(anyPair),
        ...['<', '<=', '>', '>='].flatMap((operator) =>
          (['long', 'datetime', 'duration'] as const).map((each) => binary(operator, each, each)),
        ),
        binary('in', 'entity', 'entity'),
        fc
          .tuple(near('entity', depth), fc.array(near('entity', depth), { maxLength: 3 }))
          .map(([left, elements]) => ({ in: { left, right: { Set: elements } } })),
        fc
          .tuple(near('entity', depth), fc.constantFrom(...ENTITY_TYPES), fc.option(near('entity', depth)))
          .map(([left, entity_type, within]) => ({
            is: within === null ? { left, entity_type } : { left, entity_type, in: within },
          })),
        fc
          .tuple(fc.oneof(near('record', depth), near('entity', depth)), fc.constantFrom(...NAMES))
          .map(([left, attr]) => ({ has: { left, attr } })),
        fc
          .tuple(
            fc.oneof(near('record', depth), near('entity', depth)),
            fc.array(fc.constantFrom('nested', 'owner', 'flag', 'count'), { minLength: 1, maxLength: 3 }),
          )
          .map(([left, attr]) => ({ has: { left, attr } })),
        fc.tuple(near('string', depth), patterns).map(([left, pattern]) => ({ like: { left, pattern } })),
        fc
          .tuple(
            near('set', depth),
            fc.constantFrom(...TYPE_NAMES).chain((each) => expressions(each, depth)),
          )
          .map(([left, right]) => ({ contains: { left, right } })),
        binary('containsAll', 'set', 'set'),
        binary('containsAny', 'set', 'set'),
        unary('isEmpty', 'set'),
        binary('hasTag', 'entity', 'string'),
        ...['lessThan', 'lessThanOrEqual', 'greaterThan', 'greaterThanOrEqual'].map((name) =>
          call(name, 'decimal', 'decimal'),
        ),
        ...['isIpv4', 'isIpv6', 'isLoopback', 'isMulticast'].map((name) => call(name, 'ip')),
        call('isInRange', 'ip', 'ip'),
      ];
    case 'long':
      return [
        ...['+', '-', '*'].map((operator) => binary(operator, 'long', 'long')),
        unary('neg', 'long'),
        ...['toMilliseconds', 'toSeconds', 'toMinutes', 'toHours', 'toDays'].map((name) => call(name, 'duration')),
      ];
    case 'set':
      return [
        fc
          .array(
            fc.constantFrom(...TYPE_NAMES).chain((each) => expressions(each, Math.max(depth - 1, 0))),
            { maxLength: 10 },
          )
          .map((elements) => ({ Set: elements })),
      ];
    case 'record':
      return [
        fc
          .dictionary(
            fc.constantFrom(...NAMES),
            fc.constantFrom(...TYPE_NAMES).chain((each) => expressions(each, Math.max(depth - 1, 0))),
            { maxKeys: 3 },
          )
          .map((fields) => ({ Record: fields })),
      ];
    case 'datetime':
      return [call('offset', 'datetime', 'duration'), call('toDate', 'datetime')];
    case 'duration':
      return [call('durationSince', 'datetime', 'datetime'), call('toTime', 'datetime')];
    default:
      return [];
  }
}
