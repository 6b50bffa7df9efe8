/** The table of `TABLE_DEFINITION` on a stand-in, for tests. */
import { type AttributeDefinition, CreateTableCommand, type DynamoDBClient } from '@aws-sdk/client-dynamodb';
import { TABLE_DEFINITION } from '../table_definition.ts';

/**
 * Answers its name. It deletes nothing that expired: a stand-in goes by its own clock and the contract has another, and
 * that expired items still lie there is the harder case.
 */
export async function createTestTable(client: DynamoDBClient): Promise<string> {
  const { partitionKey, sortKey, billingMode } = TABLE_DEFINITION;
  const attributes: AttributeDefinition[] = [partitionKey, sortKey].map(({ name, type }) => ({
    AttributeName: name,
    AttributeType: type,
  }));
  const TableName = 'postern';
  await client.send(
    new CreateTableCommand({
      TableName,
      AttributeDefinitions: attributes,
      KeySchema: [
        { AttributeName: partitionKey.name, KeyType: 'HASH' },
        { AttributeName: sortKey.name, KeyType: 'RANGE' },
      ],
      BillingMode: billingMode,
    }),
  );
  return TableName;
}
