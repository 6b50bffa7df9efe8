/**
 * Items as DynamoDB's typed values. Names that begin with a single `$` are ours (the expiry, marks); a caller's own gets
 * another `$`, so that no attribute of a caller can pass for the expiry. `__proto__` is written as `$__proto__`, because
 * the SDK's plain objects would lose it.
 */
import type { AttributeValue } from '@aws-sdk/client-dynamodb';
import type { Attribute, Item, Key } from '@postern/store';
import { TABLE_DEFINITION } from './table_definition.ts';

export type Attributes = Record<string, AttributeValue>;

const EXPIRY = TABLE_DEFINITION.timeToLiveAttribute;
const PROTO = '$__proto__';

export function formatName(name: string): string {
  if (name === '__proto__') return PROTO;
  return name.startsWith('$') ? `$${name}` : name;
}

export function formatValue(value: Attribute): AttributeValue {
  if (value === null) return { NULL: true };
  if (typeof value === 'string') return { S: value };
  if (typeof value === 'boolean') return { BOOL: value };
  if (typeof value === 'number') return { N: String(value) };
  if (value instanceof Uint8Array) return { B: Uint8Array.from(value) };
  if (Array.isArray(value)) return { L: value.map(formatValue) };
  return { M: formatMembers(value as { readonly [name: string]: Attribute }) };
}

function formatMembers(members: { readonly [name: string]: Attribute }): Attributes {
  return Object.fromEntries(Object.entries(members).map(([name, value]) => [formatName(name), formatValue(value)]));
}

export function formatKey(key: Key): Attributes {
  return { pk: { S: key.pk }, sk: { S: key.sk } };
}

export function formatItem(item: Item): Attributes {
  const expiry: Attributes =
    item.expiresAtSeconds === undefined ? {} : { [EXPIRY]: formatValue(item.expiresAtSeconds) };
  return { ...formatMembers(item.attributes), ...formatKey(item), ...expiry };
}

/** Throws a TypeError on what this adapter never writes, so that a foreign item is no half-read one. */
export function parseItem(stored: Attributes): Item {
  const { pk, sk, [EXPIRY]: expiry, ...others } = stored;
  if (pk?.S === undefined || sk?.S === undefined) throw new TypeError('an item without our keys');
  return {
    pk: pk.S,
    sk: sk.S,
    attributes: parseMembers(others),
    ...(expiry?.N === undefined ? {} : { expiresAtSeconds: Number(expiry.N) }),
  };
}

function parseMembers(stored: Attributes): { readonly [name: string]: Attribute } {
  return Object.fromEntries(
    Object.entries(stored).flatMap(([name, value]) => {
      const parsed = parseName(name);
      return parsed === undefined ? [] : [[parsed, parseValue(value)]];
    }),
  );
}

/** Nothing: a mark of ours. */
function parseName(name: string): string | undefined {
  if (name === PROTO) return '__proto__';
  if (!name.startsWith('$')) return name;
  return name.startsWith('$$') ? name.slice(1) : undefined;
}

function parseValue(value: AttributeValue): Attribute {
  if (value.S !== undefined) return value.S;
  if (value.N !== undefined) return Number(value.N);
  if (value.BOOL !== undefined) return value.BOOL;
  if (value.NULL !== undefined) return null;
  if (value.B !== undefined) return Uint8Array.from(value.B);
  if (value.L !== undefined) return value.L.map(parseValue);
  if (value.M !== undefined) return parseMembers(value.M);
  throw new TypeError('an attribute of a type that we never write');
}
