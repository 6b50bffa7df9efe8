/** Closes what was opened, the last first; one that fails keeps none of the others open. */
export interface Shutdown {
  add(close: () => Promise<void> | void): void;
  /** Idempotent. Throws the first fault, when all are closed. */
  run(): Promise<void>;
}

export function createShutdown(): Shutdown {
  const closes: (() => Promise<void> | void)[] = [];
  return {
    add: (close) => void closes.push(close),
    async run() {
      const faults: unknown[] = [];
      for (let close = closes.pop(); close !== undefined; close = closes.pop()) {
        try {
          await close();
        } catch (fault) {
          faults.push(fault);
        }
      }
      if (faults.length > 0) throw faults[0];
    },
  };
}
