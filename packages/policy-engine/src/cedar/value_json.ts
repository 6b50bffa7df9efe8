/** Cedar's JSON form of values, contexts and entities (Cedar, "Entity and context JSON format"). */
import { accept, type Result, refuse } from '@postern/result';
import { type Entities, type EntitiesReason, type EntityInput, entitiesOf } from './entities.ts';
import { EvaluationError } from './evaluation_error.ts';
import { applyExtension, EXTENSION_FUNCTIONS } from './extension_functions.ts';
import { isJsonFields, isWellFormedText, type JsonFields } from './json_text.ts';
import { normalLong } from './long.ts';
import { CedarRecord, type EntityUid, entityUid, recordOfEntries, setOf, type Value } from './value.ts';
import { NO_SHAPES, type SchemaShapes, type ValueShape } from './value_shape.ts';

export type ValueReason =
  | 'value-null'
  | 'value-not-integer'
  | 'value-too-deep'
  | 'value-malformed'
  | 'value-escape-malformed'
  | 'value-function-unknown'
  | 'value-extension-invalid'
  | 'entity-type-invalid'
  | 'entity-uid-malformed'
  | 'entity-malformed'
  | 'context-not-a-record';

/** Nested sets and records; Cedar's own JSON reader stops at 128 as well. */
export const MAX_VALUE_DEPTH = 128;

/** An identifier path that is no reserved word; anything else could not be written in a policy. */
const TYPE_NAME =
  /^(?!__cedar)(?:(?!(?:true|false|if|then|else|in|is|like|has|__cedar)(?:::|$))[_a-zA-Z][_a-zA-Z0-9]*(?:::(?=.)|$))+$/;

export function isEntityTypeName(name: string): boolean {
  return TYPE_NAME.test(name);
}

/**
 * An untrusted JSON value (from `parseJson`, or from `JSON.parse` where no integer exceeds 2^53) as a Cedar value, with
 * `{"__entity": {type, id}}` for entities and `{"__extn": {fn, arg | args}}` for extension values. An object that looks
 * like an escape and is not well-formed is refused instead of becoming a record. With a `shape`, the escapes may be left
 * out where the schema has an entity or an extension type.
 */
export function valueFromJson(json: unknown, shape?: ValueShape): Result<Value, ValueReason> {
  return read(json, shape, 0);
}

function read(json: unknown, shape: ValueShape, depth: number): Result<Value, ValueReason> {
  if (depth > MAX_VALUE_DEPTH) return refuse('value-too-deep');
  if (typeof json === 'string') {
    if (shape?.kind === 'extension') return makeExtension(shape.constructorName, [json]);
    return isWellFormedText(json) ? accept(json) : refuse('value-malformed');
  }
  if (typeof json === 'boolean') return accept(json);
  if (typeof json === 'number') return Number.isSafeInteger(json) ? accept(json + 0) : refuse('value-not-integer');
  if (typeof json === 'bigint') {
    const long = normalLong(json);
    return long === undefined ? refuse('value-not-integer') : accept(long);
  }
  if (json === null) return refuse('value-null');
  if (Array.isArray(json)) {
    const elements = readAll(json, shape?.kind === 'set' ? shape.element : undefined, depth);
    return elements.ok ? accept(setOf(elements.value)) : elements;
  }
  if (!isJsonFields(json)) return refuse('value-malformed');
  return readFields(json, shape, depth);
}

function readFields(json: JsonFields, shape: ValueShape, depth: number): Result<Value, ValueReason> {
  const names = Object.keys(json);
  if (names.length === 1) {
    if (names[0] === '__entity') return entityUidFromJson(json);
    if (names[0] === '__extn') return readExtension(json['__extn'], depth);
    if (names[0] === '__expr') return refuse('value-escape-malformed', '`__expr` is no longer part of Cedar');
  }
  if (shape?.kind === 'entity') return entityUidFromJson(json);
  if (shape?.kind === 'extension') return readExtension(json, depth);
  const attributes = shape?.kind === 'record' ? shape.attributes : undefined;
  const entries: [string, Value][] = [];
  for (const name of names) {
    const value = read(json[name], attributes?.get(name), depth + 1);
    if (!value.ok) return value;
    entries.push([name, value.value]);
  }
  return accept(recordOfEntries(entries));
}

function readAll(items: readonly unknown[], element: ValueShape, depth: number): Result<Value[], ValueReason> {
  const values: Value[] = [];
  for (const item of items) {
    const value = read(item, element, depth + 1);
    if (!value.ok) return value;
    values.push(value.value);
  }
  return accept(values);
}

function readExtension(json: unknown, depth: number): Result<Value, ValueReason> {
  if (!isJsonFields(json) || typeof json['fn'] !== 'string') return refuse('value-escape-malformed');
  const items = Object.hasOwn(json, 'arg') ? [json['arg']] : json['args'];
  if (!Array.isArray(items)) return refuse('value-escape-malformed');
  const values = readAll(items, undefined, depth);
  return values.ok ? makeExtension(json['fn'], values.value) : values;
}

function makeExtension(name: string, values: readonly Value[]): Result<Value, ValueReason> {
  const row = EXTENSION_FUNCTIONS.get(name);
  if (row === undefined) return refuse('value-function-unknown');
  try {
    return accept(applyExtension(row, values));
  } catch (error) {
    if (error instanceof EvaluationError) return refuse('value-extension-invalid', error.message);
    throw error;
  }
}

/** `{type, id}` or `{"__entity": {type, id}}`, untrusted. */
export function entityUidFromJson(json: unknown): Result<EntityUid, 'entity-uid-malformed' | 'entity-type-invalid'> {
  const fields = isJsonFields(json) && Object.hasOwn(json, '__entity') ? json['__entity'] : json;
  if (!isJsonFields(fields)) return refuse('entity-uid-malformed');
  const { type, id } = fields;
  if (typeof type !== 'string' || typeof id !== 'string' || !isWellFormedText(id))
    return refuse('entity-uid-malformed');
  return isEntityTypeName(type) ? accept(entityUid(type, id)) : refuse('entity-type-invalid');
}

/** A request's context, untrusted; a record. `shape` is `SchemaShapes.context` of the request's action. */
export function contextFromJson(json: unknown, shape?: ValueShape): Result<CedarRecord, ValueReason> {
  const value = valueFromJson(json, shape);
  if (!value.ok) return value;
  return value.value instanceof CedarRecord ? accept(value.value) : refuse('context-not-a-record');
}

/** An array of `{uid, attrs, parents, tags?}`, untrusted; direct parents are enough. Unknown fields are passed over. */
export function entityInputsFromJson(json: unknown, shapes = NO_SHAPES): Result<EntityInput[], ValueReason> {
  if (!Array.isArray(json)) return refuse('entity-malformed', 'entities are an array');
  const inputs: EntityInput[] = [];
  for (const item of json as readonly unknown[]) {
    const input = readEntity(item, shapes);
    if (!input.ok) return input;
    inputs.push(input.value);
  }
  return accept(inputs);
}

/** `entityInputsFromJson`, then `entitiesOf`. */
export function entitiesFromJson(json: unknown, shapes = NO_SHAPES): Result<Entities, ValueReason | EntitiesReason> {
  const inputs = entityInputsFromJson(json, shapes);
  return inputs.ok ? entitiesOf(inputs.value) : inputs;
}

function readEntity(json: unknown, shapes: SchemaShapes): Result<EntityInput, ValueReason> {
  if (!isJsonFields(json)) return refuse('entity-malformed');
  const uid = entityUidFromJson(json['uid']);
  if (!uid.ok) return uid;
  const { type } = uid.value;
  const shape = shapes.attributes(type);
  const attributes = readNamed(json['attrs'], (name) =>
    shape?.kind === 'record' ? shape.attributes.get(name) : undefined,
  );
  if (!attributes.ok) return attributes;
  const tagShape = shapes.tags(type);
  const tags = readNamed(json['tags'] ?? {}, () => tagShape);
  if (!tags.ok) return tags;
  if (!Array.isArray(json['parents'])) return refuse('entity-malformed', 'parents are an array');
  const parents: EntityUid[] = [];
  for (const item of json['parents'] as readonly unknown[]) {
    const parent = entityUidFromJson(item);
    if (!parent.ok) return parent;
    parents.push(parent.value);
  }
  return accept({ uid: uid.value, attributes: attributes.value, parents, tags: tags.value });
}

/** Attributes and tags: an object whose own names are never an escape, unlike those of a value. */
function readNamed(json: unknown, shapeOf: (name: string) => ValueShape): Result<CedarRecord, ValueReason> {
  if (!isJsonFields(json)) return refuse('entity-malformed');
  const entries: [string, Value][] = [];
  for (const name of Object.keys(json)) {
    const value = valueFromJson(json[name], shapeOf(name));
    if (!value.ok) return value;
    entries.push([name, value.value]);
  }
  return accept(recordOfEntries(entries));
}
