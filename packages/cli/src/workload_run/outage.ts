/** How often the agent is asked while it has no answer, and that its absence is said once and not at every try. */
import type { WorkloadApiReason } from '@postern/agent';
import type { createLog } from '../log_lines.ts';

export interface Outage {
  /** Says so the first time, and again when the reason is another; answers how long to wait, ms. */
  failed(reason: WorkloadApiReason, detail: string | undefined): number;
  /** Says so if it had failed. */
  over(): void;
}

const FIRST_WAIT_MS = 250;
const MAX_WAIT_MS = 10_000;

/** `what`: is fetched, such as `svid`. Waits double up to 10 s, each half of it by chance. */
export function createOutage(what: string, log: ReturnType<typeof createLog>): Outage {
  let said: WorkloadApiReason | undefined;
  let waitMs = FIRST_WAIT_MS;
  return {
    failed(reason, detail) {
      if (said !== reason) log('warn', `${what}-not-fetched`, { reason, detail });
      said = reason;
      const bound = waitMs;
      waitMs = Math.min(waitMs * 2, MAX_WAIT_MS);
      return bound / 2 + (Math.random() * bound) / 2;
    },
    over() {
      if (said !== undefined) log('info', `${what}-fetched-again`);
      said = undefined;
      waitMs = FIRST_WAIT_MS;
    },
  };
}
