/** An attestor instance as a file: strict YAML of one mapping. What its settings mean the control plane says. */
import { readFileSync, statSync } from 'node:fs';
import { resolve } from 'node:path';
import { isAlias, parseDocument, visit } from 'yaml';
import type { Cli } from './cli.ts';
import { CommandFailure } from './failure.ts';

const MAX_BYTES = 128 * 1024;
/** Also of what the control plane refuses in it. */
export const ATTESTOR_FILE_ADVICE =
  'write one attestor as YAML: name, kind, makes and the settings of its kind, see docs/attestation.md';

/** `file`: relative to where the command runs; `-` for standard input. */
export function readAttestorFile({ io }: Cli, file: string): { readonly [member: string]: unknown } {
  const document = parseDocument(readText(io.folder, file), { version: '1.2', schema: 'core', strict: true });
  const [fault] = [...document.errors, ...document.warnings];
  if (fault !== undefined)
    throw malformed(`\`${file}\` is no YAML: ${fault.message.split('\n')[0]?.replace(/:$/, '')}`);
  visit(document, {
    Node(_key, node) {
      // What a file says stands where it says it.
      if (isAlias(node) || node.anchor !== undefined || node.tag?.startsWith('!') === true)
        throw malformed(`\`${file}\` has anchors, aliases or tags`);
    },
  });
  const value: unknown = document.toJS();
  if (typeof value !== 'object' || value === null || Array.isArray(value))
    throw malformed(`\`${file}\` is not one mapping`);
  return value as { readonly [member: string]: unknown };
}

function readText(folder: string, file: string): string {
  const path = file === '-' ? 0 : resolve(folder, file);
  try {
    if (path !== 0 && statSync(path).size > MAX_BYTES) throw malformed(`\`${file}\` is larger than ${MAX_BYTES} bytes`);
    return readFileSync(path, 'utf8');
  } catch (cause) {
    if (cause instanceof CommandFailure) throw cause;
    const code = (cause as NodeJS.ErrnoException).code ?? 'fault';
    throw new CommandFailure('usage', 'file-unreadable', `\`${file}\` cannot be read: ${code}`, ATTESTOR_FILE_ADVICE, {
      cause,
    });
  }
}

function malformed(message: string): CommandFailure {
  return new CommandFailure('usage', 'attestor-file-malformed', message, ATTESTOR_FILE_ADVICE);
}
