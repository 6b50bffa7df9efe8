/** From entities with their direct parents to entities with all their ancestors. */
import { accept, type Result, refuse } from '@postern/result';
import { Entities, type EntitiesReason, Entity, type EntityInput, MAX_ANCESTORS, MAX_ENTITIES } from './entities.ts';
import { formatUid } from './evaluation_error.ts';
import { EMPTY_RECORD, type EntityUid, sameEntity, setOf, valueKey } from './value.ts';

/** So many entities of a request are compared one by one. */
const FEW_ENTITIES = 4;
/** Up to so many, ancestors are compared instead of hashed. */
const FEW_ANCESTORS = 16;

type ById<T> = Map<string, Map<string, T>>;

/**
 * `base`: entities below, which these may name as parents. Refused: two different entities of one uid (also one here and
 * one below), a cycle, which would make an entity its own ancestor (Cedar, entity hierarchy), and an entity with parents
 * that the entities below already name as an ancestor, since theirs were computed without it.
 */
export function closeEntities(
  inputs: readonly EntityInput[],
  base: Entities | undefined,
): Result<Entities, EntitiesReason> {
  if (inputs.length > MAX_ENTITIES) return refuse('entities-too-many', `${inputs.length}`);
  if (base !== undefined && areIndependent(inputs)) return layerOfFew(inputs, base);
  const pending: ById<EntityInput> = new Map();
  for (let index = 0; index < inputs.length; index++) {
    const input = inputs[index]!;
    const { uid } = input;
    const known = pending.get(uid.type)?.get(uid.id);
    if (known !== undefined && sameInput(known, input)) continue;
    if (known !== undefined) return refuse('entity-duplicate', formatUid(uid));
    const reason = conflictBelow(input, base);
    if (reason !== undefined) return refuse(reason, formatUid(uid));
    put(pending, uid, input);
  }
  const closing = new Closing(pending, base);
  for (let index = 0; index < inputs.length; index++) {
    const refusal = closing.close(inputs[index]!);
    if (refusal !== undefined) return refusal;
  }
  return accept(new Entities({ byId: closing.closed, absent: closing.absent }, base));
}

/** What a decision usually brings: a user, perhaps a workload. */
function layerOfFew(inputs: readonly EntityInput[], base: Entities): Result<Entities, EntitiesReason> {
  const few = new Array<Entity>(inputs.length);
  for (let index = 0; index < inputs.length; index++) {
    const input = inputs[index]!;
    const reason = conflictBelow(input, base);
    if (reason !== undefined) return refuse(reason, formatUid(input.uid));
    const { parents = NO_ANCESTORS } = input;
    const ancestors = areAbsent(parents, base) ? parents : ancestorsOf(input, base, undefined);
    if (ancestors.length > MAX_ANCESTORS) return refuse('entity-ancestors-too-many', formatUid(input.uid));
    few[index] = new Entity(input, ancestors);
  }
  return accept(new Entities({ few }, base));
}

function areAbsent(uids: readonly EntityUid[], base: Entities): boolean {
  for (let index = 0; index < uids.length; index++) if (base.find(uids[index]!) !== undefined) return false;
  return true;
}

/** Whether there are few, all different, and none is a parent of another. */
function areIndependent(inputs: readonly EntityInput[]): boolean {
  if (inputs.length > FEW_ENTITIES) return false;
  for (let index = 0; index < inputs.length; index++) {
    const { uid } = inputs[index]!;
    for (let other = 0; other < inputs.length; other++) {
      if (other !== index && sameEntity(inputs[other]!.uid, uid)) return false;
      for (const parent of inputs[other]!.parents ?? NO_ANCESTORS) if (sameEntity(parent, uid)) return false;
    }
  }
  return true;
}

function conflictBelow({ uid, parents }: EntityInput, base: Entities | undefined): EntitiesReason | undefined {
  if (base === undefined) return undefined;
  if (base.find(uid) !== undefined) return 'entity-duplicate';
  return parents !== undefined && parents.length > 0 && base.names(uid) ? 'entity-reparents-base' : undefined;
}

/** The same entity given twice does no harm. */
function sameInput(left: EntityInput, right: EntityInput): boolean {
  const key = ({ attributes = EMPTY_RECORD, tags = EMPTY_RECORD, parents = NO_ANCESTORS }: EntityInput) =>
    [valueKey(attributes), valueKey(tags), valueKey(setOf(parents))].join();
  return key(left) === key(right);
}

class Closing {
  readonly closed: ById<Entity> = new Map();
  /** Parents that are no entities, neither here nor below. */
  readonly absent: ById<true> = new Map();
  readonly #open = new Set<EntityInput>();
  readonly #pending: ById<EntityInput>;
  readonly #base: Entities | undefined;

  constructor(pending: ById<EntityInput>, base: Entities | undefined) {
    this.#pending = pending;
    this.#base = base;
  }

  /** Closes an entity and, before it, those of its ancestors that are still open; without recursion, for deep chains. */
  close(first: EntityInput) {
    if (this.#isClosed(first.uid)) return undefined;
    if (this.#areClosed(first.parents ?? NO_ANCESTORS)) return this.#finish(first);
    const stack = [{ input: first, next: 0 }];
    this.#open.add(first);
    for (let top = stack.at(-1); top !== undefined; top = stack.at(-1)) {
      const parent = top.input.parents?.[top.next++];
      if (parent === undefined) {
        const refusal = this.#finish(top.input);
        if (refusal !== undefined) return refusal;
        this.#open.delete(top.input);
        stack.pop();
      } else if (!this.#isClosed(parent)) {
        const input = this.#pending.get(parent.type)?.get(parent.id);
        if (input === undefined) this.#noteAbsent(parent);
        else if (this.#open.has(input)) return refuse('entity-cycle', formatUid(parent));
        else {
          this.#open.add(input);
          stack.push({ input, next: 0 });
        }
      }
    }
    return undefined;
  }

  #areClosed(uids: readonly EntityUid[]): boolean {
    for (let index = 0; index < uids.length; index++) if (!this.#isClosed(uids[index]!)) return false;
    return true;
  }

  #isClosed(uid: EntityUid): boolean {
    return this.closed.get(uid.type)?.has(uid.id) ?? false;
  }

  #noteAbsent(uid: EntityUid): void {
    if (this.#base?.find(uid) === undefined) put(this.absent, uid, true);
  }

  #finish(input: EntityInput) {
    const ancestors = ancestorsOf(input, this.#base, this.closed);
    if (ancestors.length > MAX_ANCESTORS) return refuse('entity-ancestors-too-many', formatUid(input.uid));
    put(this.closed, input.uid, new Entity(input, ancestors));
    return undefined;
  }
}

function put<T>(map: ById<T>, uid: EntityUid, value: T): void {
  const byId = map.get(uid.type);
  if (byId === undefined) map.set(uid.type, new Map([[uid.id, value]]));
  else byId.set(uid.id, value);
}

/** `base` and `closed`: entities that have their ancestors already. */
function ancestorsOf(
  { parents = NO_ANCESTORS }: EntityInput,
  base: Entities | undefined,
  closed: ById<Entity> | undefined,
): readonly EntityUid[] {
  if (parents.length === 0) return NO_ANCESTORS;
  const above = (parent: EntityUid) =>
    (closed?.get(parent.type)?.get(parent.id) ?? base?.find(parent))?.ancestors ?? NO_ANCESTORS;
  if (parents.length === 1 && above(parents[0]!).length === 0) return parents;
  const ancestors = new Ancestors();
  for (let index = 0; index < parents.length; index++) {
    const parent = parents[index]!;
    ancestors.add(parent);
    for (const ancestor of above(parent)) ancestors.add(ancestor);
  }
  return ancestors.uids;
}

const NO_ANCESTORS: readonly EntityUid[] = [];

class Ancestors {
  readonly uids: EntityUid[] = [];
  #keys: Set<string> | undefined;

  add(uid: EntityUid): void {
    const { uids } = this;
    if (uids.length > FEW_ANCESTORS) {
      this.#keys ??= new Set(uids.map(valueKey));
      const key = valueKey(uid);
      if (this.#keys.has(key)) return;
      this.#keys.add(key);
    } else {
      for (let index = 0; index < uids.length; index++) if (sameEntity(uids[index]!, uid)) return;
    }
    uids.push(uid);
  }
}
