/** Secrets that configuration names while a function runs: below one prefix of Secrets Manager, read anew after minutes. */
import { type Clock, StoreUnavailable } from '@postern/store';
import type { SecretCalls } from './aws_clients.ts';
import { nameOf, withRetries } from './retries.ts';

/** How long a secret that was rotated is still used. */
const LIFE_MS = 5 * 60_000;
const MAX_NAMES = 256;
const NAME = /^[a-z0-9-]{1,63}$/;

/**
 * `name`: from configuration, untrusted. Throws `StoreUnavailable` when Secrets Manager throttles, denies, fails or does not
 * answer within 8 s, and a TypeError for what is no name. Cost: one read a name and five minutes.
 */
export function openNamedSecrets(
  config: { readonly prefix: string; readonly clock: Clock },
  calls: SecretCalls,
): (name: string) => Promise<string> {
  const { prefix, clock } = config;
  const known = new Map<string, { readonly text: string; readonly atMs: number }>();
  return async (name) => {
    if (!NAME.test(name)) throw new TypeError('the name of a secret is letters, digits and -');
    const before = known.get(name);
    if (before !== undefined && clock.nowMs() - before.atMs < LIFE_MS) return before.text;
    const bytes = await withRetries({ effect: 'repeatable' }, (signal) =>
      calls.getSecretValue(prefix + name, signal),
    ).catch((cause: unknown) => {
      throw new StoreUnavailable(`the secret \`${name}\` cannot be read: ${nameOf(cause)}`, { cause });
    });
    const text = Buffer.from(bytes).toString('utf8').trim();
    if (known.size >= MAX_NAMES) known.clear();
    known.set(name, { text, atMs: clock.nowMs() });
    return text;
  };
}
