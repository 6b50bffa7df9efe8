/** Pages of one partition. */
import type { AttributeValue, QueryCommandInput } from '@aws-sdk/client-dynamodb';
import type { Item, Page, Query } from '@postern/store';
import { createPlaceholders, notExpired } from './expressions.ts';
import { formatKey, parseItem } from './item_attributes.ts';

/** Each answers at most 1 MB: bounds memory and time where items are large, or many have expired. */
const MAX_REQUESTS = 20;

type Start = { readonly kind: 'first' | 'past-the-end' } | { readonly kind: 'after'; readonly sk: string };
type Answer = { Items?: Record<string, AttributeValue>[]; LastEvaluatedKey?: Record<string, AttributeValue> };

/**
 * `limit`: checked. Expired items are left out by DynamoDB and do not make a page short; one that took 20 requests ends
 * early, with its cursor.
 */
export async function readPage(
  query: Query,
  limit: number,
  nowSeconds: number,
  send: (input: Omit<QueryCommandInput, 'TableName'>) => Promise<Answer>,
): Promise<Page> {
  const start = startOf(query);
  if (start.kind === 'past-the-end') return { items: [] };
  const set = createPlaceholders();
  const ofPartition = `${set.own('pk')} = ${set.value(query.pk)}`;
  const ofPrefix = query.prefix ? ` AND begins_with(${set.own('sk')}, ${set.value(query.prefix)})` : '';
  const input = {
    KeyConditionExpression: ofPartition + ofPrefix,
    FilterExpression: notExpired(set, nowSeconds),
    ...set.render(),
    ConsistentRead: true,
    ScanIndexForward: query.reverse !== true,
  };
  const items: Item[] = [];
  let cursor = start.kind === 'after' ? formatKey({ pk: query.pk, sk: start.sk }) : undefined;
  for (let requests = 0; requests < MAX_REQUESTS; requests++) {
    // One more than asked, to know whether there is a next page.
    const answer = await send({ ...input, ExclusiveStartKey: cursor, Limit: limit + 1 - items.length });
    items.push(...(answer.Items ?? []).map(parseItem));
    cursor = answer.LastEvaluatedKey;
    if (items.length > limit) {
      const page = items.slice(0, limit);
      return { items: page, next: page[limit - 1]?.sk };
    }
    if (cursor === undefined) return { items };
  }
  return { items, next: cursor?.['sk']?.S };
}

/**
 * DynamoDB refuses a start outside of the prefix: one before it is no start, one behind it leaves nothing. Compared as
 * bytes, as DynamoDB orders.
 */
function startOf({ after, prefix = '', reverse }: Query): Start {
  if (after === undefined) return { kind: 'first' };
  if (after.startsWith(prefix)) return { kind: 'after', sk: after };
  const isBelow = Buffer.compare(Buffer.from(after), Buffer.from(prefix)) < 0;
  return { kind: isBelow === (reverse === true) ? 'past-the-end' : 'first' };
}
