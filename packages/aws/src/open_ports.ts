/** The ports of one function, on what its deployment named for it and on either set of clients. */
import type { KeyRing } from '@postern/keys';
import { type Clock, type Objects, StoreUnavailable, type Table } from '@postern/store';
import { askOnce } from './ask_once.ts';
import type { AwsClients, SecretCalls } from './aws_clients.ts';
import { createDynamoTable } from './dynamodb_table.ts';
import { createKmsKeyRing, type KmsKeys } from './kms_key_ring.ts';
import { nameOf, withRetries } from './retries.ts';
import { createS3Objects } from './s3_objects.ts';

/** A shorter one could be guessed from what it signed. */
const MIN_SECRET_BYTES = 32;

export interface AwsPortsConfig extends KmsKeys {
  /** Name or ARN. */
  readonly table: string;
  readonly bucket: string;
  /** ARNs by the name that the function asks for. */
  readonly secrets: { readonly [name: string]: string | undefined };
  readonly clock: Clock;
}

export interface AwsPorts {
  readonly table: Table;
  readonly objects: Objects;
  readonly keys: KeyRing;
  /**
   * At least 32 bytes; a text's UTF-8, as it is stored. Throws `StoreUnavailable` when Secrets Manager throttles, denies,
   * fails or does not answer within 8 s, and a TypeError for a name without ARN or a secret that is too short. Cost: one
   * read per name for the life of the process; one that failed is made again.
   */
  secret(name: string): Promise<Uint8Array>;
}

/** Calls nobody yet. */
export function openAwsPorts(config: AwsPortsConfig, clients: AwsClients): AwsPorts {
  const { table: tableName, bucket, signers, macs, aliasPrefix, secrets, clock } = config;
  const reads = new Map(
    Object.entries(secrets).flatMap(([name, arn]) =>
      arn === undefined ? [] : [[name, askOnce(() => readSecret(clients.secrets, name, arn))]],
    ),
  );
  return {
    table: createDynamoTable({ calls: clients.dynamodb, tableName, clock }),
    objects: createS3Objects({ calls: clients.s3, bucket }),
    keys: createKmsKeyRing({ calls: clients.kms, keys: { signers, macs, aliasPrefix } }),
    async secret(name) {
      const read = reads.get(name);
      if (read === undefined) throw new TypeError(`the secret \`${name}\` is none of this function's`);
      return Uint8Array.from(await read());
    },
  };
}

async function readSecret(calls: SecretCalls, name: string, arn: string): Promise<Uint8Array> {
  const secret = await withRetries({ effect: 'repeatable' }, (signal) => calls.getSecretValue(arn, signal)).catch(
    (cause: unknown) => {
      throw new StoreUnavailable(`the secret \`${name}\` cannot be read: ${nameOf(cause)}`, { cause });
    },
  );
  if (secret.length < MIN_SECRET_BYTES)
    throw new TypeError(`the secret \`${name}\` has ${secret.length} bytes of at least ${MIN_SECRET_BYTES}`);
  return secret;
}
