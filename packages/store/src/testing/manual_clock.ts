/** A clock that a test moves. */
import type { Clock } from '../clock.ts';

export interface ManualClock extends Clock {
  setMs(nowMs: number): void;
  advanceMs(byMs: number): void;
}

/** Starts at 2026-11-24T12:00:00Z unless told otherwise. */
export function createManualClock(startMs = Date.UTC(2026, 10, 24, 12)): ManualClock {
  let nowMs = startMs;
  return {
    nowMs: () => nowMs,
    setMs: (ms) => {
      nowMs = ms;
    },
    advanceMs: (byMs) => {
      nowMs += byMs;
    },
  };
}
