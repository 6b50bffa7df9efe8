/** The entities a request is decided with: attributes, tags and all ancestors of each, looked up by type and id. */
import { accept, type Result, refuse } from '@postern/result';
import { formatUid } from './evaluation_error.ts';
import { type CedarRecord, EMPTY_RECORD, type EntityUid, entityUid, setOf, valueKey } from './value.ts';

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
  /** What a policy set's index makes of this entity, kept with it; the index owns both fields. */
  indexKeys: readonly number[] | undefined;
  indexOwner: object | undefined;
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

/** An immutable set of entities, possibly a small layer (one request's) over a large one (the release's). */
export class Entities {
  readonly #own: Map<string, Map<string, Entity>>;
  readonly #base: Entities | undefined;
  /** Ancestors named by entities here: a later layer that gives one of them parents would change what is computed. */
  #named: Map<string, Set<string>> | undefined;

  /** Use `entitiesOf` or `with`. */
  constructor(own: Map<string, Map<string, Entity>>, base?: Entities) {
    this.#own = own;
    this.#base = base;
  }

  find(uid: EntityUid): Entity | undefined {
    return this.#own.get(uid.type)?.get(uid.id) ?? this.#base?.find(uid);
  }

  *[Symbol.iterator](): Generator<Entity> {
    if (this.#base !== undefined) yield* this.#base;
    for (const byId of this.#own.values()) yield* byId.values();
  }

  /**
   * A layer over these entities for one request; costs nothing per entity below it. Refused: an entity that is already
   * there, a cycle, and an entity with parents that the entities below already name as an ancestor.
   */
  with(inputs: readonly EntityInput[]): Result<Entities, EntitiesReason> {
    return inputs.length === 0 ? accept(this) : closeOver(inputs, this);
  }

  /** Whether some entity here has `uid` as an ancestor although it may not be here itself. */
  names(uid: EntityUid): boolean {
    if (this.#named === undefined) {
      this.#named = new Map();
      for (const byId of this.#own.values()) {
        for (const entity of byId.values()) {
          for (const ancestor of entity.ancestors) {
            const ids = this.#named.get(ancestor.type);
            if (ids === undefined) this.#named.set(ancestor.type, new Set([ancestor.id]));
            else ids.add(ancestor.id);
          }
        }
      }
    }
    return (this.#named.get(uid.type)?.has(uid.id) ?? false) || (this.#base?.names(uid) ?? false);
  }
}

export const NO_ENTITIES = new Entities(new Map());

/**
 * Entities with all ancestors computed once. Refused: two different entities with one uid, and a cycle, which would make an entity
 * its own ancestor (Cedar, entity hierarchy).
 */
export function entitiesOf(inputs: readonly EntityInput[]): Result<Entities, EntitiesReason> {
  return closeOver(inputs, undefined);
}

function closeOver(inputs: readonly EntityInput[], base: Entities | undefined): Result<Entities, EntitiesReason> {
  if (inputs.length > MAX_ENTITIES) return refuse('entities-too-many', `${inputs.length}`);
  const pending = new Map<string, Map<string, EntityInput>>();
  for (const input of inputs) {
    const { uid } = input;
    const byId = pending.get(uid.type);
    const known = byId?.get(uid.id);
    if (known !== undefined && sameInput(known, input)) continue;
    if (known !== undefined || base?.find(uid) !== undefined) return refuse('entity-duplicate', formatUid(uid));
    if (input.parents?.length && base?.names(uid)) return refuse('entity-reparents-base', formatUid(uid));
    if (byId === undefined) pending.set(uid.type, new Map([[uid.id, input]]));
    else byId.set(uid.id, input);
  }
  const closed = new Map<string, Map<string, Entity>>();
  for (const type of pending.keys()) closed.set(type, new Map());
  for (const input of inputs) {
    const refusal = closeEntity(input, pending, closed, base);
    if (refusal !== undefined) return refusal;
  }
  return accept(new Entities(closed, base));
}

/** The same entity given twice does no harm. */
function sameInput(left: EntityInput, right: EntityInput): boolean {
  const key = ({ attributes = EMPTY_RECORD, tags = EMPTY_RECORD, parents = NO_ANCESTORS }: EntityInput) =>
    [valueKey(attributes), valueKey(tags), valueKey(setOf(parents))].join();
  return key(left) === key(right);
}

type Closing = { readonly input: EntityInput; next: number };

/** Computes an entity and, before it, those of its ancestors that are still open; without recursion, for deep chains. */
function closeEntity(
  first: EntityInput,
  pending: ReadonlyMap<string, ReadonlyMap<string, EntityInput>>,
  closed: ReadonlyMap<string, Map<string, Entity>>,
  base: Entities | undefined,
) {
  if (closed.get(first.uid.type)?.has(first.uid.id)) return undefined;
  const stack: Closing[] = [{ input: first, next: 0 }];
  const open = new Set<EntityInput>([first]);
  for (let top = stack.at(-1); top !== undefined; top = stack.at(-1)) {
    const parent = top.input.parents?.[top.next];
    if (parent !== undefined) {
      top.next++;
      const input = pending.get(parent.type)?.get(parent.id);
      if (input === undefined || closed.get(parent.type)?.has(parent.id)) continue;
      if (open.has(input)) return refuse('entity-cycle', formatUid(parent));
      open.add(input);
      stack.push({ input, next: 0 });
      continue;
    }
    const ancestors = ancestorsOf(top.input, closed, base);
    const { uid } = top.input;
    if (ancestors.length > MAX_ANCESTORS) return refuse('entity-ancestors-too-many', formatUid(uid));
    closed.get(uid.type)?.set(uid.id, new Entity(top.input, ancestors));
    open.delete(top.input);
    stack.pop();
  }
  return undefined;
}

function ancestorsOf(
  input: EntityInput,
  closed: ReadonlyMap<string, ReadonlyMap<string, Entity>>,
  base: Entities | undefined,
): readonly EntityUid[] {
  if (input.parents === undefined || input.parents.length === 0) return NO_ANCESTORS;
  const seen = new Map<string, EntityUid>();
  for (const parent of input.parents) {
    const entity = closed.get(parent.type)?.get(parent.id) ?? base?.find(parent);
    seen.set(`${parent.type}::"${parent.id}`, parent);
    for (const ancestor of entity?.ancestors ?? NO_ANCESTORS) seen.set(`${ancestor.type}::"${ancestor.id}`, ancestor);
  }
  return [...seen.values()].map((uid) => entityUid(uid.type, uid.id));
}

const NO_ANCESTORS: readonly EntityUid[] = [];
