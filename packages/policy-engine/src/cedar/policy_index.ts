/**
 * Which policies could apply to a request, in time that does not grow with those that could not. A tree: each branch
 * looks up one thing of the request (principal with its ancestors, action, resource, or an attribute) and goes on in the
 * few buckets that fit, and in the bucket of the policies that do not ask for it. Branches are made when first needed.
 */
import type { AttributeCondition, IndexedValue } from './applicability.ts';
import { readAttribute } from './attribute_lookup.ts';
import { ACTION, PRINCIPAL, RESOURCE, type RequestKeys } from './entity_keys.ts';
import type { Frame } from './frame.ts';

/** So few policies are faster tested than divided further: a scope takes less than a look-up and the node it leads to. */
const LEAF_POLICIES = 8;
/** So few left to test, by the estimate of `costOf`, are as good as fewer: no other division is looked at. */
const FEW_TO_TEST = 16;
const MANY_POLICIES = 256;
/** A division must leave at most this share of the policies to be tested, by the estimate of `costOf`. */
const WORTHWHILE = 0.75;
/** A policy with more alternatives than this for one condition counts as asking for nothing there. */
const MAX_ALTERNATIVES = 64;

export type EntityPlace = typeof PRINCIPAL | typeof ACTION | typeof RESOURCE;
type Key = IndexedValue;

/** The request must have this key, or one of these; `undefined` where a policy asks for nothing. */
export type AskedKeys = number | readonly number[] | undefined;

/** What a policy may be divided by. */
export interface Asked {
  /** Of principal, action and resource, see `RequestKeys`. */
  readonly entities: readonly [AskedKeys, AskedKeys, AskedKeys];
  readonly attribute: AttributeCondition | undefined;
}

export interface Indexed {
  readonly scopeMatches: (keys: RequestKeys) => boolean;
}

/** A part of what policies ask for; asked of thousands of policies at a first decision, so it makes nothing. */
export interface View<P> {
  readonly keysOf: (policy: P, place: EntityPlace) => AskedKeys;
  readonly attributeOf: (policy: P) => AttributeCondition | undefined;
}

export class PolicyIndex<P extends Indexed> {
  readonly #root: Node<P>;

  /**
   * Each of `views` says what of the request a policy depends on. A later one is asked only about policies among which the
   * earlier ones found nothing more to divide, so it may cost more and tell more.
   */
  constructor(policies: readonly P[], views: readonly View<P>[]) {
    this.#root = new Node(policies, { used: [], views });
  }

  /** Policies whose scope matches and whose conditions may hold or fail; one may be there twice. In no particular order. */
  candidates(frame: Frame, keys: RequestKeys): P[] {
    const found: P[] = [];
    this.#root.collect(frame, keys, found);
    return found;
  }
}

/** One thing to look up; either an entity or an attribute. */
interface Dimension {
  readonly name: string;
  readonly entity: EntityPlace | undefined;
  readonly attribute: AttributeCondition | undefined;
}

interface Division<P> {
  readonly dimension: Dimension;
  readonly byKey: ReadonlyMap<Key, readonly P[]>;
  /** Policies that ask for nothing in this dimension. */
  readonly rest: readonly P[];
  /** All others: wanted when the attribute cannot be read, because each of them may fail. */
  readonly asking: readonly P[];
}

/** What was looked up on the way to a node, and what may be looked up below it. */
interface Way<P> {
  /** Dimensions of the first of `views` by which the policies are divided already. */
  readonly used: readonly string[];
  readonly views: readonly View<P>[];
}

class Node<P extends Indexed> {
  /** Empty once the node has been divided. */
  #policies: readonly P[];
  #way: Way<P> | undefined;
  #dimension: Dimension | undefined;
  #byKey: ReadonlyMap<Key, Node<P>> | undefined;
  #rest: Node<P> | undefined;
  #unreadable: Unreadable<P> | undefined;

  constructor(policies: readonly P[], way: Way<P>) {
    this.#policies = policies;
    this.#way = way;
  }

  collect(frame: Frame, keys: RequestKeys, found: P[]): void {
    if (this.#way !== undefined) this.#divide(this.#way);
    const dimension = this.#dimension;
    if (dimension === undefined) {
      const policies = this.#policies;
      for (let index = 0; index < policies.length; index++) {
        const policy = policies[index]!;
        if (policy.scopeMatches(keys)) found.push(policy);
      }
      return;
    }
    this.#rest?.collect(frame, keys, found);
    if (dimension.entity !== undefined) {
      this.#collectBranches(keys[dimension.entity], frame, keys, found);
      return;
    }
    const read = readAttribute(dimension.attribute as AttributeCondition, frame);
    if (read.keys === undefined) this.#unreadable?.node(read.missingLength).collect(frame, keys, found);
    else this.#collectBranches(read.keys, frame, keys, found);
  }

  #collectBranches(wanted: readonly Key[], frame: Frame, keys: RequestKeys, found: P[]): void {
    for (let index = 0; index < wanted.length; index++) this.#byKey?.get(wanted[index]!)?.collect(frame, keys, found);
  }

  #divide(way: Way<P>): void {
    this.#way = undefined;
    const policies = this.#policies;
    if (policies.length <= LEAF_POLICIES) return;
    let { used } = way;
    for (let views = way.views; views.length > 0; views = views.slice(1), used = []) {
      const view = views[0]!;
      const best = bestDivision(policies, used, view);
      if (best === undefined) continue;
      const below = { used: [...used, best.dimension.name], views };
      const node = (bucket: readonly P[]) => new Node(bucket, below);
      this.#policies = [];
      this.#dimension = best.dimension;
      this.#byKey = new Map([...best.byKey].map(([key, bucket]) => [key, node(bucket)]));
      this.#rest = best.rest.length > 0 ? node(best.rest) : undefined;
      if (best.dimension.attribute !== undefined) this.#unreadable = new Unreadable(best.asking, view, node);
      return;
    }
  }
}

/** Nodes of the policies that fail, instead of being false, when an attribute is missing. */
class Unreadable<P extends Indexed> {
  readonly #asking: readonly P[];
  readonly #view: View<P>;
  readonly #make: (policies: readonly P[]) => Node<P>;
  readonly #nodes = new Map<number, Node<P>>();

  constructor(asking: readonly P[], view: View<P>, make: (policies: readonly P[]) => Node<P>) {
    this.#asking = asking;
    this.#view = view;
    this.#make = make;
  }

  node(missingLength: number): Node<P> {
    let node = this.#nodes.get(missingLength);
    if (node === undefined) {
      const isGuarded = (policy: P) => this.#view.attributeOf(policy)?.guardedLengths.includes(missingLength) ?? false;
      node = this.#make(this.#asking.filter((policy) => !isGuarded(policy)));
      this.#nodes.set(missingLength, node);
    }
    return node;
  }
}

/** `undefined` when no division pays. */
function bestDivision<P>(policies: readonly P[], used: readonly string[], view: View<P>): Division<P> | undefined {
  let best: Division<P> | undefined;
  let bestCost = policies.length * WORTHWHILE;
  for (const division of divisionsOf(policies, used, view)) {
    const cost = costOf(division);
    if (cost >= bestCost) continue;
    best = division;
    bestCost = cost;
    if (cost <= FEW_TO_TEST && policies.length > MANY_POLICIES) break;
  }
  return best;
}

/**
 * Policies left to test, estimated: larger buckets are hit more often, and a request fits none of them as often as it fits
 * the largest.
 */
function costOf<P>({ byKey, rest }: Division<P>): number {
  let squares = 0;
  let total = 0;
  let largest = 0;
  for (const bucket of byKey.values()) {
    squares += bucket.length * bucket.length;
    total += bucket.length;
    largest = Math.max(largest, bucket.length);
  }
  return total === 0 ? Number.POSITIVE_INFINITY : rest.length + squares / (total + largest);
}

function* divisionsOf<P>(policies: readonly P[], used: readonly string[], view: View<P>) {
  for (const entity of [RESOURCE, ACTION, PRINCIPAL] as const) {
    const name = `entity ${entity}`;
    if (used.includes(name)) continue;
    yield divide<P>({ name, entity, attribute: undefined }, policies, (policy) => view.keysOf(policy, entity));
  }
  const attributes = new Map<string, AttributeCondition>();
  for (const policy of policies) {
    const attribute = view.attributeOf(policy);
    if (attribute !== undefined) attributes.set(attribute.name, attribute);
  }
  for (const [name, attribute] of attributes) {
    if (used.includes(name)) continue;
    yield divide<P>({ name, entity: undefined, attribute }, policies, (policy) => {
      const asked = view.attributeOf(policy);
      return asked?.name === name ? asked.values : undefined;
    });
  }
}

function divide<P>(
  dimension: Dimension,
  policies: readonly P[],
  keysOf: (policy: P) => Key | readonly Key[] | undefined,
): Division<P> {
  const byKey = new Map<Key, P[]>();
  const rest: P[] = [];
  const asking: P[] = [];
  // No loop: thousands of policies in one would have it compiled anew within a process's first decision.
  policies.forEach((policy) => {
    const keys = keysOf(policy);
    if (keys === undefined || (isList(keys) && keys.length > MAX_ALTERNATIVES)) {
      rest.push(policy);
      return;
    }
    asking.push(policy);
    if (isList(keys)) for (const key of new Set(keys)) putInto(byKey, key, policy);
    else putInto(byKey, keys, policy);
  });
  return { dimension, byKey, rest, asking };
}

function isList(keys: Key | readonly Key[]): keys is readonly Key[] {
  return typeof keys === 'object';
}

function putInto<P>(byKey: Map<Key, P[]>, key: Key, policy: P): void {
  const bucket = byKey.get(key);
  if (bucket === undefined) byKey.set(key, [policy]);
  else bucket.push(policy);
}
