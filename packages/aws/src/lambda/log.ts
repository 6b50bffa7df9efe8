/** One line of JSON per event, for the platform's log. Never a body, a header, a credential or a stack. */

export interface LogLine {
  readonly level: 'error' | 'warn';
  /** Stable and kebab-case. */
  readonly event: string;
  /** The platform's name of the invocation. */
  readonly requestId?: string;
  readonly [field: string]: string | undefined;
}

export type Log = (line: LogLine) => void;

const MAX_MESSAGE_CHARACTERS = 500;

/** To standard output, which Lambda collects. */
export const logToStdout: Log = (line) => {
  process.stdout.write(`${JSON.stringify(line)}\n`);
};

/** Name and message, and those of its cause, bounded. */
export function describeFault(fault: unknown): { readonly error: string; readonly message: string } {
  if (!(fault instanceof Error)) return { error: 'unknown', message: '' };
  const { cause } = fault;
  const why = cause instanceof Error ? ` (${cause.name}: ${cause.message})` : '';
  return { error: fault.name.slice(0, 64), message: `${fault.message}${why}`.slice(0, MAX_MESSAGE_CHARACTERS) };
}
