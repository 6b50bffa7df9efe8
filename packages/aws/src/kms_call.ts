/** Calls of KMS: none changes anything there, so that all are repeated after a lost answer. */
import { SignerUnavailable } from '@postern/keys';
import { nameOf, withRetries } from './retries.ts';

/** Throws `SignerUnavailable` with its cause. */
export async function kmsCall<T>(call: (signal: AbortSignal) => Promise<T>): Promise<T> {
  return withRetries({ effect: 'repeatable' }, call).catch((cause: unknown) => {
    throw new SignerUnavailable(`the KMS key cannot be used: ${nameOf(cause)}`, { cause });
  });
}
