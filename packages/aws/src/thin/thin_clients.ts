/**
 * The calls of AWS by `node:https` and a signature, for functions that must start fast: bundled, importing the SDK's clients
 * takes 84 ms of a whole core and this 6, and a small function has a fraction of a core. Credentials come from the
 * environment, which Lambda fills.
 */
import type { AwsClients } from '../aws_clients.ts';
import type { ClientSettings } from '../settings.ts';
import { createThinDynamoCalls } from './dynamo_calls.ts';
import { createThinKmsCalls } from './kms_calls.ts';
import { createThinS3Calls } from './s3_calls.ts';
import { createThinSecretCalls } from './secret_calls.ts';

/** Throws a TypeError where neither the settings nor the environment name a Region. */
export function createThinClients(settings: ClientSettings = {}): AwsClients {
  return {
    dynamodb: createThinDynamoCalls(settings),
    kms: createThinKmsCalls(settings),
    s3: createThinS3Calls(settings),
    secrets: createThinSecretCalls(settings),
    close() {},
  };
}
