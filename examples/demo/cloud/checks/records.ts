/** Records: in the table as items, and in a trail that holds together. */
import type { AwsCalls } from '../../../../test/kit/cloud/aws_calls.ts';
import type { Shown } from '../../transcript.ts';
import { mustRun } from '../postern_command.ts';
import type { CloudDemo } from '../start.ts';

type Stored = { S?: string; M?: { pk: { S: string }; sk: { S: string } } };
type Item = { readonly [attribute: string]: Stored };

/** By docs/storage.md: `record-id#ID` leads to the item that holds the record. */
export async function checkRecordsInTable({ plane }: CloudDemo, shown: readonly Shown[]): Promise<string> {
  const table = plane.functions.audit.variables['POSTERN_TABLE'] as string;
  for (const { decisionId, record, scenario } of shown) {
    const place = await getItem(plane.aws, table, `record-id#${decisionId}`, 'place');
    const at = place?.['at']?.M;
    const item = at && (await getItem(plane.aws, table, at.pk.S, at.sk.S));
    const stored = JSON.parse(item?.['body']?.S ?? '{}') as { id?: string };
    if (stored.id !== decisionId || JSON.stringify(stored) !== JSON.stringify(record))
      throw new Error(`\`${scenario.title}\` has no such item`);
  }
  return `${shown.length} items of ${table}`;
}

async function getItem(aws: AwsCalls, TableName: string, pk: string, sk: string): Promise<Item | undefined> {
  const request = { TableName, Key: { pk: { S: pk }, sk: { S: sk } }, ConsistentRead: true };
  return (await aws.json<{ Item?: Item }>('dynamodb', 'DynamoDB_20120810.GetItem', request)).Item;
}

export async function checkTrail({ plane }: CloudDemo): Promise<string> {
  const output = await mustRun(plane.postern, 'audit', 'verify');
  return output.split('\n').find((line) => line.includes('records in')) ?? '';
}
