export { clientSettings, createDynamoClient, createKmsClient, createS3Client } from './clients.ts';
export { createDynamoTable } from './dynamodb_table.ts';
export { createKmsKeyRing, type KmsKeyRingOptions } from './kms_key_ring.ts';
export { createKmsMac } from './kms_mac.ts';
export { createKmsSigner } from './kms_signer.ts';
export { createS3Objects } from './s3_objects.ts';
export { TABLE_DEFINITION } from './table_definition.ts';
