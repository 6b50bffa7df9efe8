/** Scheduled work: one `tick` per function, called by a timer here and by a trigger in Lambda. */
import { describeFault, type FunctionLog } from '../ports.ts';

export interface Ticks {
  /** Runs all once, in order. */
  run(): Promise<void>;
  start(): void;
  stop(): Promise<void>;
}

const PERIOD_MS = 30_000;

export function createTicks(ticks: { readonly [name: string]: () => Promise<void> }, log: FunctionLog): Ticks {
  let timer: NodeJS.Timeout | undefined;
  let running: Promise<void> = Promise.resolve();

  async function run(): Promise<void> {
    for (const [name, tick] of Object.entries(ticks)) {
      // One function's fault is no reason for another not to run.
      await tick().catch((fault) => log('error', 'tick-failed', { tick: name, error: describeFault(fault) }));
    }
  }

  return {
    run,
    start() {
      timer = setInterval(() => {
        running = running.then(run);
      }, PERIOD_MS);
    },
    async stop() {
      clearInterval(timer);
      await running;
    },
  };
}
