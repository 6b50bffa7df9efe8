/**
 * The Objects port on an S3 bucket. Writes are conditional (`If-None-Match: *`), so an object is written once; the
 * bucket's object lock keeps it from being replaced or destroyed otherwise. Cost: one request per call.
 */
import { GetObjectCommand, ListObjectsV2Command, PutObjectCommand, type S3Client } from '@aws-sdk/client-s3';
import { accept, refuse } from '@postern/result';
import {
  checkLimit,
  checkObjectName,
  checkObjectPrefix,
  MAX_PAGE_ITEMS,
  type Objects,
  StoreUnavailable,
} from '@postern/store';
import { checkClient } from './clients.ts';
import { nameOf, type RetryRule, withRetries } from './retries.ts';

const REPEATABLE: RetryRule = { effect: 'repeatable' };
/** Made again after a lost answer it would find its own object and say `already-exists`. */
const ONCE: RetryRule = { effect: 'once' };

/**
 * `client`: of `createS3Client`. `bucket`, `prefix`: from configuration; `prefix` is a folder in front of every name,
 * without its last `/`. Throws `StoreUnavailable` when S3 throttles, denies, fails or does not answer within 8 s; that is
 * also S3's answer for an object that is not there where the role may not list the bucket.
 */
export function createS3Objects(ports: {
  readonly client: S3Client;
  readonly bucket: string;
  readonly prefix?: string;
}): Objects {
  const { client, bucket: Bucket, prefix: folder } = ports;
  if (folder !== undefined) checkObjectName(folder);
  const root = folder === undefined ? '' : `${folder}/`;

  async function send<T>(rule: RetryRule, call: (signal: AbortSignal) => Promise<T>): Promise<T> {
    await checkClient(client);
    return withRetries(rule, call);
  }

  return {
    async putIfAbsent(name, bytes) {
      checkObjectName(name);
      const input = { Bucket, Key: root + name, Body: Uint8Array.from(bytes), IfNoneMatch: '*' };
      try {
        await send(ONCE, (abortSignal) => client.send(new PutObjectCommand(input), { abortSignal }));
        return accept(undefined);
      } catch (fault) {
        if (nameOf(fault) === 'PreconditionFailed') return refuse('already-exists');
        throw unavailable(fault);
      }
    },
    async get(name) {
      checkObjectName(name);
      const input = { Bucket, Key: root + name };
      try {
        // The body is read within the attempt: a connection may break in its middle.
        return await send(REPEATABLE, async (abortSignal) => {
          const { Body } = await client.send(new GetObjectCommand(input), { abortSignal });
          return Body === undefined ? new Uint8Array(0) : Uint8Array.from(await Body.transformToByteArray());
        });
      } catch (fault) {
        if (nameOf(fault) === 'NoSuchKey') return undefined;
        throw unavailable(fault);
      }
    },
    async list(prefix, options = {}) {
      checkObjectPrefix(prefix);
      const MaxKeys = checkLimit(options.limit ?? MAX_PAGE_ITEMS);
      const StartAfter = options.after === undefined ? undefined : root + options.after;
      const input = { Bucket, Prefix: root + prefix, StartAfter, MaxKeys };
      const answer = await send(REPEATABLE, (abortSignal) =>
        client.send(new ListObjectsV2Command(input), { abortSignal }),
      ).catch((fault: unknown) => {
        throw unavailable(fault);
      });
      const names = (answer.Contents ?? []).flatMap(({ Key }) => (Key === undefined ? [] : [Key.slice(root.length)]));
      return answer.IsTruncated === true ? { names, next: names[names.length - 1] } : { names };
    },
  };
}

function unavailable(cause: unknown): Error {
  if (cause instanceof TypeError) return cause;
  return new StoreUnavailable(`the objects cannot be used: ${nameOf(cause)}`, { cause });
}
