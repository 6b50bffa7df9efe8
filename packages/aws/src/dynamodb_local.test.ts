/** AWS's own DynamoDB for one machine: a second opinion, by those who wrote the service. */
import { describeTableContract } from '@postern/store/testing';
import { startDynamoDbLocal } from '../../../test/kit/dynamodb_local.ts';
import { describeWithTool } from '../../../test/kit/tools.ts';
import { createDynamoClient, createDynamoTable } from './index.ts';
import { createTestTable } from './testing/create_table.ts';

describeWithTool('on DynamoDB Local', ['dynamodb-local'], () => {
  describeTableContract('the DynamoDB table', async ({ clock }) => {
    const dynamodb = await startDynamoDbLocal();
    const client = createDynamoClient(dynamodb.clientConfig);
    const table = createDynamoTable({ client, tableName: await createTestTable(client), clock });
    return {
      table,
      async close() {
        client.destroy();
        await dynamodb.stop();
      },
    };
  });
});
