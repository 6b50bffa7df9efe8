/** Files of many lines, one at a time: of any length, without being in memory at once. */
import { closeSync, fstatSync, openSync, readSync } from 'node:fs';
import { resolve } from 'node:path';
import type { Cli } from './cli.ts';
import { CommandFailure } from './failure.ts';

const CHUNK_BYTES = 1024 * 1024;
const NEWLINE = 0x0a;
const PROGRESS_EVERY_MS = 200;

export interface LineFileOptions {
  /** What a line is, such as `record`; for messages. */
  readonly noun: string;
  readonly maxLineBytes: number;
}

/**
 * Calls `take` with each line that is not blank and its number, from 1. A line that is too long or no UTF-8 ends the
 * command with its number. Shows how far it is where somebody watches.
 */
export function readLines(
  { io }: Cli,
  file: string,
  { noun, maxLineBytes }: LineFileOptions,
  take: (line: string, number: number) => void,
): void {
  const path = resolve(io.folder, file);
  const decoder = new TextDecoder('utf-8', { fatal: true });
  const handle = open(path);
  let number = 0;
  let rest: Buffer = Buffer.alloc(0);
  let shownAtMs = io.nowMs();
  let done = 0;
  try {
    const size = fstatSync(handle).size;
    const chunk = Buffer.alloc(CHUNK_BYTES);
    for (;;) {
      const length = readSync(handle, chunk, 0, CHUNK_BYTES, null);
      const bytes = Buffer.concat([rest, chunk.subarray(0, length)]);
      let start = 0;
      for (let end = bytes.indexOf(NEWLINE); end >= 0; end = bytes.indexOf(NEWLINE, start)) {
        takeLine(bytes.subarray(start, end));
        start = end + 1;
      }
      rest = bytes.subarray(start);
      done += length;
      if (length === 0 && rest.length > 0) takeLine(rest);
      if (length === 0) break;
      if (rest.length > maxLineBytes) throw lineFailure(path, number + 1, `is longer than ${maxLineBytes} bytes`);
      showProgress(done, size);
    }
  } catch (cause) {
    if (cause instanceof CommandFailure || (cause as NodeJS.ErrnoException).code === undefined) throw cause;
    throw unreadable(path, cause);
  } finally {
    closeSync(handle);
    io.progress?.('');
  }

  function takeLine(bytes: Buffer): void {
    number++;
    if (bytes.length > maxLineBytes) throw lineFailure(path, number, `is longer than ${maxLineBytes} bytes`);
    let line: string;
    try {
      line = decoder.decode(bytes);
    } catch {
      throw lineFailure(path, number, 'is not UTF-8');
    }
    if (line.trim() !== '') take(line, number);
  }

  function showProgress(bytes: number, size: number): void {
    const nowMs = io.nowMs();
    if (io.progress === undefined || nowMs - shownAtMs < PROGRESS_EVERY_MS) return;
    shownAtMs = nowMs;
    const share = size > 0 ? `, ${Math.floor((100 * bytes) / size)} %` : '';
    io.progress(`${number} ${noun}s${share}`);
  }
}

export function lineFailure(path: string, number: number, what: string): CommandFailure {
  return new CommandFailure(
    'usage',
    'line-malformed',
    `line ${number} of \`${path}\` ${what}`,
    'each line is one JSON object, see docs/decisions/0011',
    { members: { line: number } },
  );
}

function open(path: string): number {
  try {
    return openSync(path, 'r');
  } catch (cause) {
    throw unreadable(path, cause);
  }
}

function unreadable(path: string, cause: unknown): CommandFailure {
  const code = (cause as NodeJS.ErrnoException).code ?? 'fault';
  return new CommandFailure('usage', 'file-unreadable', `\`${path}\` cannot be read: ${code}`, 'name a readable file', {
    cause,
  });
}
