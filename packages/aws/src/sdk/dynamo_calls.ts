import {
  DeleteItemCommand,
  type DynamoDBClient,
  GetItemCommand,
  PutItemCommand,
  QueryCommand,
  TransactWriteItemsCommand,
  UpdateItemCommand,
} from '@aws-sdk/client-dynamodb';
import type { DynamoCalls } from '../aws_clients.ts';

/** `client`: made with `sdkSettings`. */
export function createSdkDynamoCalls(client: DynamoDBClient): DynamoCalls {
  return {
    getItem: (input, abortSignal) => client.send(new GetItemCommand(input), { abortSignal }),
    query: (input, abortSignal) => client.send(new QueryCommand(input), { abortSignal }),
    putItem: (input, abortSignal) => client.send(new PutItemCommand(input), { abortSignal }),
    updateItem: (input, abortSignal) => client.send(new UpdateItemCommand(input), { abortSignal }),
    deleteItem: (input, abortSignal) => client.send(new DeleteItemCommand(input), { abortSignal }),
    transactWriteItems: (input, abortSignal) => client.send(new TransactWriteItemsCommand(input), { abortSignal }),
  };
}
