/** The changes of an identity source as something to loop over: once at first, then after each change, until aborted. */
import type { IdentitySource } from '../identity_source.ts';

/** Changes that come while the loop's body is busy are one change. */
export async function* changesOf(source: Pick<IdentitySource, 'subscribe'>, signal: AbortSignal): AsyncGenerator<void> {
  let isDue = true;
  let wake: (() => void) | undefined;
  const unsubscribe = source.subscribe(() => {
    isDue = true;
    wake?.();
  });
  const abort = () => wake?.();
  signal.addEventListener('abort', abort);
  try {
    while (!signal.aborted) {
      if (isDue) {
        isDue = false;
        yield;
        continue;
      }
      await new Promise<void>((resolve) => {
        wake = resolve;
      });
      wake = undefined;
    }
  } finally {
    unsubscribe();
    signal.removeEventListener('abort', abort);
  }
}
