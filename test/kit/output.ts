import type { Readable } from 'node:stream';
import { waitUntil } from './wait.ts';

/** What a program wrote, the last `MAX_OUTPUT_CHARACTERS` of it, both streams as they came. */
export type CollectedOutput = {
  text: () => string;
  lines: () => string[];
  add: (text: string) => void;
  /** The first line that matches. */
  match: (pattern: RegExp) => RegExpExecArray | undefined;
  waitForLine: (pattern: RegExp, timeoutMs?: number) => Promise<RegExpExecArray>;
};

const MAX_OUTPUT_CHARACTERS = 1024 * 1024;
const LINE_TIMEOUT_MS = 20_000;

export function collectOutput(streams: readonly Readable[]): CollectedOutput {
  let text = '';
  const add = (more: string) => {
    text = (text + more).slice(-MAX_OUTPUT_CHARACTERS);
  };
  for (const stream of streams) stream.setEncoding('utf8').on('data', add);
  const lines = () => text.split('\n');
  const match = (pattern: RegExp) => {
    for (const line of lines()) {
      const found = new RegExp(pattern.source, pattern.flags.replace(/[gy]/g, '')).exec(line);
      if (found !== null) return found;
    }
    return undefined;
  };
  const waitForLine = async (pattern: RegExp, timeoutMs = LINE_TIMEOUT_MS) => {
    try {
      return await waitUntil(`a line matching ${pattern}`, timeoutMs, async () => match(pattern));
    } catch (cause) {
      throw new Error(`no line matching ${pattern}\n${text}`, { cause });
    }
  };
  return { text: () => text, lines, add, match, waitForLine };
}
