/** One run of the command line: its streams, what it prints, and how it ends. */
import type { ExitName } from './exit_codes.ts';
import type { CliIo } from './io.ts';
import { createPaint, type Paint, printableJson } from './terminal_text.ts';

/** The result of a command, once for programs and once for people. */
export interface Answer {
  readonly json: unknown;
  readonly text: (paint: Paint) => string;
  /** Of a command that stays: one line of JSON, so that a script can read it while the command runs. */
  readonly isLine?: true;
  /** `ok` when absent; such as `refused` for a check whose answer is no. */
  readonly exit?: ExitName;
}

export interface Cli {
  readonly io: CliIo;
  /** One JSON document on stdout instead of text. */
  readonly isJson: boolean;
  readonly paintErr: Paint;
  print(answer: Answer): void;
  /** How the run ends if nothing else happens. */
  exit: ExitName;
  /** Exit code of a program that ran under this command, whatever it means there; in the place of `exit`. */
  programExit?: number;
}

export function createCli(io: CliIo, isJson: boolean): Cli {
  const paintOut = createPaint(io.hasOutColours);
  return {
    io,
    isJson,
    paintErr: createPaint(io.hasErrColours),
    print({ json, text, isLine, exit = 'ok' }) {
      io.out(isJson ? `${printableJson(json, isLine ? undefined : 2)}\n` : text(paintOut));
      this.exit = exit;
    },
    exit: 'ok',
  };
}
