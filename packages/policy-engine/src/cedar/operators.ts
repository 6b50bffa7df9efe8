/** Cedar's operators on values: one row each. They throw `EvaluationError`. */
import type { Entities } from './entities.ts';
import {
  formatUid,
  missingAttribute,
  missingEntity,
  missingTag,
  overflow,
  quoted,
  typeError,
} from './evaluation_error.ts';
import type { BinaryOperator, UnaryOperator } from './expression.ts';
import { addLong, type Long, multiplyLong, negateLong, subtractLong } from './long.ts';
import { type CedarSet, type EntityUid, sameEntity, sameValue, type Value } from './value.ts';

export type BinaryRow = (left: Value, right: Value, entities: Entities) => Value;

export const BINARY: { readonly [operator in BinaryOperator]: BinaryRow } = {
  '==': sameValue,
  '!=': (left, right) => !sameValue(left, right),
  in: (left, right, entities) => isIn(asEntity(left), right, entities),
  '<': (left, right) => compare(left, right, (a, b) => a < b),
  '<=': (left, right) => compare(left, right, (a, b) => a <= b),
  '>': (left, right) => compare(left, right, (a, b) => a > b),
  '>=': (left, right) => compare(left, right, (a, b) => a >= b),
  '+': (left, right) => fitting(addLong(asLong(left), asLong(right)), 'addition'),
  '-': (left, right) => fitting(subtractLong(asLong(left), asLong(right)), 'subtraction'),
  '*': (left, right) => fitting(multiplyLong(asLong(left), asLong(right)), 'multiplication'),
  contains: (left, right) => asSet(left).has(right),
  containsAll: (left, right) => {
    const set = asSet(left);
    return asSet(right).elements.every((element) => set.has(element));
  },
  containsAny: (left, right) => {
    const set = asSet(left);
    return asSet(right).elements.some((element) => set.has(element));
  },
  getTag: (left, right, entities) => {
    const uid = asEntity(left);
    const name = asText(right);
    const entity = entities.find(uid);
    if (entity === undefined) throw missingEntity(uid);
    const value = entity.tags.get(name);
    if (value === undefined) throw missingTag(name, uid);
    return value;
  },
  hasTag: (left, right, entities) => {
    const uid = asEntity(left);
    const name = asText(right);
    return entities.find(uid)?.tags.has(name) ?? false;
  },
};

export const UNARY: { readonly [operator in UnaryOperator]: (operand: Value) => Value } = {
  '!': (operand) => !asBoolean(operand),
  neg: (operand) => fitting(negateLong(asLong(operand)), 'negation'),
  isEmpty: (operand) => asSet(operand).size === 0,
};

/** `left in right`: reflexive and transitive; an entity that is not there is in nothing but itself. */
export function isIn(left: EntityUid, right: Value, entities: Entities): boolean {
  if (typeof right === 'object' && right.kind === 'entity') {
    return sameEntity(left, right) || (entities.find(left)?.hasAncestor(right) ?? false);
  }
  if (typeof right !== 'object' || right.kind !== 'set') throw typeError('entity or set of entities', right);
  // The whole set is checked before any member counts: `e in [e, 1]` is an error.
  const ancestors = right.elements.map(asEntity);
  if (ancestors.some((ancestor) => sameEntity(left, ancestor))) return true;
  const entity = entities.find(left);
  return entity !== undefined && ancestors.some((ancestor) => entity.hasAncestor(ancestor));
}

/** `value.name`; the entity behind an entity uid is looked up. */
export function attributeOf(value: Value, name: string, entities: Entities): Value {
  if (typeof value === 'object' && value.kind === 'record') {
    const attribute = value.get(name);
    if (attribute === undefined) throw missingAttribute(name, 'record');
    return attribute;
  }
  if (typeof value !== 'object' || value.kind !== 'entity') throw typeError('record or entity', value);
  const entity = entities.find(value);
  if (entity === undefined) throw missingEntity(value);
  const attribute = entity.attributes.get(name);
  if (attribute === undefined) throw missingAttribute(name, quoted(formatUid(value)));
  return attribute;
}

/** `value has a.b.c`; false from the first name that is missing on, an error where there can be no attributes. */
export function hasPath(value: Value, path: readonly string[], entities: Entities): boolean {
  let holder = value;
  for (const name of path) {
    if (typeof holder !== 'object' || (holder.kind !== 'record' && holder.kind !== 'entity')) {
      throw typeError('record or entity', holder);
    }
    const attribute = (holder.kind === 'record' ? holder : entities.find(holder)?.attributes)?.get(name);
    if (attribute === undefined) return false;
    holder = attribute;
  }
  return true;
}

/** Longs, datetimes and durations compare with their own kind only. */
function compare(left: Value, right: Value, holds: (left: Long, right: Long) => boolean): boolean {
  if (typeof left === 'object' && left.kind === 'datetime') {
    if (typeof right === 'object' && right.kind === 'datetime') return holds(left.epochMs, right.epochMs);
    throw typeError('datetime', right);
  }
  if (typeof left === 'object' && left.kind === 'duration') {
    if (typeof right === 'object' && right.kind === 'duration') return holds(left.ms, right.ms);
    throw typeError('duration', right);
  }
  return holds(asLong(left), asLong(right));
}

function fitting(value: Long | undefined, operation: string): Long {
  if (value === undefined) throw overflow(operation);
  return value;
}

export function asBoolean(value: Value): boolean {
  if (typeof value === 'boolean') return value;
  throw typeError('bool', value);
}

export function asText(value: Value): string {
  if (typeof value === 'string') return value;
  throw typeError('string', value);
}

export function asEntity(value: Value): EntityUid {
  if (typeof value === 'object' && value.kind === 'entity') return value;
  throw typeError('entity', value);
}

function asLong(value: Value): Long {
  if (typeof value === 'number' || typeof value === 'bigint') return value;
  throw typeError('long', value);
}

function asSet(value: Value): CedarSet {
  if (typeof value === 'object' && value.kind === 'set') return value;
  throw typeError('set', value);
}
