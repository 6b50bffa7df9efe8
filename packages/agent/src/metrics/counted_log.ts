/** Counts the lines of a log: what goes wrong again and again is seen even where only its first line is written. */
import type { Log } from '../log.ts';
import type { Sample } from './exposition.ts';

/** Events are words of the code; the bound is for the day on which one is not. */
const MAX_EVENTS = 100;
const OTHER = '_other';

export interface CountedLog {
  readonly log: Log;
  samples(): readonly Sample[];
}

export function createCountedLog(log: Log): CountedLog {
  const counts = { warn: new Map<string, number>(), error: new Map<string, number>() };
  return {
    log(level, event, fields) {
      if (level === 'warn' || level === 'error') {
        const own = counts[level];
        const name = own.has(event) || own.size < MAX_EVENTS ? event : OTHER;
        own.set(name, (own.get(name) ?? 0) + 1);
      }
      log(level, event, fields);
    },
    samples: () =>
      (['warn', 'error'] as const).flatMap((level) =>
        [...counts[level]].map(
          ([event, value]): Sample => ({ metric: 'postern_log_events_total', labels: { level, event }, value }),
        ),
      ),
  };
}
