/** What the command line's exit code says to a script: the one table of it, shown by `--help` and in docs/cli.md. */
export const EXIT_CODES = {
  ok: { code: 0, meaning: 'done, or the answer is yes' },
  refused: { code: 1, meaning: 'refused, not found, or the answer is no: a check, test or verification failed' },
  usage: { code: 2, meaning: 'the command line, or a file that it names, cannot be used' },
  denied: { code: 3, meaning: 'not authenticated or not permitted' },
  unavailable: { code: 4, meaning: 'the control plane or agent cannot be reached or is not ready: try again' },
  internal: { code: 5, meaning: 'an unexpected fault, here or in the control plane' },
  widened: { code: 6, meaning: 'of two sets of policies the second lets through more than the first' },
  changes: { code: 7, meaning: 'a dry run with --exit-code has changes to make' },
} as const satisfies { readonly [name: string]: { readonly code: number; readonly meaning: string } };

export type ExitName = keyof typeof EXIT_CODES;
