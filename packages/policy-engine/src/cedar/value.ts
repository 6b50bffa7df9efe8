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

/**
 * A class, since V8 takes the objects of one literal to live equally long: those of a release live on, and after them
 * those of each request would be left to a full collection.
 */
class Uid implements EntityUid {
  readonly kind = 'entity';
  readonly type: string;
  readonly id: string;

  constructor(type: string, id: string) {
    this.type = type;
    this.id = id;
  }
}

export function entityUid(type: string, id: string): EntityUid {
  return new Uid(type, id);
}

export function sameEntity(left: EntityUid, right: EntityUid): boolean {
  return left === right || (left.type === right.type && left.id === right.id);
}

/** Up to this many elements a linear search beats a hash index. */
const LINEAR_SET = 8;
const LINEAR_RECORD = 12;

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
    if (this.elements.length <= LINEAR_SET) return isAmong(this.elements, value);
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
 * Attributes by name. Names may be anything a caller sends (`__proto__`, `constructor`), so they are compared and never
 * become properties of an object; that is also the fastest way where there are few.
 */
export class CedarRecord {
  readonly kind = 'record';
  readonly #names: readonly string[];
  readonly #values: readonly (Value | undefined)[];
  #places: Map<string, number> | undefined;

  /** Takes the lists as they are: `names` without repetition, and for each its value, `undefined` where it is absent. */
  constructor(names: readonly string[], values: readonly (Value | undefined)[]) {
    this.#names = names;
    this.#values = values;
  }

  get(name: string): Value | undefined {
    const names = this.#names;
    if (names.length > LINEAR_RECORD) return this.#find(name);
    for (let place = 0; place < names.length; place++) if (names[place] === name) return this.#values[place];
    return undefined;
  }

  has(name: string): boolean {
    return this.get(name) !== undefined;
  }

  /** `get(lookup.name)`. */
  at(lookup: AttributeLookup): Value | undefined {
    if (this.#names !== lookup.names) {
      lookup.names = this.#names;
      lookup.place = this.#names.indexOf(lookup.name);
    }
    return lookup.place < 0 ? undefined : this.#values[lookup.place];
  }

  names(): string[] {
    return this.#names.filter((_, place) => this.#values[place] !== undefined);
  }

  #find(name: string): Value | undefined {
    this.#places ??= new Map(this.#names.map((known, place) => [known, place]));
    const place = this.#places.get(name);
    return place === undefined ? undefined : this.#values[place];
  }
}

/** One name, asked of many records: those that share their list of names have its value in the same place. */
export class AttributeLookup {
  readonly name: string;
  /** Of the record asked last; the record sets it. */
  names: readonly string[] | undefined;
  place = -1;

  constructor(name: string) {
    this.name = name;
  }
}

export const EMPTY_RECORD = new CedarRecord([], []);
export const EMPTY_SET = new CedarSet([]);

/** A set of trusted values; duplicates are dropped. */
export function setOf(values: Iterable<Value>): CedarSet {
  const all: readonly Value[] = Array.isArray(values) ? values : [...values];
  // A copy is as long as it must be; a list that grows takes more.
  if (all.length <= LINEAR_SET && !hasDuplicates(all)) return new CedarSet(all.slice());
  const seen = new Set<string>();
  const elements: Value[] = [];
  for (const value of all) {
    const key = valueKey(value);
    if (seen.has(key)) continue;
    seen.add(key);
    elements.push(value);
  }
  return new CedarSet(elements);
}

function hasDuplicates(values: readonly Value[]): boolean {
  for (let index = 1; index < values.length; index++)
    for (let other = 0; other < index; other++) if (sameValue(values[index]!, values[other]!)) return true;
  return false;
}

function isAmong(elements: readonly Value[], value: Value): boolean {
  for (let index = 0; index < elements.length; index++) if (sameValue(elements[index]!, value)) return true;
  return false;
}

/**
 * A record from a trusted caller's own object. `undefined` attributes are left out. A number that is no safe integer or an
 * object that is no Cedar value is a bug of the caller and thrown.
 */
export function recordOf(fields: { readonly [name: string]: Value | undefined }): CedarRecord {
  const names = Object.keys(fields);
  const values: (Value | undefined)[] = [];
  for (const name of names) {
    const value = fields[name];
    if (typeof value === 'number') {
      if (!Number.isSafeInteger(value)) throw new TypeError(`attribute \`${name}\` is not an integer`);
    } else if (typeof value === 'object' && (value === null || value.kind === undefined)) {
      throw new TypeError(`attribute \`${name}\` is not a Cedar value`);
    }
    values.push(value);
  }
  return new CedarRecord(names, values);
}

/** A record from entries with untrusted names. A later entry of the same name wins: the caller refuses duplicates. */
export function recordOfEntries(entries: Iterable<readonly [string, Value]>): CedarRecord {
  const values = new Map(entries);
  return new CedarRecord([...values.keys()], [...values.values()]);
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
