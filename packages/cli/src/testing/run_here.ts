/** Runs a command line without a process of its own: for tables. */
import { runCli } from '../run_cli.ts';
import type { Ended, RunOptions } from './run_postern.ts';

export async function runHere(args: readonly string[], { folder, environment = {} }: RunOptions): Promise<Ended> {
  const text = { out: '', err: '' };
  const code = await runCli(args, {
    out: (part) => {
      text.out += part;
    },
    err: (part) => {
      text.err += part;
    },
    hasOutColours: false,
    hasErrColours: false,
    environment,
    folder,
    nowMs: Date.now,
    interrupted: () => new AbortController().signal,
    hasTerminal: false,
    onSignals: () => () => {},
  });
  return { code, ...text };
}
