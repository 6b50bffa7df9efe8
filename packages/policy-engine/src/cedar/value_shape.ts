/**
 * What a Cedar schema says of values, as far as reading JSON needs it: with a schema, `{type, id}` may stand for an entity
 * and text for an extension value without the `__entity` and `__extn` escapes (Cedar, "Entity and context JSON format").
 * This reads; it does not validate: a value of another shape is taken as it is, and a policy that meets it fails.
 */

import { isJsonFields } from './json_text.ts';
import type { EntityUid } from './value.ts';

/** `undefined` stands for a type that has no shorter form. */
export type ValueShape =
  | { readonly kind: 'entity' }
  | { readonly kind: 'extension'; readonly constructorName: string }
  | { readonly kind: 'set'; readonly element: ValueShape | undefined }
  | { readonly kind: 'record'; readonly attributes: ReadonlyMap<string, ValueShape> }
  | undefined;

export interface SchemaShapes {
  /** The record of an entity type's attributes. */
  readonly attributes: (entityType: string) => ValueShape;
  /** The one shape of all tags of an entity type. */
  readonly tags: (entityType: string) => ValueShape;
  readonly context: (action: EntityUid) => ValueShape;
}

export const NO_SHAPES: SchemaShapes = { attributes: () => undefined, tags: () => undefined, context: () => undefined };

/** Common types cannot refer to themselves in a valid schema; this bounds work on others. */
const MAX_TYPE_DEPTH = 64;

/** The extension function that makes a value of a type from text. */
const CONSTRUCTORS: ReadonlyMap<string, string> = new Map([
  ['ipaddr', 'ip'],
  ['decimal', 'decimal'],
  ['datetime', 'datetime'],
  ['duration', 'duration'],
]);

type Fields = { readonly [name: string]: unknown };

/** From a schema in Cedar's JSON schema format that has been validated elsewhere; what is not understood has no shape. */
export function shapesFromSchema(schema: unknown): SchemaShapes {
  const namespaces = isJsonFields(schema) ? schema : {};
  const entityType = (name: string): [Fields, string] => {
    const [namespace, base] = splitName(name);
    return [fieldsOf(fieldsOf(namespaces, namespace), 'entityTypes', base), namespace];
  };
  const shapeIn = (type: unknown, namespace: string) => shapeOf(type, namespace, namespaces, 0);
  return {
    attributes: (name) => {
      const [type, namespace] = entityType(name);
      return shapeIn(type['shape'], namespace);
    },
    tags: (name) => {
      const [type, namespace] = entityType(name);
      return shapeIn(type['tags'], namespace);
    },
    context: (action) => {
      const [namespace] = splitName(action.type);
      const applies = fieldsOf(fieldsOf(namespaces, namespace), 'actions', action.id, 'appliesTo');
      return shapeIn(applies['context'], namespace);
    },
  };
}

function shapeOf(type: unknown, namespace: string, namespaces: Fields, depth: number): ValueShape {
  if (!isJsonFields(type) || depth > MAX_TYPE_DEPTH) return undefined;
  switch (type['type']) {
    case 'Entity':
      return { kind: 'entity' };
    case 'Extension':
      return extensionShape(String(type['name']));
    case 'Set':
      return { kind: 'set', element: shapeOf(type['element'], namespace, namespaces, depth + 1) };
    case 'Record': {
      const attributes = new Map<string, ValueShape>();
      for (const [name, attribute] of Object.entries(fieldsOf(type, 'attributes'))) {
        attributes.set(name, shapeOf(attribute, namespace, namespaces, depth + 1));
      }
      return { kind: 'record', attributes };
    }
    default: {
      const name = type['type'] === 'EntityOrCommon' ? type['name'] : type['type'];
      return typeof name === 'string' ? namedShape(name, namespace, namespaces, depth) : undefined;
    }
  }
}

/** A common type, an entity type or a type of Cedar's own, looked for in this order as Cedar does. */
function namedShape(name: string, namespace: string, namespaces: Fields, depth: number): ValueShape {
  const candidates = name.includes('::') ? [splitName(name)] : [[namespace, name] as const, ['', name] as const];
  for (const [space, base] of candidates) {
    const definitions = fieldsOf(namespaces, space);
    const common = fieldsOf(definitions, 'commonTypes');
    if (Object.hasOwn(common, base)) return shapeOf(common[base], space, namespaces, depth + 1);
    if (Object.hasOwn(fieldsOf(definitions, 'entityTypes'), base)) return { kind: 'entity' };
  }
  return extensionShape(name.replace(/^__cedar::/, ''));
}

function extensionShape(typeName: string): ValueShape {
  const constructorName = CONSTRUCTORS.get(typeName);
  return constructorName === undefined ? undefined : { kind: 'extension', constructorName };
}

function splitName(name: string): readonly [namespace: string, base: string] {
  const cut = name.lastIndexOf('::');
  return cut < 0 ? ['', name] : [name.slice(0, cut), name.slice(cut + 2)];
}

/** Nested objects by their own names; an empty object where there is none. */
function fieldsOf(json: Fields, ...names: readonly string[]): Fields {
  let fields = json;
  for (const name of names) {
    const next = Object.hasOwn(fields, name) ? fields[name] : undefined;
    if (!isJsonFields(next)) return {};
    fields = next;
  }
  return fields;
}
