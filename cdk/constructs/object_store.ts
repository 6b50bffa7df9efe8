/**
 * The one bucket: releases, segments of the trail, the root certificate. Nothing in it is replaced: the bucket takes no
 * object without `If-None-Match` and no deletion, whoever asks, and object lock keeps each for as long as records are kept. In
 * `compliance` mode nobody can shorten that, so it has to be asked for. Encrypted with S3's own keys, for the table's
 * reason. No lifecycle rule: a trail without its beginning cannot be verified.
 */
import { OBJECT_FOLDERS, type ObjectFolder } from '@postern/functions/access';
import { Duration, RemovalPolicy } from 'aws-cdk-lib';
import { AnyPrincipal, Effect, type IRole, PolicyStatement } from 'aws-cdk-lib/aws-iam';
import { BlockPublicAccess, Bucket, BucketEncryption, ObjectLockRetention, ObjectOwnership } from 'aws-cdk-lib/aws-s3';
import { Construct } from 'constructs';
import type { ObjectLock } from '../configuration.ts';

/** As long as records are kept. */
const RETENTION = Duration.days(400);

const RETENTIONS: { readonly [L in ObjectLock]: ObjectLockRetention | undefined } = {
  governance: ObjectLockRetention.governance(RETENTION),
  compliance: ObjectLockRetention.compliance(RETENTION),
  none: undefined,
};

export class ObjectStore extends Construct {
  readonly #bucket: Bucket;

  constructor(
    scope: Construct,
    id: string,
    { objectLock, isRetained }: { objectLock: ObjectLock; isRetained: boolean },
  ) {
    super(scope, id);
    this.#bucket = new Bucket(this, 'Bucket', {
      versioned: true,
      objectLockEnabled: true,
      ...(RETENTIONS[objectLock] !== undefined && { objectLockDefaultRetention: RETENTIONS[objectLock] }),
      encryption: BucketEncryption.S3_MANAGED,
      enforceSSL: true,
      minimumTLSVersion: 1.2,
      blockPublicAccess: BlockPublicAccess.BLOCK_ALL,
      objectOwnership: ObjectOwnership.BUCKET_OWNER_ENFORCED,
      removalPolicy: isRetained ? RemovalPolicy.RETAIN : RemovalPolicy.DESTROY,
    });
    this.#bucket.addToResourcePolicy(
      new PolicyStatement({
        sid: 'NothingIsReplaced',
        effect: Effect.DENY,
        principals: [new AnyPrincipal()],
        actions: ['s3:PutObject'],
        resources: [this.#bucket.arnForObjects('*')],
        conditions: { Null: { 's3:if-none-match': 'true' } },
      }),
    );
    // Object lock keeps a version, and lets anybody put a mark before it that hides it.
    if (objectLock !== 'none')
      this.#bucket.addToResourcePolicy(
        new PolicyStatement({
          sid: 'NothingIsHidden',
          effect: Effect.DENY,
          principals: [new AnyPrincipal()],
          actions: ['s3:DeleteObject', 's3:DeleteObjectVersion'],
          resources: [this.#bucket.arnForObjects('*')],
        }),
      );
  }

  get name(): string {
    return this.#bucket.bucketName;
  }

  /**
   * Who may not list is told `AccessDenied` of an object that is not there, and could not tell a store that is away from
   * an empty one. `IfExists`: whether S3 then takes the object's name for the prefix is written nowhere; without it, a
   * list of the names of all objects is allowed too, and they are numbers.
   */
  grantRead(role: IRole, folders: readonly ObjectFolder[]): void {
    if (folders.length === 0) return;
    const prefixes = folders.map((folder) => `${OBJECT_FOLDERS[folder]}*`);
    const resources = prefixes.map((prefix) => this.#bucket.arnForObjects(prefix));
    role.addToPrincipalPolicy(new PolicyStatement({ sid: 'ReadObjects', actions: ['s3:GetObject'], resources }));
    role.addToPrincipalPolicy(
      new PolicyStatement({
        sid: 'TellAbsentObjects',
        actions: ['s3:ListBucket'],
        resources: [this.#bucket.bucketArn],
        conditions: { StringLikeIfExists: { 's3:prefix': prefixes } },
      }),
    );
  }

  grantWrite(role: IRole, folders: readonly ObjectFolder[]): void {
    if (folders.length === 0) return;
    const resources = folders.map((folder) => this.#bucket.arnForObjects(`${OBJECT_FOLDERS[folder]}*`));
    role.addToPrincipalPolicy(new PolicyStatement({ sid: 'WriteObjects', actions: ['s3:PutObject'], resources }));
  }
}
