/**
 * SDK clients with the only settings the adapters accept. The SDK's own retries are off: it repeats a conditional write
 * whose answer got lost, and then reports our own success as `condition-failed`, or adds to a counter twice.
 * `retries.ts` repeats only what may be repeated.
 */
import { DynamoDBClient, type DynamoDBClientConfig } from '@aws-sdk/client-dynamodb';
import { KMSClient, type KMSClientConfig } from '@aws-sdk/client-kms';
import { S3Client, type S3ClientConfig } from '@aws-sdk/client-s3';

const CONNECT_TIMEOUT_MS = 1_000;

/** Region, credentials and endpoint come from the environment, or from `config` of the functions below. */
export const clientSettings = {
  maxAttempts: 1,
  requestHandler: { connectionTimeout: CONNECT_TIMEOUT_MS },
} as const;

export const createDynamoClient = (config: DynamoDBClientConfig = {}) =>
  new DynamoDBClient({ ...config, ...clientSettings });

export const createKmsClient = (config: KMSClientConfig = {}) => new KMSClient({ ...config, ...clientSettings });

export const createS3Client = (config: S3ClientConfig = {}) => new S3Client({ ...config, ...clientSettings });

/** A client that retries by itself is a bug of the wiring. */
export async function checkClient(client: {
  readonly config: { readonly maxAttempts: number | (() => Promise<number>) };
}): Promise<void> {
  const { maxAttempts } = client.config;
  const attempts = typeof maxAttempts === 'function' ? await maxAttempts() : maxAttempts;
  if (attempts !== 1) throw new TypeError('the client retries by itself; make it with the functions of `clients.ts`');
}
