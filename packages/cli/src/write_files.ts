/** Files that a command leaves behind: whole or not at all, and a secret is never readable by others for a moment. */
import { closeSync, fsyncSync, mkdirSync, openSync, renameSync, rmSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { CommandFailure } from './failure.ts';

export interface OutputFile {
  readonly name: string;
  readonly text: string;
  readonly isSecret?: boolean;
}

/** Writes all beside their places, then moves them there: a reader sees a new certificate without its key only for a moment. */
export function writeFiles(folder: string, files: readonly OutputFile[]): void {
  const written: string[] = [];
  try {
    mkdirSync(folder, { recursive: true, mode: 0o755 });
    for (const { name, text, isSecret } of files) {
      const temporary = join(folder, `.${name}.${process.pid}.new`);
      rmSync(temporary, { force: true });
      const file = openSync(temporary, 'wx', isSecret ? 0o600 : 0o644);
      written.push(temporary);
      try {
        writeFileSync(file, text);
        fsyncSync(file);
      } finally {
        closeSync(file);
      }
    }
    for (const [index, { name }] of files.entries()) renameSync(written[index] as string, join(folder, name));
  } catch (cause) {
    for (const temporary of written) rmSync(temporary, { force: true });
    throw outputNotWritten(folder, cause);
  }
}

export function outputNotWritten(folder: string, cause: unknown): CommandFailure {
  const code = (cause as NodeJS.ErrnoException).code ?? 'fault';
  return new CommandFailure(
    'usage',
    'output-not-written',
    `cannot write to \`${folder}\`: ${code}`,
    'choose a folder that you may write to',
    { cause },
  );
}
