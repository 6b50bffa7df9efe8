export type { AwsClients, DynamoCalls, KmsCalls, S3Calls, SecretCalls } from './aws_clients.ts';
export { createDynamoTable } from './dynamodb_table.ts';
export { createKmsKeyRing, type KmsKeys } from './kms_key_ring.ts';
export { DEPLOYMENT_TAG, KEY_TAG } from './kms_successor.ts';
export { openNamedSecrets } from './named_secrets.ts';
export { type AwsPorts, type AwsPortsConfig, openAwsPorts } from './open_ports.ts';
export { createS3Objects } from './s3_objects.ts';
export { TABLE_DEFINITION } from './table_definition.ts';
