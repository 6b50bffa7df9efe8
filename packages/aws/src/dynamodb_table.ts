/**
 * The Table port on one DynamoDB table (`TABLE_DEFINITION`). Reads are strongly consistent; a condition and its write are
 * one request. Cost: one read or write of DynamoDB per call, and one read more for a large update (see `checkGrowth`).
 */
import { accept, type Refusal, refuse } from '@postern/result';
import {
  type Clock,
  type Condition,
  type ConditionFailed,
  checkItem,
  checkKey,
  checkQuery,
  checkTransaction,
  checkUpdate,
  type Item,
  type Key,
  type Query,
  StoreUnavailable,
  type Table,
  type Update,
} from '@postern/store';
import type { DynamoCalls } from './aws_clients.ts';
import { freshItem, isExpired, mayCreate, storeFault } from './dynamodb_outcomes.ts';
import { readPage } from './dynamodb_query.ts';
import { createTransact } from './dynamodb_transaction.ts';
import { checkCondition, conditionFields, updateFields } from './expressions.ts';
import { formatItem, formatKey, parseItem } from './item_attributes.ts';
import { nameOf, type RetryRule, withRetries } from './retries.ts';

/** Updates of fewer bytes are not measured against the item they change. */
const LARGE_UPDATE_BYTES = 16 * 1024;
/** An item that expires and is written anew between two requests, this often in a row. */
const MAX_REVIVALS = 4;

const REPEATABLE: RetryRule = { effect: 'repeatable' };
const ONCE: RetryRule = { effect: 'once' };

/**
 * `tableName`: name or ARN, from configuration. `clock`: decides what has expired. Throws `StoreUnavailable` when DynamoDB
 * throttles, denies, fails or does not answer within 8 s; a conditional write or an addition whose answer got lost is not
 * repeated, and may have happened. A request that DynamoDB finds invalid, as an addition to a text, is a bug and throws a
 * TypeError.
 */
export function createDynamoTable(ports: {
  readonly calls: DynamoCalls;
  readonly tableName: string;
  readonly clock: Clock;
}): Table {
  const { calls, tableName: TableName, clock } = ports;
  const nowSeconds = () => Math.floor(clock.nowMs() / 1000);

  async function get(key: Key): Promise<Item | undefined> {
    const input = { TableName, Key: formatKey(key), ConsistentRead: true };
    const { Item } = await guarded(REPEATABLE, (signal) => calls.getItem(input, signal));
    if (Item === undefined) return undefined;
    const item = parseItem(Item);
    return isExpired(item, nowSeconds()) ? undefined : item;
  }

  async function put(item: Item, condition?: Condition) {
    const input = { TableName, Item: formatItem(item), ...conditionFields(condition, nowSeconds()) };
    return orConditionFailed(condition === undefined ? REPEATABLE : ONCE, (signal) => calls.putItem(input, signal));
  }

  /** `expired`: what lies there is over, and the update must not build on it. */
  async function updateLiving(update: Update): Promise<Item | ConditionFailed | 'expired'> {
    const now = nowSeconds();
    const fields = updateFields(update, now);
    const input = { TableName, Key: formatKey(update), ReturnValues: 'ALL_NEW' as const, ...fields };
    const isRepeatable = update.condition === undefined && Object.keys(update.add ?? {}).length === 0;
    try {
      const rule = isRepeatable ? REPEATABLE : ONCE;
      const { Attributes } = await withRetries(rule, (signal) => calls.updateItem(input, signal));
      return parseItem(Attributes ?? {});
    } catch (fault) {
      if (nameOf(fault) !== 'ConditionalCheckFailedException') throw storeFault(fault);
      const { Item: found } = fault as { Item?: Parameters<typeof parseItem>[0] };
      return found !== undefined && isExpired(parseItem(found), now) ? 'expired' : 'condition-failed';
    }
  }

  /**
   * DynamoDB takes items of 400 KiB, we take 350: a large update is measured with the item it changes. A small one is
   * not, since the room between the two holds several.
   */
  async function checkGrowth(update: Update): Promise<void> {
    if (checkUpdate(update) < LARGE_UPDATE_BYTES) return;
    const current = await get({ pk: update.pk, sk: update.sk });
    if (current === undefined) return;
    const removed = new Set(update.remove);
    const kept = Object.entries(current.attributes).filter(([name]) => !removed.has(name));
    checkItem({ ...current, attributes: { ...Object.fromEntries(kept), ...update.set, ...update.add } });
  }

  const transact = createTransact({ calls, tableName: TableName, nowSeconds });

  return {
    async get(key) {
      checkKey(key);
      return get(key);
    },
    async query(query: Query) {
      const limit = checkQuery(query);
      return readPage(query, limit, nowSeconds(), (input) =>
        guarded(REPEATABLE, (signal) => calls.query({ TableName, ...input }, signal)),
      );
    },
    async put(item, condition) {
      checkItem(item);
      checkCondition(condition);
      return put(item, condition);
    },
    async update(update) {
      checkCondition(update.condition);
      checkUpdate(update);
      await checkGrowth(update);
      for (let revivals = 0; revivals < MAX_REVIVALS; revivals++) {
        const outcome = await updateLiving(update);
        if (typeof outcome === 'object') return accept(outcome);
        if (outcome === 'condition-failed' || !mayCreate(update)) return refuse('condition-failed');
        const fresh = freshItem(update);
        if ((await put(fresh, { kind: 'absent' })).ok) return accept(parseItem(formatItem(fresh)));
      }
      throw new StoreUnavailable('the item expires and comes back too often');
    },
    async delete(key, condition) {
      checkKey(key);
      checkCondition(condition);
      const input = { TableName, Key: formatKey(key), ...conditionFields(condition, nowSeconds()) };
      return orConditionFailed(condition === undefined ? REPEATABLE : ONCE, (signal) =>
        calls.deleteItem(input, signal),
      );
    },
    async transact(writes) {
      checkTransaction(writes);
      for (const write of writes) checkCondition('update' in write ? write.update.condition : write.condition);
      for (const write of writes) if ('update' in write) await checkGrowth(write.update);
      return transact(writes);
    },
  };
}

async function guarded<T>(rule: RetryRule, call: (signal: AbortSignal) => Promise<T>): Promise<T> {
  return withRetries(rule, call).catch((fault: unknown) => {
    throw storeFault(fault);
  });
}

async function orConditionFailed(rule: RetryRule, call: (signal: AbortSignal) => Promise<unknown>) {
  try {
    await withRetries(rule, call);
    return accept(undefined);
  } catch (fault) {
    if (nameOf(fault) === 'ConditionalCheckFailedException')
      return refuse('condition-failed') as Refusal<ConditionFailed>;
    throw storeFault(fault);
  }
}
