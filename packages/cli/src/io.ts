/** What the command line has of the world: streams, environment, clock and Ctrl-C, so that a program can run it too. */
export interface CliIo {
  readonly out: (text: string) => void;
  readonly err: (text: string) => void;
  /** Shows one line in place of the last one; nothing takes it away. Absent where nobody watches. */
  readonly progress?: (text: string) => void;
  readonly hasOutColours: boolean;
  readonly hasErrColours: boolean;
  readonly environment: { readonly [name: string]: string | undefined };
  /** Relative paths start here. */
  readonly folder: string;
  readonly nowMs: () => number;
  /** Aborted when the user wants the command to end. Asked for only by commands that stay. */
  readonly interrupted: () => AbortSignal;
  /** Whether Ctrl-C reaches every program in the foreground by itself. */
  readonly hasTerminal: boolean;
  /** These signals no longer end this process, until the answer is called. */
  readonly onSignals: (names: readonly NodeJS.Signals[], listener: (name: NodeJS.Signals) => void) => () => void;
}

const INTERRUPTED_CODE = 130;

/** Of this process. The second Ctrl-C does not wait for an orderly end. */
export function createProcessIo(): CliIo {
  const isPlain = (process.env['NO_COLOR'] ?? '') !== '' || process.env['TERM'] === 'dumb';
  return {
    out: (text) => void process.stdout.write(text),
    err: (text) => void process.stderr.write(text),
    ...(process.stderr.isTTY && {
      progress: (text: string) => void process.stderr.write(`\r\x1b[K${text}`),
    }),
    hasOutColours: process.stdout.isTTY === true && !isPlain,
    hasErrColours: process.stderr.isTTY === true && !isPlain,
    environment: process.env,
    folder: process.cwd(),
    nowMs: Date.now,
    interrupted() {
      const controller = new AbortController();
      const interrupt = () => (controller.signal.aborted ? process.exit(INTERRUPTED_CODE) : controller.abort());
      process.on('SIGINT', interrupt).on('SIGTERM', interrupt);
      return controller.signal;
    },
    hasTerminal: process.stdin.isTTY === true,
    onSignals(names, listener) {
      for (const name of names) process.on(name, listener);
      return () => {
        for (const name of names) process.off(name, listener);
      };
    },
  };
}
