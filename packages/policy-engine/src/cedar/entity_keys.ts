/**
 * Numbers for what policies ask of entities: `is T`, `== uid`, `in uid`. A request's entities are turned into the numbers
 * that they fit once, so that policies are found and scopes tested by comparing integers instead of types and ids.
 */
import type { EntityCondition } from './applicability.ts';
import type { Entity } from './entities.ts';
import type { Frame } from './frame.ts';
import type { EntityUid } from './value.ts';

interface TypeEntry {
  is: number | undefined;
  readonly ids: Map<string, IdEntry>;
}

interface IdEntry {
  equals: number | undefined;
  within: number | undefined;
}

/** Places in `RequestKeys`. */
export const PRINCIPAL = 0;
export const ACTION = 1;
export const RESOURCE = 2;

/** Keys that principal, action and resource of one request fit. */
export type RequestKeys = readonly [
  principal: readonly number[],
  action: readonly number[],
  resource: readonly number[],
];

const NO_ENTITY = { ancestors: [] as readonly EntityUid[] };

export class EntityKeys {
  readonly #types = new Map<string, TypeEntry>();
  /** Where keys are put together: a copy is as long as it must be, which a list that grows is not. */
  readonly #noted: number[] = [];
  #next = 0;

  /** How many keys there are. Where it has grown, keys that a request was given before may not be all that it fits. */
  get size(): number {
    return this.#next;
  }

  /** A policy with this condition asks for this key, or for any one of these. */
  keysFor(condition: EntityCondition): number | readonly number[] {
    switch (condition.op) {
      case 'is':
        return this.is(condition.type);
      case '==':
        return this.equals(condition.uid);
      case 'in': {
        const [uid] = condition.uids;
        return uid !== undefined && condition.uids.length === 1
          ? this.within(uid)
          : condition.uids.map((each) => this.within(each));
      }
    }
  }

  is(name: string): number {
    const type = this.#type(name);
    type.is ??= this.#next++;
    return type.is;
  }

  equals(uid: EntityUid): number {
    const entry = this.#id(uid);
    entry.equals ??= this.#next++;
    return entry.equals;
  }

  within(uid: EntityUid): number {
    const entry = this.#id(uid);
    entry.within ??= this.#next++;
    return entry.within;
  }

  requestKeys(frame: Frame): RequestKeys {
    return [
      this.keysOf(frame.principal, frame.principalEntity),
      this.keysOf(frame.action, frame.actionEntity),
      this.keysOf(frame.resource, frame.resourceEntity),
    ];
  }

  /** Keys that an entity of a request fits; kept with the entity, since those of a release are asked about again. */
  keysOf(uid: EntityUid, entity: Entity | undefined): readonly number[] {
    if (entity === undefined) return this.#keysOf(uid, undefined);
    if (entity.indexOwner === this && entity.indexSize === this.#next && entity.indexKeys !== undefined)
      return entity.indexKeys;
    const keys = this.#keysOf(uid, entity);
    entity.indexKeys = keys;
    entity.indexOwner = this;
    entity.indexSize = this.#next;
    return keys;
  }

  #keysOf(uid: EntityUid, entity: Entity | undefined): number[] {
    const type = this.#types.get(uid.type);
    const own = type?.ids.get(uid.id);
    let count = this.#note(type?.is, 0);
    count = this.#note(own?.equals, count);
    count = this.#note(own?.within, count);
    const { ancestors } = entity ?? NO_ENTITY;
    let name = uid.type;
    let ids = type?.ids;
    for (let index = 0; index < ancestors.length; index++) {
      const ancestor = ancestors[index]!;
      if (ancestor.type !== name) {
        name = ancestor.type;
        ids = this.#types.get(name)?.ids;
      }
      count = this.#note(ids?.get(ancestor.id)?.within, count);
    }
    return this.#noted.slice(0, count);
  }

  #note(key: number | undefined, count: number): number {
    if (key === undefined) return count;
    this.#noted[count] = key;
    return count + 1;
  }

  #type(name: string): TypeEntry {
    let type = this.#types.get(name);
    if (type === undefined) {
      type = { is: undefined, ids: new Map() };
      this.#types.set(name, type);
    }
    return type;
  }

  #id(uid: EntityUid): IdEntry {
    const { ids } = this.#type(uid.type);
    let entry = ids.get(uid.id);
    if (entry === undefined) {
      entry = { equals: undefined, within: undefined };
      ids.set(uid.id, entry);
    }
    return entry;
  }
}
