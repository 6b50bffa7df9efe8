/** AWS's own DynamoDB for one machine: a second opinion, by those who wrote the service. */
import { describeTableContract } from '@postern/store/testing';
import { afterAll, beforeAll } from 'vitest';
import { type RunningDynamoDbLocal, startDynamoDbLocal } from '../../../test/kit/dynamodb_local.ts';
import { describeWithTool } from '../../../test/kit/tools.ts';
import { createDynamoTable } from './index.ts';
import { CLIENT_SETS, settingsOf } from './testing/client_sets.ts';
import { createStandIn } from './testing/stand_in.ts';

describeWithTool('on DynamoDB Local', ['dynamodb-local'], () => {
  let dynamodb: RunningDynamoDbLocal;
  beforeAll(async () => {
    dynamodb = await startDynamoDbLocal();
  }, 60_000);
  afterAll(() => dynamodb?.stop());

  for (const [set, createClients] of CLIENT_SETS) {
    describeTableContract(`the DynamoDB table by the ${set} clients`, async ({ clock }) => {
      const settings = settingsOf(dynamodb.clientConfig);
      const [standIn, clients] = [createStandIn(settings), createClients(settings)];
      const tableName = await standIn.createTable(`postern-${set}`);
      return {
        table: createDynamoTable({ calls: clients.dynamodb, tableName, clock }),
        close() {
          standIn.close();
          clients.close();
        },
      };
    });
  }
});
