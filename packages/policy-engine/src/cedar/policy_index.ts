/**
 * Which policies could apply to a request, in time that does not grow with those that could not. A tree: each branch
 * looks up one thing of the request (principal with its ancestors, action, resource, or an attribute) and goes on in the
 * few buckets that fit, and in the bucket of the policies that do not ask for it. Branches are made when first needed.
 */
import type { AttributeCondition, IndexedValue } from './applicability.ts';
import { readAttribute } from './attribute_lookup.ts';
import type { RequestKeys } from './entity_keys.ts';
import type { Frame } from './frame.ts';

/** So few policies are faster tested than divided further. */
const LEAF_POLICIES = 4;
/** A division must leave at most this share of the policies to be tested, by the estimate of `costOf`. */
const WORTHWHILE = 0.75;
/** A policy with more alternatives than this for one condition counts as asking for nothing there. */
const MAX_ALTERNATIVES = 64;

type EntityName = 'principal' | 'action' | 'resource';
type Key = IndexedValue;

/** What a policy is divided by: of each list the request must have one key; `undefined` where it asks for nothing. */
export interface Asked {
  readonly principal: readonly number[] | undefined;
  readonly action: readonly number[] | undefined;
  readonly resource: readonly number[] | undefined;
  readonly attribute: AttributeCondition | undefined;
}

export interface Indexed {
  readonly scopeMatches: (keys: RequestKeys) => boolean;
}

export class PolicyIndex<P extends Indexed> {
  readonly #root: Node<P>;

  /** `askedOf` says what of the request a policy depends on, at least its scope or a part of it. */
  constructor(policies: readonly P[], askedOf: (policy: P) => Asked) {
    this.#root = new Node(policies, [], askedOf);
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
  readonly entity: EntityName | undefined;
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

class Node<P extends Indexed> {
  /** Empty once the node has been divided. */
  #policies: readonly P[];
  #isNew = true;
  #dimension: Dimension | undefined;
  #byKey: ReadonlyMap<Key, Node<P>> = new Map();
  #rest: Node<P> | undefined;
  #unreadable: Unreadable<P> | undefined;
  readonly #used: readonly string[];
  readonly #askedOf: (policy: P) => Asked;

  constructor(policies: readonly P[], used: readonly string[], askedOf: (policy: P) => Asked) {
    this.#policies = policies;
    this.#used = used;
    this.#askedOf = askedOf;
  }

  collect(frame: Frame, keys: RequestKeys, found: P[]): void {
    if (this.#isNew) this.#divide();
    const dimension = this.#dimension;
    if (dimension === undefined) {
      for (const policy of this.#policies) if (policy.scopeMatches(keys)) found.push(policy);
      return;
    }
    this.#rest?.collect(frame, keys, found);
    if (dimension.entity !== undefined) {
      for (const key of keys[dimension.entity]) this.#byKey.get(key)?.collect(frame, keys, found);
      return;
    }
    const read = readAttribute(dimension.attribute as AttributeCondition, frame);
    if (read.keys === undefined) this.#unreadable?.node(read.missingLength).collect(frame, keys, found);
    else for (const key of read.keys) this.#byKey.get(key)?.collect(frame, keys, found);
  }

  #divide(): void {
    this.#isNew = false;
    if (this.#policies.length <= LEAF_POLICIES) return;
    const best = bestDivision(this.#policies, this.#used, this.#askedOf);
    if (best === undefined) return;
    const used = [...this.#used, best.dimension.name];
    const node = (policies: readonly P[]) => new Node(policies, used, this.#askedOf);
    this.#policies = [];
    this.#dimension = best.dimension;
    this.#byKey = new Map([...best.byKey].map(([key, bucket]) => [key, node(bucket)]));
    this.#rest = best.rest.length > 0 ? node(best.rest) : undefined;
    if (best.dimension.attribute !== undefined) this.#unreadable = new Unreadable(best.asking, this.#askedOf, node);
  }
}

/** Nodes of the policies that fail, instead of being false, when an attribute is missing. */
class Unreadable<P extends Indexed> {
  readonly #asking: readonly P[];
  readonly #askedOf: (policy: P) => Asked;
  readonly #make: (policies: readonly P[]) => Node<P>;
  readonly #nodes = new Map<number, Node<P>>();

  constructor(asking: readonly P[], askedOf: (policy: P) => Asked, make: (policies: readonly P[]) => Node<P>) {
    this.#asking = asking;
    this.#askedOf = askedOf;
    this.#make = make;
  }

  node(missingLength: number): Node<P> {
    let node = this.#nodes.get(missingLength);
    if (node === undefined) {
      const isGuarded = (policy: P) => this.#askedOf(policy).attribute?.guardedLengths.includes(missingLength) ?? false;
      node = this.#make(this.#asking.filter((policy) => !isGuarded(policy)));
      this.#nodes.set(missingLength, node);
    }
    return node;
  }
}

/** `undefined` when no division pays. */
function bestDivision<P>(
  policies: readonly P[],
  used: readonly string[],
  askedOf: (policy: P) => Asked,
): Division<P> | undefined {
  let best: Division<P> | undefined;
  let bestCost = policies.length * WORTHWHILE;
  for (const division of divisionsOf(policies, used, askedOf)) {
    const cost = costOf(division);
    if (cost >= bestCost) continue;
    best = division;
    bestCost = cost;
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

function* divisionsOf<P>(policies: readonly P[], used: readonly string[], askedOf: (policy: P) => Asked) {
  for (const entity of ['principal', 'action', 'resource'] as const) {
    if (used.includes(entity)) continue;
    const dimension = { name: entity, entity, attribute: undefined };
    yield divide<P>(dimension, policies, (policy) => askedOf(policy)[entity]);
  }
  const attributes = new Map<string, AttributeCondition>();
  for (const policy of policies) {
    const { attribute } = askedOf(policy);
    if (attribute !== undefined) attributes.set(attribute.name, attribute);
  }
  for (const [name, attribute] of attributes) {
    if (used.includes(name)) continue;
    yield divide<P>({ name, entity: undefined, attribute }, policies, (policy) => {
      const asked = askedOf(policy).attribute;
      return asked?.name === name ? asked.values : undefined;
    });
  }
}

function divide<P>(
  dimension: Dimension,
  policies: readonly P[],
  keysOf: (policy: P) => readonly Key[] | undefined,
): Division<P> {
  const byKey = new Map<Key, P[]>();
  const rest: P[] = [];
  const asking: P[] = [];
  for (const policy of policies) {
    const keys = keysOf(policy);
    if (keys === undefined || keys.length > MAX_ALTERNATIVES) {
      rest.push(policy);
      continue;
    }
    asking.push(policy);
    for (const key of keys.length > 1 ? new Set(keys) : keys) {
      const bucket = byKey.get(key);
      if (bucket === undefined) byKey.set(key, [policy]);
      else bucket.push(policy);
    }
  }
  return { dimension, byKey, rest, asking };
}
