/** Log of commands that stay: on stderr, JSON lines with `--json`. */
import type { Cli } from './cli.ts';
import { printable, printableJson } from './terminal_text.ts';

type Level = 'debug' | 'info' | 'warn' | 'error';
type Fields = { readonly [field: string]: string | number | boolean | undefined };

const STYLES = { debug: 'dim', info: 'dim', warn: 'yellow', error: 'red' } as const;

export function createLog({ io, isJson, paintErr }: Cli): (level: Level, event: string, fields?: Fields) => void {
  const isVerbose = io.environment['POSTERN_DEBUG'] === '1';
  return (level, event, fields = {}) => {
    if (level === 'debug' && !isVerbose) return;
    const at = new Date(io.nowMs()).toISOString();
    if (isJson) return io.err(`${printableJson({ at, level, event, ...fields })}\n`);
    const present = Object.entries(fields).filter(([, value]) => value !== undefined);
    const text = present
      .map(([name, value]) => ` ${name}=${/\s/.test(String(value)) ? JSON.stringify(value) : value}`)
      .join('');
    io.err(`${at} ${paintErr(STYLES[level], level)} ${printable(event + text)}\n`);
  };
}
