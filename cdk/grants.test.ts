import { ACCESS, accessOf, FUNCTION_NAMES, type FunctionName } from '@postern/functions/access';
import { ALGORITHMS, SIGNING_ALGORITHMS, type SigningKeyName } from '@postern/keys';
import { describe, expect, test } from 'vitest';
import { grantedAccess, statementsOf } from './testing/granted_access.ts';
import { FULL_CONTEXT, listOf, synthesiseForTest, textOf } from './testing/synthesised.ts';

const synthesised = synthesiseForTest(FULL_CONTEXT);
const { ofType, functionOf } = synthesised;
const { grants, notUnderstood } = grantedAccess(synthesised);

/** To make a key under its own tags and aliases, with the policy of the first; not to change or delete one. */
const SUCCESSORS = [
  'give successors names',
  'make successors',
  'name successors',
  'read policies of first keys',
  'tag successors',
];

/** What the row says, in the words of `grantedAccess`. */
function declared(name: FunctionName): string[] {
  const row = accessOf(name);
  const ofKeys = Object.entries(row.signingKeys).flatMap(([key, use]) =>
    use === 'sign' ? [`sign ${key}`, `public ${key}`] : [`public ${key}`],
  );
  const keys = [...ofKeys, ...row.macKeys.map((key) => `mac ${key}`)];
  return [
    'log',
    ...keys.flatMap((key) => [key, `${key} by the key`]),
    ...row.reads.map((partition) => `read ${partition}`),
    ...row.writes.map((partition) => `write ${partition}`),
    ...(row.deletes ?? []).map((partition) => `delete ${partition}`),
    ...row.readsObjects.flatMap((folder) => [`get ${folder}`, `list ${folder}`]),
    ...row.writesObjects.map((folder) => `put ${folder}`),
    ...row.secrets.map((secret) => `secret ${secret}`),
    ...((row.createsKeys ?? []).length > 0 ? SUCCESSORS : []),
    ...(row.attestorSecrets === true ? ['secrets of attestors'] : []),
    // Lambda wants both of who calls a function's URL.
    ...(row.asksRotate ? ['ask rotate', 'invoke rotate through its url'] : []),
    ...(row.asksIssue ? ['ask issue', 'invoke issue through its url'] : []),
  ].sort();
}

describe('what the template grants', () => {
  test.each(FUNCTION_NAMES)('to `%s` is its row of ACCESS, and nothing more', (name) => {
    expect(grants.get(name)).toEqual(declared(name));
  });

  test('has no statement of a form that nobody has thought about', () => {
    expect(notUnderstood).toEqual([]);
  });

  test('is in policies of this stack alone: a managed policy gives what AWS says it does', () => {
    for (const { Properties } of ofType('AWS::IAM::Role')) {
      expect(Object.keys(Properties).sort()).toEqual(['AssumeRolePolicyDocument', 'Description']);
      expect(statementsOf(Properties['AssumeRolePolicyDocument'])).toEqual([
        { Action: 'sts:AssumeRole', Effect: 'Allow', Principal: { Service: 'lambda.amazonaws.com' } },
      ]);
    }
  });

  test('gives each function a role of its own', () => {
    const roles = ofType('AWS::Lambda::Function').map(({ id, Properties }) => [
      functionOf({ Ref: id }),
      functionOf(Properties['Role']),
    ]);
    expect(roles).toEqual(FUNCTION_NAMES.map((name) => [name, name]));
    expect(new Set(ofType('AWS::Lambda::Function').map(({ Properties }) => textOf(Properties['Role']))).size).toBe(11);
  });
});

const NOBODY: readonly string[] = [
  's3:DeleteObject',
  's3:DeleteObjectVersion',
  's3:BypassGovernanceRetention',
  's3:PutObjectRetention',
  's3:PutObjectLegalHold',
  'dynamodb:Scan',
  'dynamodb:DeleteTable',
  'dynamodb:BatchWriteItem',
  'dynamodb:PartiQLDelete',
  'kms:CreateGrant',
  'kms:Decrypt',
  'kms:ReplicateKey',
  'iam:PassRole',
];

test.each(NOBODY)('nobody is granted %s', (action) => {
  const statements = [
    ...ofType('AWS::IAM::Policy').flatMap(({ Properties }) => statementsOf(Properties['PolicyDocument'])),
    ...ofType('AWS::KMS::Key').flatMap(({ Properties }) => statementsOf(Properties['KeyPolicy'])),
  ];
  expect(statements.length).toBeGreaterThan(50);
  const allowed = statements
    .filter(({ Effect }) => Effect === 'Allow')
    .flatMap(({ Action }) => listOf(Action).map(String));
  expect(allowed.filter((any) => any === action || any.includes('*'))).toEqual([]);
});

describe('the keys', () => {
  const keys = ofType('AWS::KMS::Key');
  const usersOf = (use: string) => FUNCTION_NAMES.filter((name) => grants.get(name)?.includes(use));

  test('root and assertion sign for `rotate` alone, release for `publish` alone', () => {
    expect(usersOf('sign root by the key')).toEqual(['rotate']);
    expect(usersOf('sign assertion by the key')).toEqual(['rotate']);
    expect(usersOf('sign release by the key')).toEqual(['publish']);
  });

  test('are made by `rotate` alone, and of the account’s administrators nobody changes their policies by the template', () => {
    expect(FUNCTION_NAMES.filter((name) => grants.get(name)?.includes('make successors'))).toEqual(['rotate']);
    const actions = ofType('AWS::IAM::Policy')
      .flatMap(({ Properties }) => statementsOf(Properties['PolicyDocument']))
      .flatMap(({ Action }) => listOf(Action).map(String));
    for (const action of ['PutKeyPolicy', 'UpdateAlias', 'DeleteAlias', 'ScheduleKeyDeletion', 'DisableKey'])
      expect(actions).not.toContain(`kms:${action}`);
  });

  test('are those that a row names: an idle key costs a dollar a month', () => {
    const rows = Object.values(ACCESS);
    const named = rows.flatMap((row) => [...Object.keys(row.signingKeys), ...row.macKeys]);
    expect(keys).toHaveLength(new Set(named).size);
    const specs = [...new Set(rows.flatMap((row) => Object.keys(row.signingKeys) as SigningKeyName[]))].map(
      (name) => ALGORITHMS[SIGNING_ALGORITHMS[name]].kms.keySpec,
    );
    const macs = new Set(rows.flatMap((row): readonly string[] => row.macKeys));
    const made = keys.map(({ Properties }) => Properties['KeySpec'] as string);
    expect(made.sort()).toEqual([...specs, ...[...macs].map(() => 'HMAC_256')].sort());
  });

  test('leave no use to IAM: a policy of an administrator, `*` included, signs nothing', () => {
    for (const { Properties } of keys) {
      const [administration, ...uses] = statementsOf(Properties['KeyPolicy']);
      expect(textOf(administration?.Principal?.['AWS'])).toBe('arn:<AWS::Partition>:iam::<AWS::AccountId>:root');
      const actions = listOf(administration?.Action).map(String);
      expect(
        actions.filter((action) => /Sign|Mac|Encrypt|Decrypt|Grant$|DataKey|DeriveShared|\*/.test(action)),
      ).toEqual(['kms:RevokeGrant']);
      // Who could not change the policy could not get the key back either.
      expect(actions).toContain('kms:PutKeyPolicy');
      for (const { Principal } of uses)
        for (const principal of listOf(Principal?.['AWS'])) expect(functionOf(principal)).toBeDefined();
    }
  });

  test('outlive the stack, and whoever schedules their deletion is given 30 days to be noticed', () => {
    for (const { Properties, DeletionPolicy, UpdateReplacePolicy } of keys) {
      expect([DeletionPolicy, UpdateReplacePolicy, Properties['PendingWindowInDays']]).toEqual([
        'Retain',
        'Retain',
        30,
      ]);
    }
  });
});
