/** Who is told of decisions as they are answered: metrics, spans, lines of a log. None of them may wait or throw. */
import type { Decision } from '@postern/broker';
import type { Call } from './settle_call.ts';

export interface DecisionObserver {
  /** `endMs`: of `performance.now()`, once the record was kept. */
  decided(decision: Decision, call: Call, endMs: number): void;
  /** The answer is a 503 and no decision. */
  failed(protocol: Call['protocol']): void;
  /** The decision was made and its record could not be kept: it is not given. */
  recordRefused(): void;
}

/** Tells each in turn. */
export function observeByAll(observers: readonly Partial<DecisionObserver>[]): DecisionObserver {
  return {
    decided(decision, call, endMs) {
      for (const observer of observers) observer.decided?.(decision, call, endMs);
    },
    failed(protocol) {
      for (const observer of observers) observer.failed?.(protocol);
    },
    recordRefused() {
      for (const observer of observers) observer.recordRefused?.();
    },
  };
}

export const unobserved: DecisionObserver = observeByAll([]);
