/** The calls of AWS by its SDK: for functions that start at leisure, and wherever a person's profile is used. */
import { DynamoDBClient } from '@aws-sdk/client-dynamodb';
import { KMSClient } from '@aws-sdk/client-kms';
import { S3Client } from '@aws-sdk/client-s3';
import type { AwsClients } from '../aws_clients.ts';
import type { ClientSettings } from '../settings.ts';
import { defaultCredentials } from '../signed_fetch/default_credentials.ts';
import { createThinSecretCalls } from '../thin/secret_calls.ts';
import { createSdkDynamoCalls } from './dynamo_calls.ts';
import { createSdkKmsCalls } from './kms_calls.ts';
import { createSdkS3Calls } from './s3_calls.ts';
import { sdkSettings } from './sdk_settings.ts';

/** Secrets are read by the thin client: one call is not worth a fourth SDK client. */
export function createSdkClients(settings: ClientSettings = {}): AwsClients {
  const dynamodb = new DynamoDBClient(sdkSettings('dynamodb', settings));
  const kms = new KMSClient(sdkSettings('kms', settings));
  const s3Settings = sdkSettings('s3', settings);
  const s3 = new S3Client({ ...s3Settings, forcePathStyle: s3Settings.endpoint !== undefined });
  const credentials = settings.credentials ?? defaultCredentials();
  return {
    dynamodb: createSdkDynamoCalls(dynamodb),
    kms: createSdkKmsCalls(kms),
    s3: createSdkS3Calls(s3),
    secrets: {
      async getSecretValue(secretId, signal) {
        const region = await kms.config.region();
        return createThinSecretCalls({ ...settings, credentials, region }).getSecretValue(secretId, signal);
      },
    },
    close() {
      for (const client of [dynamodb, kms, s3]) client.destroy();
    },
  };
}
