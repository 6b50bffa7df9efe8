/** The entities a request is decided with: attributes, tags and all ancestors of each, looked up by type and id. */
import { accept, type Result } from '@postern/result';
import { closeEntities } from './entity_closure.ts';
import { type CedarRecord, EMPTY_RECORD, type EntityUid, sameEntity } from './value.ts';

/** An entity as a caller gives it: direct parents are enough, further ancestors do no harm. */
export interface EntityInput {
  readonly uid: EntityUid;
  readonly attributes?: CedarRecord;
  readonly parents?: readonly EntityUid[];
  readonly tags?: CedarRecord;
}

export type EntitiesReason =
  | 'entities-too-many'
  | 'entity-duplicate'
  | 'entity-cycle'
  | 'entity-ancestors-too-many'
  | 'entity-reparents-base';

export const MAX_ENTITIES = 200_000;
/** Ancestors of one entity: each costs a look-up per decision. */
export const MAX_ANCESTORS = 1_000;
const LINEAR_ANCESTORS = 8;

/** One entity with its transitive ancestors. */
export class Entity {
  readonly uid: EntityUid;
  readonly attributes: CedarRecord;
  readonly tags: CedarRecord;
  readonly ancestors: readonly EntityUid[];
  /** What a policy set's index makes of this entity, kept with it; the index owns these fields. */
  indexKeys: readonly number[] | undefined;
  indexOwner: object | undefined;
  indexSize: number | undefined;
  #idsByType: Map<string, Set<string>> | undefined;

  constructor(input: EntityInput, ancestors: readonly EntityUid[]) {
    this.uid = input.uid;
    this.attributes = input.attributes ?? EMPTY_RECORD;
    this.tags = input.tags ?? EMPTY_RECORD;
    this.ancestors = ancestors;
  }

  hasAncestor(uid: EntityUid): boolean {
    if (this.ancestors.length <= LINEAR_ANCESTORS) {
      for (const ancestor of this.ancestors) if (ancestor.id === uid.id && ancestor.type === uid.type) return true;
      return false;
    }
    this.#idsByType ??= idsByType(this.ancestors);
    return this.#idsByType.get(uid.type)?.has(uid.id) ?? false;
  }
}

function idsByType(uids: readonly EntityUid[]): Map<string, Set<string>> {
  const map = new Map<string, Set<string>>();
  for (const uid of uids) {
    const ids = map.get(uid.type);
    if (ids === undefined) map.set(uid.type, new Set([uid.id]));
    else ids.add(uid.id);
  }
  return map;
}

/** Entities of one layer: few, compared one by one, or many, looked up. */
export interface EntityLayer {
  readonly few?: readonly Entity[];
  readonly byId?: ReadonlyMap<string, ReadonlyMap<string, Entity>>;
  /** Uids that entities of `byId` have as parents although they are no entities themselves. */
  readonly absent?: ReadonlyMap<string, ReadonlyMap<string, true>>;
}

/** An immutable set of entities, possibly a small layer (one request's) over a large one (the release's). */
export class Entities {
  readonly #few: readonly Entity[];
  readonly #byId: ReadonlyMap<string, ReadonlyMap<string, Entity>> | undefined;
  readonly #absent: ReadonlyMap<string, ReadonlyMap<string, true>> | undefined;
  readonly #base: Entities | undefined;

  /** Use `entitiesOf` or `with`. */
  constructor(layer: EntityLayer, base?: Entities) {
    this.#few = layer.few ?? NO_FEW;
    this.#byId = layer.byId;
    this.#absent = layer.absent;
    this.#base = base;
  }

  find(uid: EntityUid): Entity | undefined {
    const few = this.#few;
    for (let index = 0; index < few.length; index++) if (sameEntity(few[index]!.uid, uid)) return few[index];
    return this.#byId?.get(uid.type)?.get(uid.id) ?? this.#base?.find(uid);
  }

  *[Symbol.iterator](): Generator<Entity> {
    if (this.#base !== undefined) yield* this.#base;
    yield* this.#few;
    for (const byId of this.#byId?.values() ?? []) yield* byId.values();
  }

  /**
   * A layer over these entities for one request; costs nothing per entity below it. Refused: an entity that is already
   * there, a cycle, and an entity with parents that the entities below already name as an ancestor.
   */
  with(inputs: readonly EntityInput[]): Result<Entities, EntitiesReason> {
    return inputs.length === 0 ? accept(this) : closeEntities(inputs, this);
  }

  /** Whether some entity here has as an ancestor what is no entity itself. `uid`: not found here. */
  names(uid: EntityUid): boolean {
    if (this.#absent?.get(uid.type)?.has(uid.id) === true) return true;
    for (const { ancestors } of this.#few) for (const known of ancestors) if (sameEntity(known, uid)) return true;
    return this.#base?.names(uid) ?? false;
  }
}

const NO_FEW: readonly Entity[] = [];

export const NO_ENTITIES = new Entities({ few: NO_FEW });

/**
 * Entities with all ancestors computed once. Refused: two different entities with one uid, and a cycle, which would make an entity
 * its own ancestor (Cedar, entity hierarchy).
 */
export function entitiesOf(inputs: readonly EntityInput[]): Result<Entities, EntitiesReason> {
  return closeEntities(inputs, undefined);
}
