/**
 * The Objects port on an S3 bucket. Writes are conditional (`If-None-Match: *`), so an object is written once; the
 * bucket's object lock keeps it from being replaced or destroyed otherwise. Cost: one request per call.
 */
import { accept, refuse } from '@postern/result';
import {
  checkLimit,
  checkObjectName,
  checkObjectPrefix,
  MAX_PAGE_ITEMS,
  type Objects,
  StoreUnavailable,
} from '@postern/store';
import { MAX_OBJECT_BYTES, type S3Calls } from './aws_clients.ts';
import { nameOf, type RetryRule, withRetries } from './retries.ts';

const REPEATABLE: RetryRule = { effect: 'repeatable' };
/** Made again after a lost answer it would find its own object and say `already-exists`. */
const ONCE: RetryRule = { effect: 'once' };

/**
 * `bucket`, `prefix`: from configuration; `prefix` is a folder in front of every name, without its last `/`. Throws
 * `StoreUnavailable` when S3 throttles, denies, fails or does not answer within 8 s; that is also S3's answer for an
 * object that is not there where the role may not list the bucket. An object of more than 64 MiB is a RangeError.
 */
export function createS3Objects(ports: {
  readonly calls: S3Calls;
  readonly bucket: string;
  readonly prefix?: string;
}): Objects {
  const { calls, bucket, prefix: folder } = ports;
  if (folder !== undefined) checkObjectName(folder);
  const root = folder === undefined ? '' : `${folder}/`;

  return {
    async putIfAbsent(name, bytes) {
      checkObjectName(name);
      if (bytes.length > MAX_OBJECT_BYTES) throw new RangeError(`an object of more than ${MAX_OBJECT_BYTES} bytes`);
      const copy = Uint8Array.from(bytes);
      try {
        await withRetries(ONCE, (signal) => calls.putObjectIfAbsent({ bucket, key: root + name }, copy, signal));
        return accept(undefined);
      } catch (fault) {
        if (nameOf(fault) === 'PreconditionFailed') return refuse('already-exists');
        throw unavailable(fault);
      }
    },
    async get(name) {
      checkObjectName(name);
      try {
        const place = { bucket, key: root + name };
        return Uint8Array.from(await withRetries(REPEATABLE, (signal) => calls.getObject(place, signal)));
      } catch (fault) {
        if (nameOf(fault) === 'NoSuchKey') return undefined;
        throw unavailable(fault);
      }
    },
    async list(prefix, options = {}) {
      checkObjectPrefix(prefix);
      const limit = checkLimit(options.limit ?? MAX_PAGE_ITEMS);
      const after = options.after === undefined ? {} : { after: root + options.after };
      const range = { bucket, prefix: root + prefix, ...after, limit };
      const page = await withRetries(REPEATABLE, (signal) => calls.listObjects(range, signal)).catch(
        (fault: unknown) => {
          throw unavailable(fault);
        },
      );
      const names = page.keys.map((key) => key.slice(root.length));
      return page.isTruncated ? { names, next: names[names.length - 1] } : { names };
    },
  };
}

function unavailable(cause: unknown): Error {
  if (cause instanceof TypeError) return cause;
  return new StoreUnavailable(`the objects cannot be used: ${nameOf(cause)}`, { cause });
}
