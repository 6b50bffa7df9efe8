/**
 * What the adapters need of AWS, a dozen calls. Two sets of clients make them: `sdk/` by the AWS SDK, with its credential
 * chain and profiles, and `thin/` by `node:https` and a signature, for functions that must start fast.
 *
 * One call is one attempt, bounded by `signal`: `retries.ts` alone knows what may be repeated. It follows no redirect.
 * A refusal throws an Error whose `name` is the service's code, with the HTTP status as `$metadata.httpStatusCode`, and
 * for DynamoDB the `Item` or `CancellationReasons` that came with it. A lost answer throws an Error without a status.
 */
import type {
  DeleteItemCommandInput,
  GetItemCommandInput,
  GetItemCommandOutput,
  PutItemCommandInput,
  QueryCommandInput,
  QueryCommandOutput,
  TransactWriteItemsCommandInput,
  UpdateItemCommandInput,
  UpdateItemCommandOutput,
} from '@aws-sdk/client-dynamodb';
import type {
  CreateAliasCommandInput,
  CreateKeyCommandInput,
  CreateKeyCommandOutput,
  GenerateMacCommandInput,
  GenerateMacCommandOutput,
  GetKeyPolicyCommandInput,
  GetKeyPolicyCommandOutput,
  GetPublicKeyCommandInput,
  GetPublicKeyCommandOutput,
  SignCommandInput,
  SignCommandOutput,
} from '@aws-sdk/client-kms';

/** Any of the tables and keys that the credentials may use; the adapters name them. */
export interface AwsClients {
  readonly dynamodb: DynamoCalls;
  readonly kms: KmsCalls;
  readonly s3: S3Calls;
  readonly secrets: SecretCalls;
  /** Idle connections; nothing may be under way. */
  close(): void;
}

/** Bytes of an attribute are a `Uint8Array` both ways. */
export interface DynamoCalls {
  getItem(input: GetItemCommandInput, signal: AbortSignal): Promise<Pick<GetItemCommandOutput, 'Item'>>;
  query(input: QueryCommandInput, signal: AbortSignal): Promise<Pick<QueryCommandOutput, 'Items' | 'LastEvaluatedKey'>>;
  putItem(input: PutItemCommandInput, signal: AbortSignal): Promise<unknown>;
  updateItem(input: UpdateItemCommandInput, signal: AbortSignal): Promise<Pick<UpdateItemCommandOutput, 'Attributes'>>;
  deleteItem(input: DeleteItemCommandInput, signal: AbortSignal): Promise<unknown>;
  transactWriteItems(input: TransactWriteItemsCommandInput, signal: AbortSignal): Promise<unknown>;
}

export interface KmsCalls {
  getPublicKey(
    input: GetPublicKeyCommandInput,
    signal: AbortSignal,
  ): Promise<Pick<GetPublicKeyCommandOutput, 'PublicKey' | 'KeyUsage' | 'SigningAlgorithms'>>;
  sign(input: SignCommandInput, signal: AbortSignal): Promise<Pick<SignCommandOutput, 'Signature'>>;
  generateMac(input: GenerateMacCommandInput, signal: AbortSignal): Promise<Pick<GenerateMacCommandOutput, 'Mac'>>;
  createKey(input: CreateKeyCommandInput, signal: AbortSignal): Promise<Pick<CreateKeyCommandOutput, 'KeyMetadata'>>;
  createAlias(input: CreateAliasCommandInput, signal: AbortSignal): Promise<unknown>;
  getKeyPolicy(
    input: GetKeyPolicyCommandInput,
    signal: AbortSignal,
  ): Promise<Pick<GetKeyPolicyCommandOutput, 'Policy'>>;
}

/** A release is the largest object, 44 MB at most. */
export const MAX_OBJECT_BYTES = 64 * 1024 * 1024;

export interface S3Calls {
  /** At most `MAX_OBJECT_BYTES`, as the next. Throws `NoSuchKey` where there is none. */
  getObject(object: ObjectPlace, signal: AbortSignal): Promise<Uint8Array>;
  /** Throws `PreconditionFailed` where there is one. */
  putObjectIfAbsent(object: ObjectPlace, bytes: Uint8Array, signal: AbortSignal): Promise<void>;
  listObjects(
    range: { readonly bucket: string; readonly prefix: string; readonly after?: string; readonly limit: number },
    signal: AbortSignal,
  ): Promise<{ readonly keys: readonly string[]; readonly isTruncated: boolean }>;
}

export interface ObjectPlace {
  readonly bucket: string;
  readonly key: string;
}

export interface SecretCalls {
  /** `secretId`: ARN or name. Bytes as stored; a text's UTF-8. */
  getSecretValue(secretId: string, signal: AbortSignal): Promise<Uint8Array>;
}
