/** Tables, buckets, keys and secrets on a stand-in for AWS, which the adapters never make. */
import { type AttributeDefinition, CreateTableCommand, DynamoDBClient } from '@aws-sdk/client-dynamodb';
import {
  CreateAliasCommand,
  CreateKeyCommand,
  DescribeKeyCommand,
  DisableKeyCommand,
  GetKeyPolicyCommand,
  type KeySpec,
  KMSClient,
  ListResourceTagsCommand,
  UpdateAliasCommand,
} from '@aws-sdk/client-kms';
import { CreateBucketCommand, S3Client } from '@aws-sdk/client-s3';
import { algorithmRow, type SignatureAlgorithm } from '@postern/keys';
import type { ClientSettings } from '../settings.ts';
import { TABLE_DEFINITION } from '../table_definition.ts';
import { createJsonCall } from '../thin/json_protocol.ts';
import { openService } from '../thin/service.ts';

/** `settings`: complete, of the stand-in. */
export function createStandIn(settings: Required<ClientSettings>) {
  const dynamodb = new DynamoDBClient(settings);
  const s3 = new S3Client({ ...settings, forcePathStyle: true });
  const kms = new KMSClient(settings);

  async function createKey(KeySpec: KeySpec, KeyUsage: 'SIGN_VERIFY' | 'GENERATE_VERIFY_MAC'): Promise<string> {
    const { KeyMetadata } = await kms.send(new CreateKeyCommand({ KeySpec, KeyUsage }));
    return KeyMetadata?.Arn as string;
  }

  return {
    /**
     * The table of `TABLE_DEFINITION`, but it deletes nothing that expired: a stand-in goes by its own clock and the
     * contract has another, and that expired items still lie there is the harder case.
     */
    async createTable(TableName: string): Promise<string> {
      const { partitionKey, sortKey, billingMode: BillingMode } = TABLE_DEFINITION;
      const AttributeDefinitions: AttributeDefinition[] = [partitionKey, sortKey].map(({ name, type }) => ({
        AttributeName: name,
        AttributeType: type,
      }));
      const KeySchema = [
        { AttributeName: partitionKey.name, KeyType: 'HASH' as const },
        { AttributeName: sortKey.name, KeyType: 'RANGE' as const },
      ];
      await dynamodb.send(new CreateTableCommand({ TableName, AttributeDefinitions, KeySchema, BillingMode }));
      return TableName;
    },
    async createBucket(Bucket: string): Promise<string> {
      await s3.send(new CreateBucketCommand({ Bucket }));
      return Bucket;
    },
    /** Answers its ARN, as the next. */
    createSigningKey: (algorithm: SignatureAlgorithm) =>
      createKey(algorithmRow(algorithm).kms.keySpec as KeySpec, 'SIGN_VERIFY'),
    createMacKey: () => createKey('HMAC_256', 'GENERATE_VERIFY_MAC'),
    disableKey: (KeyId: string) => kms.send(new DisableKeyCommand({ KeyId })),
    createAlias: (AliasName: string, TargetKeyId: string) =>
      kms.send(new CreateAliasCommand({ AliasName, TargetKeyId })),
    moveAlias: (AliasName: string, TargetKeyId: string) => kms.send(new UpdateAliasCommand({ AliasName, TargetKeyId })),
    /** `keyId`: may be an alias. */
    async describeKey(keyId: string) {
      const { KeyMetadata } = await kms.send(new DescribeKeyCommand({ KeyId: keyId }));
      const KeyId = KeyMetadata?.KeyId;
      const { Policy = '' } = await kms.send(new GetKeyPolicyCommand({ KeyId, PolicyName: 'default' }));
      const { Tags = [] } = await kms.send(new ListResourceTagsCommand({ KeyId }));
      return { policy: Policy, tags: Object.fromEntries(Tags.map(({ TagKey = '', TagValue }) => [TagKey, TagValue])) };
    },
    /** Answers its ARN. */
    async createSecret(name: string, value: string | Uint8Array): Promise<string> {
      const service = openService('secretsmanager', settings);
      const call = createJsonCall({ service, target: 'secretsmanager', version: '1.1', maxAnswerBytes: 4096 });
      const content = typeof value === 'string' ? { SecretString: value } : { SecretBinary: value };
      const input = { Name: name, ClientRequestToken: crypto.randomUUID(), ...content };
      return (await call('CreateSecret', input, AbortSignal.timeout(5_000)))['ARN'] as string;
    },
    close() {
      for (const client of [dynamodb, s3, kms]) client.destroy();
    },
  };
}

export type StandIn = ReturnType<typeof createStandIn>;
