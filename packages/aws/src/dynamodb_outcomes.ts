/** What DynamoDB's answers mean to the Table port. */
import { type Item, StoreUnavailable, type Update } from '@postern/store';
import { nameOf } from './retries.ts';

export function isExpired(item: Item, nowSeconds: number): boolean {
  return item.expiresAtSeconds !== undefined && item.expiresAtSeconds <= nowSeconds;
}

/** Whether an update makes an item where there is none. */
export function mayCreate(update: Update): boolean {
  return update.condition === undefined || update.condition.kind === 'absent';
}

/** What an update makes where there is no item: an addition counts from 0. */
export function freshItem({ pk, sk, set, add, expiresAtSeconds }: Update): Item {
  const attributes = { ...set, ...add };
  return expiresAtSeconds === undefined ? { pk, sk, attributes } : { pk, sk, attributes, expiresAtSeconds };
}

/** Invalid is a bug of ours and would be invalid again; everything else is the store's. */
export function storeFault(cause: unknown): Error {
  const name = nameOf(cause);
  const isInvalid = name === 'ValidationException' || reasonCodesOf(cause).includes('ValidationError');
  return isInvalid
    ? new TypeError('DynamoDB finds the request invalid', { cause })
    : new StoreUnavailable(`the table cannot be used: ${name}`, { cause });
}

/** Codes of a cancelled transaction, one per write, `None` where that one was fine. */
export function reasonCodesOf(fault: unknown): string[] {
  if (nameOf(fault) !== 'TransactionCanceledException') return [];
  const { CancellationReasons: reasons } = fault as { CancellationReasons?: { Code?: string }[] };
  return (reasons ?? []).map((reason) => reason.Code ?? 'None');
}
