/**
 * The keys in KMS: one for each that a row of `ACCESS` names, so that a function that asks for another has no grant, no
 * variable and no key.
 *
 * Their policies give the account no use of them: a policy in IAM alone, `*` included, signs nothing. What the account's
 * administrators keep is the key's administration, its policy among it, so that nobody is locked out; whoever changes the
 * policy to use the key leaves a `PutKeyPolicy` in CloudTrail. `kms:CreateGrant` is not theirs: a grant would be a use
 * that no policy shows.
 */

import { DEPLOYMENT_TAG, KEY_TAG } from '@postern/aws';
import { accessOf, FUNCTION_NAMES } from '@postern/functions/access';
import {
  algorithmRow,
  type MacKeyName,
  SIGNING_ALGORITHMS,
  type SigningKeyName,
  type SuccessorKeyName,
} from '@postern/keys';
import { ArnFormat, Duration, RemovalPolicy, Stack } from 'aws-cdk-lib';
import { AccountRootPrincipal, type IRole, PolicyDocument, PolicyStatement } from 'aws-cdk-lib/aws-iam';
import { Key, KeySpec, KeyUsage } from 'aws-cdk-lib/aws-kms';
import { Construct } from 'constructs';

/** Without a wildcard: what a later version of KMS adds is not given by accident. */
const ADMINISTRATION = [
  'kms:CancelKeyDeletion',
  'kms:CreateAlias',
  'kms:DeleteAlias',
  'kms:DescribeKey',
  'kms:DisableKey',
  'kms:EnableKey',
  'kms:GetKeyPolicy',
  'kms:GetKeyRotationStatus',
  'kms:ListGrants',
  'kms:ListKeyPolicies',
  'kms:ListResourceTags',
  'kms:PutKeyPolicy',
  'kms:RevokeGrant',
  'kms:ScheduleKeyDeletion',
  'kms:TagResource',
  'kms:UntagResource',
  'kms:UpdateAlias',
  'kms:UpdateKeyDescription',
] as const;

/** The longest that KMS offers: time to notice that the root is about to be gone. */
const DELETION_DAYS = 30;

const SIGNING_PURPOSES: { readonly [K in SigningKeyName]: string } = {
  root: 'certifies issuers',
  issuer: 'signs SVIDs of the profile kms',
  jwt: 'signs JWT-SVIDs',
  release: 'signs releases',
  checkpoint: 'signs checkpoints of the trail',
  assertion: 'certifies feed keys and producers of records',
};
const MAC_PURPOSES: { readonly [K in MacKeyName]: string } = {
  entries: 'authenticates registration entries and join tokens',
  postures: 'authenticates postures',
  facts: 'authenticates the feed and its facts',
  acme: 'authenticates accounts, orders and nonces of ACME',
};

export class AuthorityKeys extends Construct {
  readonly #keys = new Map<SigningKeyName | MacKeyName, Key>();

  constructor(scope: Construct, id: string, { trustDomain, isRetained }: { trustDomain: string; isRetained: boolean }) {
    super(scope, id);
    const rows = FUNCTION_NAMES.map(accessOf);
    const create = (name: SigningKeyName | MacKeyName, purpose: string, keySpec: KeySpec, keyUsage: KeyUsage) => {
      const key = new Key(this, name, {
        description: `Postern ${trustDomain}: ${purpose}`,
        keySpec,
        keyUsage,
        pendingWindow: Duration.days(DELETION_DAYS),
        removalPolicy: isRetained ? RemovalPolicy.RETAIN : RemovalPolicy.DESTROY,
        policy: new PolicyDocument({
          statements: [
            new PolicyStatement({
              sid: 'Administer',
              actions: [...ADMINISTRATION],
              principals: [new AccountRootPrincipal()],
              resources: ['*'],
            }),
          ],
        }),
      });
      // For people: functions name keys by ARN, so that moving an alias moves nothing.
      key.addAlias(`${Stack.of(this).stackName}/${name}`);
      this.#keys.set(name, key);
    };
    for (const name of new Set(rows.flatMap((row) => Object.keys(row.signingKeys) as SigningKeyName[]))) {
      const { keySpec } = algorithmRow(SIGNING_ALGORITHMS[name]).kms;
      create(name, SIGNING_PURPOSES[name], keySpec as KeySpec, KeyUsage.SIGN_VERIFY);
    }
    for (const name of new Set(rows.flatMap((row) => row.macKeys)))
      create(name, MAC_PURPOSES[name], KeySpec.HMAC_256, KeyUsage.GENERATE_VERIFY_MAC);
  }

  arnOf(name: SigningKeyName | MacKeyName): string {
    return this.#keyOf(name).keyArn;
  }

  /** With the public half, which every signature is verified against. */
  grantSign(role: IRole, name: SigningKeyName): void {
    this.#grant(role, name, ['kms:GetPublicKey', 'kms:Sign'], 'Sign');
  }

  grantReadPublicKey(role: IRole, name: SigningKeyName): void {
    this.#grant(role, name, ['kms:GetPublicKey'], 'ReadPublicKey');
  }

  /** One MAC over a fixed text, from which the function derives the key that it keeps in memory. */
  grantDeriveMac(role: IRole, name: MacKeyName): void {
    this.#grant(role, name, ['kms:GenerateMac'], 'DeriveMac');
  }

  /** Below it are the keys' aliases, those of later generations too. */
  get aliasPrefix(): string {
    return `alias/${Stack.of(this).stackName}`;
  }

  /**
   * Keys that the function makes while it runs, each with the policy of the first of its name, which it reads. No more
   * than that: with the deployment's own tags, for signing, and under the aliases of their name. It may not change a
   * policy, move an alias or schedule a deletion.
   */
  grantCreateSuccessors(role: IRole, names: readonly SuccessorKeyName[]): void {
    if (names.length === 0) return;
    const { stackName } = Stack.of(this);
    const arn = (resource: string, resourceName: string) =>
      Stack.of(this).formatArn({ service: 'kms', resource, resourceName, arnFormat: ArnFormat.SLASH_RESOURCE_NAME });
    const tagged = {
      [`aws:RequestTag/${DEPLOYMENT_TAG}`]: stackName,
      [`aws:RequestTag/${KEY_TAG}`]: [...names],
    };
    const statements = [
      {
        sid: 'MakeSuccessors',
        actions: ['kms:CreateKey'],
        resources: ['*'],
        conditions: { StringEquals: { ...tagged, 'kms:KeyUsage': 'SIGN_VERIFY' } },
      },
      {
        sid: 'TagSuccessors',
        actions: ['kms:TagResource'],
        resources: [arn('key', '*')],
        conditions: {
          StringEquals: tagged,
          'ForAllValues:StringEquals': { 'aws:TagKeys': [DEPLOYMENT_TAG, KEY_TAG] },
        },
      },
      {
        sid: 'NameSuccessors',
        actions: ['kms:CreateAlias'],
        resources: names.map((name) => arn('alias', `${stackName}/${name}-*`)),
      },
      {
        sid: 'BeNamedSuccessors',
        actions: ['kms:CreateAlias'],
        resources: [arn('key', '*')],
        conditions: { StringEquals: { [`aws:ResourceTag/${DEPLOYMENT_TAG}`]: stackName } },
      },
      {
        sid: 'ReadPoliciesOfFirst',
        actions: ['kms:GetKeyPolicy'],
        resources: names.map((name) => this.arnOf(name)),
      },
    ];
    for (const statement of statements) role.addToPrincipalPolicy(new PolicyStatement(statement));
  }

  /** On both sides: the key's policy is what allows it, the role's is what a reader of the role sees. */
  #grant(role: IRole, name: SigningKeyName | MacKeyName, actions: string[], verb: string): void {
    const key = this.#keyOf(name);
    const sid = `${verb}${capitalised(name)}`;
    key.addToResourcePolicy(new PolicyStatement({ actions, principals: [role], resources: ['*'] }));
    role.addToPrincipalPolicy(new PolicyStatement({ sid, actions, resources: [key.keyArn] }));
  }

  #keyOf(name: SigningKeyName | MacKeyName): Key {
    const key = this.#keys.get(name);
    if (key === undefined) throw new TypeError(`no function's row names the key \`${name}\``);
    return key;
  }
}

const capitalised = (name: string) => name.slice(0, 1).toUpperCase() + name.slice(1);
