/** Calls of AWS with bounded time and bounded, jittered retries that never do a thing twice. */
import { setTimeout as pause } from 'node:timers/promises';

/** Enough for twenty writers that meet on one item; the sixth pause is the longest. */
const MAX_ATTEMPTS = 7;
const FIRST_PAUSE_MS = 25;
const MAX_PAUSE_MS = 800;
/** AWS answers within tens of milliseconds; what takes longer is not coming. */
const ATTEMPT_TIMEOUT_MS = 3_000;
/** Below the time-out of every function that calls. */
const OPERATION_TIMEOUT_MS = 8_000;

/** Refusals that say the call had no effect: repeating is always right. */
const WITHOUT_EFFECT: ReadonlySet<string> = new Set([
  'ThrottlingException',
  'ProvisionedThroughputExceededException',
  'RequestLimitExceeded',
  'TransactionConflictException',
  'TransactionInProgressException',
  'ConditionalRequestConflict',
  'SlowDown',
]);

/** `effect`: what happens when a call whose answer got lost is made again. */
export interface RetryRule {
  readonly effect: 'repeatable' | 'once';
  /** Further refusals that had no effect. */
  readonly isWithoutEffect?: (fault: unknown) => boolean;
}

/**
 * Answers what `call` does, or throws its last fault. `call` must pass on the signal. At most 7 attempts of 3 s within
 * 8 s. After a lost answer (time-out, connection, 5xx) only what is `repeatable` is repeated.
 */
export async function withRetries<T>(rule: RetryRule, call: (signal: AbortSignal) => Promise<T>): Promise<T> {
  const deadline = AbortSignal.timeout(OPERATION_TIMEOUT_MS);
  for (let attempt = 1; ; attempt++) {
    try {
      return await call(AbortSignal.any([deadline, AbortSignal.timeout(ATTEMPT_TIMEOUT_MS)]));
    } catch (fault) {
      if (attempt === MAX_ATTEMPTS || deadline.aborted || !mayRepeat(rule, fault)) throw fault;
    }
    await pause(Math.random() * Math.min(MAX_PAUSE_MS, FIRST_PAUSE_MS * 2 ** attempt));
  }
}

function mayRepeat(rule: RetryRule, fault: unknown): boolean {
  if (WITHOUT_EFFECT.has(nameOf(fault)) || rule.isWithoutEffect?.(fault) === true) return true;
  return rule.effect === 'repeatable' && isAnswerLost(fault);
}

function isAnswerLost(fault: unknown): boolean {
  const name = nameOf(fault);
  if (name === 'CredentialsProviderError' || fault instanceof TypeError || fault instanceof RangeError) return false;
  const status = (fault as { $metadata?: { httpStatusCode?: number } }).$metadata?.httpStatusCode;
  return status === undefined || status >= 500;
}

/** The service's name of an error, such as `ConditionalCheckFailedException`. */
export function nameOf(fault: unknown): string {
  return fault instanceof Error ? fault.name : '';
}
