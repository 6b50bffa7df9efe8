/** One line of the log for each decision that was no allow, for whoever looks at a node; the records say all of it. */
import type { Log } from '../log.ts';
import type { DecisionObserver } from './decision_observer.ts';

/** So many lines at once, and as many a second on average: whoever is denied on purpose does not fill a disk. */
const MAX_LINES = 20;

/**
 * Ids, names and reasons: no path, header, user or token. `nowMs`: of a monotonic clock. What was not written is counted
 * in `suppressed` of the next line that is.
 */
export function createDenialLog(
  log: Log,
  nowMs: () => number = () => performance.now(),
): Pick<DecisionObserver, 'decided'> {
  let allowance = MAX_LINES;
  let atMs = nowMs();
  let suppressed = 0;
  return {
    decided(
      { id, outcome, observed, reason, service, action, enforcementPoint, workload, releaseNumber },
      { protocol },
    ) {
      if (outcome === 'allow' && !observed) return;
      const now = nowMs();
      allowance = Math.min(MAX_LINES, allowance + ((now - atMs) / 1000) * MAX_LINES);
      atMs = now;
      if (allowance < 1) {
        suppressed += 1;
        return;
      }
      allowance -= 1;
      log('info', 'decision-refused', {
        id,
        outcome: observed ? 'observed' : outcome,
        reason,
        service,
        action,
        workload: workload?.spiffeId,
        enforcementPoint,
        protocol,
        release: releaseNumber,
        suppressed: suppressed === 0 ? undefined : suppressed,
      });
      suppressed = 0;
    },
  };
}
