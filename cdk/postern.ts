/**
 * A whole deployment: what there is, who may do what with it, and how it is reached. Ids of constructs are the names under
 * which CloudFormation knows keys and stores: another id is another, empty one.
 */
import { accessOf, FUNCTION_NAMES, type FunctionName } from '@postern/functions/access';
import { callersOf } from '@postern/functions/environment';
import type { MacKeyName, SigningKeyName } from '@postern/keys';
import { RemovalPolicy } from 'aws-cdk-lib';
import { Construct } from 'constructs';
import type { BundleFolders } from './bundle/bundle_functions.ts';
import type { Configuration } from './configuration.ts';
import { grantReadAttestorSecrets } from './constructs/attestor_secrets.ts';
import { AuthorityKeys } from './constructs/authority_keys.ts';
import { IamDoor } from './constructs/iam_door.ts';
import { ObjectStore } from './constructs/object_store.ts';
import { PosternFunction } from './constructs/postern_function.ts';
import { PublicApi } from './constructs/public_api.ts';
import { RecordTable } from './constructs/record_table.ts';
import { WebhookSecrets } from './constructs/webhook_secrets.ts';
import { variablesOf } from './variables.ts';

export interface PosternProps {
  readonly configuration: Configuration;
  readonly bundles: BundleFolders;
}

export class Postern extends Construct {
  readonly keys: AuthorityKeys;
  readonly table: RecordTable;
  readonly objects: ObjectStore;
  readonly secrets: WebhookSecrets;
  readonly functions: ReadonlyMap<FunctionName, PosternFunction>;
  readonly api: PublicApi;
  /** Of the functions that IAM guards, and of a public one that another function asks. */
  readonly doors: ReadonlyMap<FunctionName, IamDoor>;
  readonly publicUrl: string;

  constructor(scope: Construct, id: string, { configuration, bundles }: PosternProps) {
    super(scope, id);
    const { trustDomain, isRetained } = configuration;
    const logRemoval = isRetained ? RemovalPolicy.RETAIN : RemovalPolicy.DESTROY;

    this.keys = new AuthorityKeys(this, 'Keys', { trustDomain, isRetained });
    this.table = new RecordTable(this, 'Records', { isRetained });
    this.objects = new ObjectStore(this, 'Objects', configuration);
    this.secrets = new WebhookSecrets(this, 'Secrets', { trustDomain, isRetained });

    this.functions = mapOf(FUNCTION_NAMES, (name) => {
      return new PosternFunction(this, name, { bundleFolder: bundles[name], logRemoval });
    });
    this.api = new PublicApi(this, 'PublicApi', { trustDomain, logRemoval });
    this.publicUrl = configuration.publicUrl ?? this.api.url;
    this.doors = mapOf(FUNCTION_NAMES.filter(hasIamDoor), (name) => new IamDoor(this.functionOf(name)));

    for (const name of FUNCTION_NAMES.filter((it) => accessOf(it).door === 'public'))
      this.api.open(this.functionOf(name));
    this.doorOf('authorize').admit(configuration.enforcementPoints);
    this.doorOf('ingest').admit(configuration.ingestPrincipals);
    for (const name of ['admin', 'publish', 'audit'] as const) this.doorOf(name).admit(configuration.administrators);

    for (const name of FUNCTION_NAMES) {
      this.#grant(name, trustDomain);
      this.functionOf(name).configure(variablesOf(name, this.#deployed(configuration)));
    }
  }

  functionOf(name: FunctionName): PosternFunction {
    return this.functions.get(name) as PosternFunction;
  }

  /** Throws a TypeError for a function that is public and that no other asks. */
  doorOf(name: FunctionName): IamDoor {
    const door = this.doors.get(name);
    if (door === undefined) throw new TypeError(`\`${name}\` has no door that IAM guards`);
    return door;
  }

  /** What the row of `ACCESS` says, and nothing more. */
  #grant(name: FunctionName, trustDomain: string): void {
    const access = accessOf(name);
    const { role } = this.functionOf(name);
    for (const [key, use] of Object.entries(access.signingKeys) as [SigningKeyName, 'sign' | 'public'][]) {
      if (use === 'sign') this.keys.grantSign(role, key);
      else this.keys.grantReadPublicKey(role, key);
    }
    for (const key of access.macKeys) this.keys.grantDeriveMac(role, key);
    this.keys.grantCreateSuccessors(role, access.createsKeys ?? []);
    this.table.grantRead(role, access.reads);
    this.table.grantWrite(role, access.writes);
    this.table.grantDelete(role, access.deletes ?? []);
    this.objects.grantRead(role, access.readsObjects);
    this.objects.grantWrite(role, access.writesObjects);
    for (const secret of access.secrets) this.secrets.grantRead(role, secret);
    if (access.attestorSecrets === true) grantReadAttestorSecrets(role, trustDomain);
    if (access.asksRotate) this.doorOf('rotate').grantCall(this.functionOf(name));
    if (access.asksIssue) this.doorOf('issue').grantCall(this.functionOf(name));
  }

  #deployed(configuration: Configuration): Parameters<typeof variablesOf>[1] {
    return {
      configuration,
      publicUrl: this.publicUrl,
      table: this.table.name,
      bucket: this.objects.name,
      rotateUrl: this.doorOf('rotate').url,
      ingestUrl: this.doorOf('ingest').url,
      issueUrl: this.doorOf('issue').url,
      keyAliases: this.keys.aliasPrefix,
      keyArn: (key: SigningKeyName | MacKeyName) => this.keys.arnOf(key),
      secretArn: (secret) => this.secrets.arnOf(secret),
      principals: mapOf(FUNCTION_NAMES, (name) => this.functionOf(name).role.roleArn),
    };
  }
}

const hasIamDoor = (name: FunctionName) => accessOf(name).door === 'iam' || callersOf(name).length > 0;

function mapOf<Name, Value>(names: readonly Name[], create: (name: Name) => Value): ReadonlyMap<Name, Value> {
  return new Map(names.map((name) => [name, create(name)]));
}
