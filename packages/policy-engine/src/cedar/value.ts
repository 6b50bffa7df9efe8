/**
 * Cedar values at run time. Booleans, strings and Longs are JavaScript's own; everything else is an object with a `kind`.
 * Values are immutable once made. Equality is Cedar's (`==` on any two values, never an error).
 */
import type { Datetime, Duration } from './datetime.ts';
import type { Decimal } from './decimal.ts';
import type { IpAddr } from './ipaddr.ts';
import type { Long } from './long.ts';

export type Value =
  | boolean
  | string
  | Long
  | EntityUid
  | CedarSet
  | CedarRecord
  | Decimal
  | IpAddr
  | Datetime
  | Duration;

export interface EntityUid {
  readonly kind: 'entity';
  /** Fully qualified entity type, such as `Postern::User`. */
  readonly type: string;
  readonly id: string;
}

export function entityUid(type: string, id: string): EntityUid {
  return { kind: 'entity', type, id };
}

export function sameEntity(left: EntityUid, right: EntityUid): boolean {
  return left === right || (left.id === right.id && left.type === right.type);
}

/** Up to this many elements a linear search beats a hash index. */
const LINEAR_SET = 8;

/** An unordered set without duplicates; elements may be of different types. */
export class CedarSet {
  readonly kind = 'set';
  readonly elements: readonly Value[];
  #primitives: Set<Value> | undefined;
  #compounds: Set<string> | undefined;

  /** `elements` hold no two equal values: `setOf` sees to that. */
  constructor(elements: readonly Value[]) {
    this.elements = elements;
  }

  get size(): number {
    return this.elements.length;
  }

  has(value: Value): boolean {
    if (this.elements.length <= LINEAR_SET) {
      for (const element of this.elements) if (element === value || sameValue(element, value)) return true;
      return false;
    }
    if (this.#primitives === undefined || this.#compounds === undefined) {
      this.#primitives = new Set();
      this.#compounds = new Set();
      for (const element of this.elements) {
        if (typeof element === 'object') this.#compounds.add(valueKey(element));
        else this.#primitives.add(element);
      }
    }
    return typeof value === 'object' ? this.#compounds.has(valueKey(value)) : this.#primitives.has(value);
  }
}

/**
 * Attributes by name. Names may be anything a caller sends (`__proto__`, `constructor`), so only own properties count and
 * a polluted `Object.prototype` adds no attribute.
 */
export class CedarRecord {
  readonly kind = 'record';
  readonly #fields: { readonly [name: string]: Value };

  /** Takes the object as it is: it must not change afterwards and must hold values only. `recordOf` sees to that. */
  constructor(fields: { readonly [name: string]: Value }) {
    this.#fields = fields;
  }

  get(name: string): Value | undefined {
    const fields = this.#fields;
    return Object.hasOwn(fields, name) ? fields[name] : undefined;
  }

  has(name: string): boolean {
    return Object.hasOwn(this.#fields, name);
  }

  names(): string[] {
    return Object.keys(this.#fields);
  }
}

export const EMPTY_RECORD = new CedarRecord({});
export const EMPTY_SET = new CedarSet([]);

/** A set of trusted values; duplicates are dropped. */
export function setOf(values: Iterable<Value>): CedarSet {
  const elements: Value[] = [];
  const all = Array.isArray(values) ? (values as Value[]) : [...values];
  if (all.length <= LINEAR_SET) {
    for (const value of all) if (!elements.some((element) => sameValue(element, value))) elements.push(value);
    return new CedarSet(elements);
  }
  const seen = new Set<string>();
  for (const value of all) {
    const key = valueKey(value);
    if (seen.has(key)) continue;
    seen.add(key);
    elements.push(value);
  }
  return new CedarSet(elements);
}

/**
 * A record from a trusted caller's own object, which it must not change afterwards. `undefined` attributes are left out.
 * A number that is no safe integer or an object that is no Cedar value is a bug of the caller and thrown.
 */
export function recordOf(fields: { readonly [name: string]: Value | undefined }): CedarRecord {
  let hasGaps = false;
  for (const name in fields) {
    const value = fields[name];
    if (value === undefined) hasGaps = true;
    else if (typeof value === 'number') {
      if (!Number.isSafeInteger(value)) throw new TypeError(`attribute \`${name}\` is not an integer`);
    } else if (typeof value === 'object' && (value === null || value.kind === undefined)) {
      throw new TypeError(`attribute \`${name}\` is not a Cedar value`);
    }
  }
  if (!hasGaps) return new CedarRecord(fields as { readonly [name: string]: Value });
  return recordOfEntries(Object.entries(fields).filter((entry): entry is [string, Value] => entry[1] !== undefined));
}

/** A record from entries with untrusted names. A later entry of the same name would win: the caller refuses duplicates. */
export function recordOfEntries(entries: Iterable<readonly [string, Value]>): CedarRecord {
  const fields: { [name: string]: Value } = {};
  for (const [name, value] of entries) {
    if (name === '__proto__') {
      Object.defineProperty(fields, name, { value, enumerable: true, configurable: true, writable: true });
    } else fields[name] = value;
  }
  return new CedarRecord(fields);
}

/** Cedar's `==`: values of different types are unequal, sets ignore order, extension values compare by what they mean. */
export function sameValue(left: Value, right: Value): boolean {
  if (left === right) return true;
  if (typeof left !== 'object' || typeof right !== 'object') return false;
  switch (left.kind) {
    case 'entity':
      return right.kind === 'entity' && sameEntity(left, right);
    case 'set':
      return right.kind === 'set' && left.size === right.size && left.elements.every((element) => right.has(element));
    case 'record':
      return right.kind === 'record' && sameRecord(left, right);
    case 'decimal':
      return right.kind === 'decimal' && left.tenThousandths === right.tenThousandths;
    case 'ipaddr':
      return (
        right.kind === 'ipaddr' &&
        left.version === right.version &&
        left.address === right.address &&
        left.prefixLength === right.prefixLength
      );
    case 'datetime':
      return right.kind === 'datetime' && left.epochMs === right.epochMs;
    case 'duration':
      return right.kind === 'duration' && left.ms === right.ms;
  }
}

function sameRecord(left: CedarRecord, right: CedarRecord): boolean {
  const names = left.names();
  if (names.length !== right.names().length) return false;
  return names.every((name) => {
    const other = right.get(name);
    return other !== undefined && sameValue(left.get(name) as Value, other);
  });
}

/** Two values have the same key exactly when they are equal; lengths are prefixed so that no text can imitate another. */
export function valueKey(value: Value): string {
  if (typeof value === 'string') return `s${value.length}:${value}`;
  if (typeof value === 'boolean') return value ? 't' : 'f';
  if (typeof value !== 'object') return `i${value}`;
  switch (value.kind) {
    case 'entity':
      return `e${value.type.length}:${value.type}${value.id.length}:${value.id}`;
    case 'set':
      return `{${value.elements.map(valueKey).sort().join(',')}}`;
    case 'record':
      return `<${value
        .names()
        .sort()
        .map((name) => `${name.length}:${name}=${valueKey(value.get(name) as Value)}`)
        .join(',')}>`;
    case 'decimal':
      return `d${value.tenThousandths}`;
    case 'ipaddr':
      return `a${value.version}:${value.address}/${value.prefixLength}`;
    case 'datetime':
      return `m${value.epochMs}`;
    case 'duration':
      return `u${value.ms}`;
  }
}

/** Cedar's name of a value's type, for messages. */
export function typeName(value: Value): string {
  if (typeof value === 'boolean') return 'bool';
  if (typeof value === 'string') return 'string';
  if (typeof value !== 'object') return 'long';
  return value.kind === 'entity' ? `entity of type \`${value.type}\`` : value.kind;
}
