/**
 * The one table. A function reaches the partitions of its row and no others: each request names its partition key, and
 * IAM compares it (`dynamodb:LeadingKeys`). Only actions that always name one are granted, so `Scan`, PartiQL and batches
 * are nobody's; that is why the condition needs no second one for a request without keys.
 *
 * Encrypted with DynamoDB's own key: who may read the table could use a key of ours as well, and what is written there is
 * authenticated by MACs; a key costs a dollar a month. Its stream has no reader yet and costs nothing until it has one: it
 * is what the feed's push and the search will follow, and what a second Region needs, and it keeps both images of a day's
 * changes for whoever has to find out what was changed.
 */
import { TABLE_DEFINITION } from '@postern/aws';
import { PARTITIONS, type PartitionName } from '@postern/functions/access';
import { RemovalPolicy } from 'aws-cdk-lib';
import { AttributeType, Billing, StreamViewType, TableEncryptionV2, TableV2 } from 'aws-cdk-lib/aws-dynamodb';
import { type IRole, PolicyStatement } from 'aws-cdk-lib/aws-iam';
import { Construct } from 'constructs';

/** What `packages/aws` calls; a check within a transaction is a read of what it checks. */
const READS = ['dynamodb:ConditionCheckItem', 'dynamodb:GetItem', 'dynamodb:Query'];
const WRITES = ['dynamodb:PutItem', 'dynamodb:UpdateItem'];
const DELETES = ['dynamodb:DeleteItem'];

export class RecordTable extends Construct {
  readonly #table: TableV2;

  constructor(scope: Construct, id: string, { isRetained }: { isRetained: boolean }) {
    super(scope, id);
    const { partitionKey, sortKey, timeToLiveAttribute, isPointInTimeRecoveryOn, isDeletionProtected } =
      TABLE_DEFINITION;
    // A global table of one Region: another can be added without a new table.
    this.#table = new TableV2(this, 'Table', {
      partitionKey: { name: partitionKey.name, type: AttributeType.STRING },
      sortKey: { name: sortKey.name, type: AttributeType.STRING },
      timeToLiveAttribute,
      billing: Billing.onDemand(),
      encryption: TableEncryptionV2.dynamoOwnedKey(),
      pointInTimeRecoverySpecification: { pointInTimeRecoveryEnabled: isPointInTimeRecoveryOn },
      deletionProtection: isDeletionProtected && isRetained,
      dynamoStream: StreamViewType.NEW_AND_OLD_IMAGES,
      removalPolicy: isRetained ? RemovalPolicy.RETAIN : RemovalPolicy.DESTROY,
    });
  }

  get name(): string {
    return this.#table.tableName;
  }

  grantRead(role: IRole, partitions: readonly PartitionName[]): void {
    this.#grant(role, 'ReadPartitions', READS, partitions);
  }

  grantWrite(role: IRole, partitions: readonly PartitionName[]): void {
    this.#grant(role, 'WritePartitions', WRITES, partitions);
  }

  grantDelete(role: IRole, partitions: readonly PartitionName[]): void {
    this.#grant(role, 'DeletePartitions', DELETES, partitions);
  }

  #grant(role: IRole, sid: string, actions: string[], partitions: readonly PartitionName[]): void {
    if (partitions.length === 0) return;
    const keys = partitions.flatMap((partition) => PARTITIONS[partition]);
    const conditions = { 'ForAllValues:StringLike': { 'dynamodb:LeadingKeys': keys } };
    role.addToPrincipalPolicy(new PolicyStatement({ sid, actions, resources: [this.#table.tableArn], conditions }));
  }
}
