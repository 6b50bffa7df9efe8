import { TABLE_DEFINITION } from '@postern/aws';
import { FUNCTION_NAMES } from '@postern/functions/access';
import { describe, expect, test } from 'vitest';
import { FUNCTION_SIZES } from './function_sizes.ts';
import { FULL_CONTEXT, listOf, synthesiseForTest, textOf } from './testing/synthesised.ts';

const synthesised = synthesiseForTest(FULL_CONTEXT);
const { ofType, text, functionOf } = synthesised;
const only = (type: string) => {
  const [resource, ...others] = ofType(type);
  if (resource === undefined || others.length > 0) throw new Error(`${others.length + 1} of ${type}`);
  return resource;
};

describe('the table', () => {
  const { Properties, DeletionPolicy, UpdateReplacePolicy } = only('AWS::DynamoDB::GlobalTable');
  const [replica] = Properties['Replicas'];

  test('can be had back as it was a second before a wrong write, and not deleted by mistake', () => {
    expect(replica['PointInTimeRecoverySpecification']).toEqual({ PointInTimeRecoveryEnabled: true });
    expect(replica['DeletionProtectionEnabled']).toBe(true);
    expect([DeletionPolicy, UpdateReplacePolicy]).toEqual(['Retain', 'Retain']);
  });

  test('is the one that the adapters were written for', () => {
    expect(Properties['KeySchema']).toEqual([
      { AttributeName: TABLE_DEFINITION.partitionKey.name, KeyType: 'HASH' },
      { AttributeName: TABLE_DEFINITION.sortKey.name, KeyType: 'RANGE' },
    ]);
    expect(Properties['BillingMode']).toBe(TABLE_DEFINITION.billingMode);
    const timeToLive = { AttributeName: TABLE_DEFINITION.timeToLiveAttribute, Enabled: true };
    expect(Properties['TimeToLiveSpecification']).toEqual(timeToLive);
    expect(Properties['StreamSpecification']).toEqual({ StreamViewType: 'NEW_AND_OLD_IMAGES' });
  });
});

describe('the bucket', () => {
  const { Properties, DeletionPolicy } = only('AWS::S3::Bucket');
  const denials = listOf(only('AWS::S3::BucketPolicy').Properties['PolicyDocument']['Statement']) as {
    Effect: string;
    Action: string;
    Principal: unknown;
    Condition: unknown;
  }[];

  test('keeps each object for as long as records are kept', () => {
    expect(Properties['ObjectLockEnabled']).toBe(true);
    const retention = { DefaultRetention: { Days: 400, Mode: 'GOVERNANCE' } };
    expect(Properties['ObjectLockConfiguration']).toEqual({ ObjectLockEnabled: 'Enabled', Rule: retention });
    expect(Properties['VersioningConfiguration']).toEqual({ Status: 'Enabled' });
    expect(Properties['LifecycleConfiguration']).toBeUndefined();
    expect(DeletionPolicy).toBe('Retain');
  });

  test('takes nothing without TLS, and nothing in the place of what is there, from nobody', () => {
    expect(
      denials.every(({ Effect, Principal }) => Effect === 'Deny' && JSON.stringify(Principal) === '{"AWS":"*"}'),
    ).toBe(true);
    expect(denials.map(({ Action, Condition }) => [Action, Condition])).toEqual([
      ['s3:*', { Bool: { 'aws:SecureTransport': 'false' } }],
      ['s3:*', { NumericLessThan: { 's3:TlsVersion': 1.2 } }],
      ['s3:PutObject', { Null: { 's3:if-none-match': 'true' } }],
      [['s3:DeleteObject', 's3:DeleteObjectVersion'], undefined],
    ]);
  });

  test('is encrypted, and of nobody else', () => {
    const algorithm = { ServerSideEncryptionByDefault: { SSEAlgorithm: 'AES256' } };
    expect(Properties['BucketEncryption']).toEqual({ ServerSideEncryptionConfiguration: [algorithm] });
    expect(Object.values(Properties['PublicAccessBlockConfiguration'])).toEqual([true, true, true, true]);
    expect(Properties['OwnershipControls']).toEqual({ Rules: [{ ObjectOwnership: 'BucketOwnerEnforced' }] });
  });

  test.each([
    ['compliance', { DefaultRetention: { Days: 400, Mode: 'COMPLIANCE' } }],
    ['none', undefined],
  ])('locks as it is told: %s', (objectLock, rule) => {
    const [bucket] = synthesiseForTest({ ...FULL_CONTEXT, objectLock }).ofType('AWS::S3::Bucket');
    expect(bucket?.Properties['ObjectLockEnabled']).toBe(true);
    expect(bucket?.Properties['ObjectLockConfiguration']?.Rule).toEqual(rule);
  });
});

describe('the functions', () => {
  const functions = ofType('AWS::Lambda::Function');

  test('run on Node 24 on arm64, each with its memory and time', () => {
    const rows = functions.map(({ Properties: p }) => [
      p['Runtime'],
      p['Architectures'],
      p['Handler'],
      p['PackageType'],
    ]);
    expect(rows).toEqual(FUNCTION_NAMES.map(() => ['nodejs24.x', ['arm64'], 'index.handler', undefined]));
    for (const { id, Properties } of functions) {
      const { memoryMb, timeoutSeconds } = FUNCTION_SIZES[functionOf({ Ref: id })!];
      expect([Properties['MemorySize'], Properties['Timeout']]).toEqual([memoryMb, timeoutSeconds]);
    }
  });

  test('have time left to answer when a store does not', () => {
    for (const { timeoutSeconds } of Object.values(FUNCTION_SIZES)) expect(timeoutSeconds).toBeGreaterThanOrEqual(15);
  });

  test('write logs that end, each into its own', () => {
    const groups = ofType('AWS::Logs::LogGroup');
    expect(groups.map(({ Properties }) => Properties['RetentionInDays'])).toEqual(groups.map(() => 30));
    const used = functions.map(({ Properties }) => textOf(Properties['LoggingConfig']['LogGroup']));
    expect(new Set(used).size).toBe(FUNCTION_NAMES.length);
  });
});

test('the webhook’s secret is made by AWS, of more than 256 bits, and no template has it', () => {
  const { Properties, DeletionPolicy } = only('AWS::SecretsManager::Secret');
  const { PasswordLength, ExcludePunctuation, ...others } = Properties['GenerateSecretString'];
  expect(PasswordLength * Math.log2(62)).toBeGreaterThan(256);
  expect([ExcludePunctuation, others, Properties['SecretString'], DeletionPolicy]).toEqual([
    true,
    {},
    undefined,
    'Retain',
  ]);
  expect(text).not.toMatch(/resolve:secretsmanager|resolve:ssm-secure/);
});

test('nothing runs code of the CDK in the account: no custom resource, no helper function', () => {
  const types = [...new Set(Object.values(synthesised.template.Resources).map(({ Type }) => Type))];
  expect(types.filter((type) => /^Custom::|CustomResource/.test(type))).toEqual([]);
});

test('trying it out leaves nothing behind, when that is asked for', () => {
  const { template, ofType: ofTypeWhenTrying } = synthesiseForTest({
    ...FULL_CONTEXT,
    retain: 'false',
    objectLock: 'none',
  });
  const kept = Object.values(template.Resources).filter(({ DeletionPolicy }) => DeletionPolicy?.startsWith('Retain'));
  expect(kept).toEqual([]);
  const [table] = ofTypeWhenTrying('AWS::DynamoDB::GlobalTable');
  expect(table?.Properties['Replicas'][0]['DeletionProtectionEnabled']).toBe(false);
});

test('keys, table, bucket and secret have the ids they were deployed with: another id is another, empty one', () => {
  const stateful = ['AWS::KMS::Key', 'AWS::DynamoDB::GlobalTable', 'AWS::S3::Bucket', 'AWS::SecretsManager::Secret'];
  expect(stateful.flatMap((type) => ofType(type).map(({ id }) => id))).toEqual([
    'PosternKeysreleaseA7FF0E1F',
    'PosternKeysassertion78EC9E12',
    'PosternKeysissuer47397994',
    'PosternKeysjwtCE0A5983',
    'PosternKeysroot94131F73',
    'PosternKeysfactsB6148C0A',
    'PosternKeysentriesB4FA7B69',
    'PosternKeysacmeF4488FF6',
    'PosternRecordsTable01163775',
    'PosternObjectsBucket37FF444D',
    'PosternSecretsposturewebhookCBF5F5A6',
  ]);
});
