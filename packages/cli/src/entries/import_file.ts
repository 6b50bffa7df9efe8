/** A JSON file of another system, read within bounds; its members are looked at one by one and believed in nothing. */
import { closeSync, constants, fstatSync, openSync, readFileSync } from 'node:fs';
import { resolve } from 'node:path';
import type { Cli } from '../cli.ts';
import { CommandFailure } from '../failure.ts';

export type Json = { readonly [member: string]: unknown };

/** Some fifty thousand entries. */
const MAX_BYTES = 64 * 1024 * 1024;

/** `advice`: the command that makes such a file. */
export function readJsonFile({ io }: Cli, file: string, advice: string): unknown {
  const path = resolve(io.folder, file);
  let handle: number | undefined;
  let text: string;
  try {
    handle = openSync(path, constants.O_RDONLY | constants.O_NONBLOCK);
    const stat = fstatSync(handle);
    if (!stat.isFile()) throw failure('file-unreadable', `\`${path}\` is not a file`, advice);
    if (stat.size > MAX_BYTES)
      throw failure('file-unreadable', `\`${path}\` is larger than ${MAX_BYTES} bytes`, 'import it in parts');
    text = new TextDecoder('utf-8', { fatal: true }).decode(readFileSync(handle));
  } catch (cause) {
    if (cause instanceof CommandFailure) throw cause;
    const code = (cause as NodeJS.ErrnoException).code ?? 'fault';
    throw failure('file-unreadable', `\`${path}\` cannot be read: ${code}`, advice, cause);
  } finally {
    if (handle !== undefined) closeSync(handle);
  }
  try {
    return JSON.parse(text);
  } catch (cause) {
    throw failure('import-malformed', `\`${path}\` is not JSON`, advice, cause);
  }
}

export function failure(reason: string, message: string, advice: string, cause?: unknown): CommandFailure {
  return new CommandFailure('usage', reason, message, advice, { cause });
}

export const isJsonObject = (value: unknown): value is Json =>
  typeof value === 'object' && value !== null && !Array.isArray(value);

/** `{}` where there is none. */
export function objectAt(value: Json, member: string): Json {
  const found = Object.hasOwn(value, member) ? value[member] : undefined;
  return isJsonObject(found) ? found : {};
}

export function textAt(value: Json, member: string): string {
  const found = Object.hasOwn(value, member) ? value[member] : undefined;
  return typeof found === 'string' ? found : '';
}

export function listAt(value: Json, member: string): readonly unknown[] {
  const found = Object.hasOwn(value, member) ? value[member] : undefined;
  return Array.isArray(found) ? found : [];
}

/** protojson writes 64-bit numbers as texts. */
export function numberAt(value: Json, member: string): number {
  const found = Object.hasOwn(value, member) ? value[member] : undefined;
  const number = typeof found === 'string' && /^\d{1,15}$/.test(found) ? Number(found) : found;
  return typeof number === 'number' && Number.isSafeInteger(number) ? number : 0;
}
