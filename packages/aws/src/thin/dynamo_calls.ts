import type { DynamoCalls } from '../aws_clients.ts';
import type { ClientSettings } from '../settings.ts';
import { itemOf, itemsOf } from './attribute_values.ts';
import { createJsonCall, type JsonObject } from './json_protocol.ts';
import { openService } from './service.ts';

/** A page holds 1 MB as DynamoDB counts; base64 and JSON's escapes make more of it. */
const MAX_ANSWER_BYTES = 16 * 1024 * 1024;

export function createThinDynamoCalls(settings: ClientSettings): DynamoCalls {
  const call = createJsonCall({
    service: openService('dynamodb', settings),
    target: 'DynamoDB_20120810',
    version: '1.0',
    maxAnswerBytes: MAX_ANSWER_BYTES,
    detailsOf,
  });
  return {
    async getItem(input, signal) {
      return { Item: itemOf((await call('GetItem', input, signal))['Item']) };
    },
    async query(input, signal) {
      const answer = await call('Query', input, signal);
      return { Items: itemsOf(answer['Items']), LastEvaluatedKey: itemOf(answer['LastEvaluatedKey']) };
    },
    putItem: (input, signal) => call('PutItem', input, signal),
    async updateItem(input, signal) {
      return { Attributes: itemOf((await call('UpdateItem', input, signal))['Attributes']) };
    },
    deleteItem: (input, signal) => call('DeleteItem', input, signal),
    transactWriteItems: (input, signal) => call('TransactWriteItems', input, signal),
  };
}

/** What a failed condition found, of a write and of each write of a transaction. */
function detailsOf({ Item: found, CancellationReasons: reasons }: JsonObject): object {
  return {
    ...(found !== undefined && { Item: itemOf(found) }),
    ...(Array.isArray(reasons) && { CancellationReasons: reasons.map(reasonOf) }),
  };
}

function reasonOf(reason: unknown): object {
  const { Code, Item } = typeof reason === 'object' && reason !== null ? (reason as JsonObject) : {};
  return { ...(typeof Code === 'string' && { Code }), ...(Item !== undefined && { Item: itemOf(Item) }) };
}
