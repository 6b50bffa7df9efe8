/**
 * The Table port: what Postern needs of DynamoDB, and no more.
 *
 * Consistency: `get` and `query` are strongly consistent. Durability: a write that returned is durable. Concurrency:
 * a condition and its write are one atomic step; a transaction is all or nothing. Faults throw `StoreUnavailable`;
 * an unmet condition is a value; what is out of bounds is a bug of the caller and throws a RangeError before anything is
 * written. An item whose `expiresAtSeconds` has passed is never returned, whether or not the
 * store has got round to deleting it.
 */
import type { Result } from '@postern/result';

export interface Key {
  /** Partition key, 1 to 1,024 bytes of UTF-8. */
  readonly pk: string;
  /** Sort key, 1 to 512 bytes of UTF-8; ordered by its bytes. */
  readonly sk: string;
}

/**
 * Numbers are safe integers or doubles of magnitude 1e-130 to 1e125, which DynamoDB keeps exactly; larger integers travel
 * as strings. Text is well-formed. At most 16 levels; names inside are 1 to 255 bytes. -0 comes back as 0.
 */
export type Attribute =
  | string
  | number
  | boolean
  | null
  | Uint8Array
  | readonly Attribute[]
  | { readonly [name: string]: Attribute };

/** `pk` and `sk` are reserved names in `attributes`. At most 350 KiB in all, as `bounds.ts` counts. */
export interface Item extends Key {
  readonly attributes: { readonly [name: string]: Attribute };
  /** Seconds since the epoch after which the item is gone. */
  readonly expiresAtSeconds?: number;
}

export type Condition =
  | { readonly kind: 'absent' }
  | { readonly kind: 'present' }
  | { readonly kind: 'equals'; readonly attribute: string; readonly value: string | number | boolean };

/** Names each attribute at most once over `set`, `add` and `remove`. */
export interface Update extends Key {
  readonly set?: { readonly [name: string]: Attribute };
  /** Adds to a number; an absent attribute counts as 0. */
  readonly add?: { readonly [name: string]: number };
  readonly remove?: readonly string[];
  readonly expiresAtSeconds?: number;
  readonly condition?: Condition;
}

export interface Query {
  readonly pk: string;
  /** Only sort keys that begin with this; all when absent. */
  readonly prefix?: string;
  /** Only sort keys strictly after this one (strictly before it when `reverse`): the cursor of the last page. */
  readonly after?: string;
  readonly reverse?: boolean;
  /** 1 to 1,000; 100 when absent. */
  readonly limit?: number;
}

export interface Page {
  readonly items: readonly Item[];
  /** Sort key to pass as `after` for the next page; absent at the end. */
  readonly next?: string;
}

export type Write =
  | { readonly put: Item; readonly condition?: Condition }
  | { readonly update: Update }
  | { readonly delete: Key; readonly condition?: Condition }
  | { readonly check: Key; readonly condition: Condition };

export type ConditionFailed = 'condition-failed';

export interface Table {
  get(key: Key): Promise<Item | undefined>;
  query(query: Query): Promise<Page>;
  put(item: Item, condition?: Condition): Promise<Result<void, ConditionFailed>>;
  /** Creates the item when it is absent and no condition forbids that. Answers the item as it is afterwards. */
  update(update: Update): Promise<Result<Item, ConditionFailed>>;
  delete(key: Key, condition?: Condition): Promise<Result<void, ConditionFailed>>;
  /** 1 to 100 writes on distinct keys, at most 4 MiB. */
  transact(writes: readonly Write[]): Promise<Result<void, ConditionFailed>>;
}

/** The store did not answer, or not in time: nothing may be assumed written. */
export class StoreUnavailable extends Error {
  override readonly name = 'StoreUnavailable';
}
