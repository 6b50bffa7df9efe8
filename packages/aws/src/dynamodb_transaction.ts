/** Transactions: all or nothing, repeated while others are in the way. */
import { randomUUID } from 'node:crypto';
import type { TransactWriteItem } from '@aws-sdk/client-dynamodb';
import { accept, type Result, refuse } from '@postern/result';
import { type ConditionFailed, StoreUnavailable, type Write } from '@postern/store';
import type { DynamoCalls } from './aws_clients.ts';
import { freshItem, isExpired, mayCreate, reasonCodesOf, storeFault } from './dynamodb_outcomes.ts';
import { conditionFields, updateFields } from './expressions.ts';
import { type Attributes, formatItem, formatKey, parseItem } from './item_attributes.ts';
import { nameOf, withRetries } from './retries.ts';

/** Items that expire and are written anew between two requests, this often in a row. */
const MAX_REVIVALS = 4;
/** Reasons of a cancellation that go away by themselves. */
const PASSING: ReadonlySet<string> = new Set([
  'TransactionConflict',
  'ThrottlingError',
  'ProvisionedThroughputExceeded',
]);

/** `writes`: checked. Idempotent: a lost answer is asked for again under the same token. */
export function createTransact(ports: {
  readonly calls: DynamoCalls;
  readonly tableName: string;
  readonly nowSeconds: () => number;
}): (writes: readonly Write[]) => Promise<Result<void, ConditionFailed>> {
  const { calls, tableName: TableName, nowSeconds } = ports;

  /** `revived`: indexes of updates on an item whose time is over, which are written as new items. */
  async function attempt(writes: readonly Write[], revived: ReadonlySet<number>, now: number): Promise<void> {
    const TransactItems = writes.map((write, index) => renderWrite(TableName, write, revived.has(index), now));
    let token = randomUUID();
    let isAnswerLost = false;
    await withRetries({ effect: 'repeatable', isWithoutEffect: isPassing }, async (signal) => {
      const input = { TransactItems, ClientRequestToken: token };
      return calls.transactWriteItems(input, signal).catch((fault: unknown) => {
        // A cancelled transaction is over and the next attempt is another one, unless an earlier one may yet succeed.
        if (nameOf(fault) !== 'TransactionCanceledException') isAnswerLost = true;
        else if (!isAnswerLost) token = randomUUID();
        throw fault;
      });
    });
  }

  return async (writes) => {
    const revived = new Set<number>();
    for (let revivals = 0; revivals < MAX_REVIVALS; revivals++) {
      const now = nowSeconds();
      try {
        await attempt(writes, revived, now);
        return accept(undefined);
      } catch (fault) {
        const codes = reasonCodesOf(fault);
        if (codes.includes('ValidationError') || !codes.includes('ConditionalCheckFailed')) throw storeFault(fault);
        const failed = failedConditions(fault);
        const areUnmet = failed.some(
          ({ index, found }) => !revived.has(index) && !isRevivable(writes[index] as Write, found, now),
        );
        if (areUnmet) return refuse('condition-failed');
        // A revived one fails where somebody else was faster: then it is an update again.
        for (const { index } of failed) revived.has(index) ? revived.delete(index) : revived.add(index);
      }
    }
    throw new StoreUnavailable('items expire and come back too often');
  };
}

/** At least one write stood in another's way or was throttled, and no condition failed. */
function isPassing(fault: unknown): boolean {
  const codes = reasonCodesOf(fault).filter((code) => code !== 'None');
  return codes.length > 0 && codes.every((code) => PASSING.has(code));
}

function failedConditions(fault: unknown): { index: number; found: Attributes | undefined }[] {
  const { CancellationReasons: reasons } = fault as { CancellationReasons: { Code?: string; Item?: Attributes }[] };
  return reasons.flatMap(({ Code, Item }, index) =>
    Code === 'ConditionalCheckFailed' ? [{ index, found: Item }] : [],
  );
}

function isRevivable(write: Write, found: Attributes | undefined, now: number): boolean {
  if (!('update' in write) || found === undefined || Object.keys(found).length === 0) return false;
  return mayCreate(write.update) && isExpired(parseItem(found), now);
}

function renderWrite(TableName: string, write: Write, isRevived: boolean, now: number): TransactWriteItem {
  if ('put' in write)
    return { Put: { TableName, Item: formatItem(write.put), ...conditionFields(write.condition, now) } };
  if ('delete' in write)
    return { Delete: { TableName, Key: formatKey(write.delete), ...conditionFields(write.condition, now) } };
  if ('check' in write) {
    return { ConditionCheck: { TableName, Key: formatKey(write.check), ...conditionFields(write.condition, now) } };
  }
  if (isRevived)
    return {
      Put: { TableName, Item: formatItem(freshItem(write.update)), ...conditionFields({ kind: 'absent' }, now) },
    };
  return { Update: { TableName, Key: formatKey(write.update), ...updateFields(write.update, now) } };
}
