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

/** Keys that the entities of one request fit. */
export interface RequestKeys {
  readonly principal: readonly number[];
  readonly action: readonly number[];
  readonly resource: readonly number[];
}

export class EntityKeys {
  readonly #types = new Map<string, TypeEntry>();
  #next = 0;

  /** A policy with this condition asks for any one of these keys. To be called for all policies before `keysOf`. */
  keysFor(condition: EntityCondition): number[] {
    switch (condition.op) {
      case 'is': {
        const type = this.#type(condition.type);
        type.is ??= this.#next++;
        return [type.is];
      }
      case '==': {
        const entry = this.#id(condition.uid);
        entry.equals ??= this.#next++;
        return [entry.equals];
      }
      case 'in':
        return condition.uids.map((uid) => {
          const entry = this.#id(uid);
          entry.within ??= this.#next++;
          return entry.within;
        });
    }
  }

  requestKeys(frame: Frame): RequestKeys {
    return {
      principal: this.keysOf(frame.principal, frame.principalEntity),
      action: this.keysOf(frame.action, frame.actionEntity),
      resource: this.keysOf(frame.resource, frame.resourceEntity),
    };
  }

  /** Keys that an entity of a request fits; kept with the entity, which is made once and asked about often. */
  keysOf(uid: EntityUid, entity: Entity | undefined): readonly number[] {
    if (entity === undefined) return this.#keysOf(uid, undefined);
    if (entity.indexOwner !== this || entity.indexKeys === undefined) {
      entity.indexKeys = this.#keysOf(uid, entity);
      entity.indexOwner = this;
    }
    return entity.indexKeys;
  }

  #keysOf(uid: EntityUid, entity: Entity | undefined): number[] {
    const keys: number[] = [];
    const type = this.#types.get(uid.type);
    const own = type?.ids.get(uid.id);
    if (type?.is !== undefined) keys.push(type.is);
    if (own?.equals !== undefined) keys.push(own.equals);
    if (own?.within !== undefined) keys.push(own.within);
    if (entity === undefined) return keys;
    for (const ancestor of entity.ancestors) {
      const within = this.#types.get(ancestor.type)?.ids.get(ancestor.id)?.within;
      if (within !== undefined) keys.push(within);
    }
    return keys;
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
