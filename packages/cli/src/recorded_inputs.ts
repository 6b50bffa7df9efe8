/** Files of recorded decision inputs: read for a replay, written from policy tests. */
import { resolve } from 'node:path';
import type { RecordedInput } from '@postern/policy-engine/replay';
import type { Cli } from './cli.ts';
import { lineFailure, readLines } from './line_file.ts';

/** A record that nobody can read ends the command: a replay that passes over some of them vouches for nothing. */
export async function readRecordedInputs(
  cli: Cli,
  file: string,
  take: (input: RecordedInput, line: number) => void,
): Promise<void> {
  const { MAX_RECORDED_INPUT_CHARS, parseRecordedInput } = await import('@postern/policy-engine/replay');
  const options = { noun: 'record', maxLineBytes: 4 * MAX_RECORDED_INPUT_CHARS };
  readLines(cli, file, options, (line, number) => {
    const parsed = parseRecordedInput(line);
    if (parsed.ok) return take(parsed.value, number);
    const { reason, detail } = parsed;
    throw lineFailure(resolve(cli.io.folder, file), number, `is no recorded input: ${reason} (${detail ?? ''})`);
  });
}
