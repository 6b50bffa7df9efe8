import type { createLog } from '../log_lines.ts';

/** What following one identity and its tokens has in common. */
export interface RunPorts {
  readonly socketPath: string;
  /** Of `performance.now()`: until then the first answer is waited for. */
  readonly deadlineMs: number;
  /** Ends everything, without a word. */
  readonly signal: AbortSignal;
  readonly log: ReturnType<typeof createLog>;
  readonly nowMs: () => number;
}
