/** Work that repeats: one run at a time, the next one a period after the last ended, with jitter; a fault is logged. */
import type { Log } from './log.ts';

export interface Periodic {
  /** Runs at once, then periodically. */
  start(): void;
  /** Runs again as soon as it can, and then periodically as before. Nothing before it was started. */
  wake(): void;
  stop(): Promise<void>;
}

export function createPeriodic(name: string, periodMs: number, log: Log, work: () => Promise<void>): Periodic {
  let timer: NodeJS.Timeout | undefined;
  let running: Promise<void> | undefined;
  let isStopped = false;
  let isAwake = false;
  let failures = 0;

  async function run(): Promise<void> {
    try {
      await work();
      failures = 0;
    } catch (fault) {
      failures += 1;
      // The first of a row says it; the others would only repeat it.
      if (failures === 1) log('warn', 'periodic-work-failed', { work: name, error: (fault as Error).message });
    }
    if (isStopped) return;
    schedule(isAwake ? 0 : periodMs);
    isAwake = false;
  }

  function schedule(afterMs: number): void {
    timer = setTimeout(
      () => {
        timer = undefined;
        running = run();
      },
      afterMs * (0.8 + 0.4 * Math.random()),
    );
  }

  return {
    start() {
      running = run();
    },
    wake() {
      if (timer === undefined) {
        isAwake = running !== undefined;
        return;
      }
      clearTimeout(timer);
      schedule(0);
    },
    async stop() {
      isStopped = true;
      clearTimeout(timer);
      await running;
    },
  };
}
