/** Certificates that somebody else's authority made, from files: PEM, or one in DER. */
import { readFileSync, statSync } from 'node:fs';
import { resolve } from 'node:path';
import { parsePem } from '@postern/der';
import type { Cli } from './cli.ts';
import { CommandFailure } from './failure.ts';
import { printable } from './terminal_text.ts';

const MAX_BYTES = 64 * 1024;
/** Of a SEQUENCE whose length takes two octets: every certificate. */
const DER_START = [0x30, 0x82];
const ADVICE = 'give certificates as PEM, with nothing around them: -----BEGIN CERTIFICATE-----';

/** Base64 DER, in the order of the file. What they are worth the control plane says. */
export function readCertificates({ io }: Cli, file: string): readonly string[] {
  const bytes = readBounded(resolve(io.folder, file), file);
  if (DER_START.every((octet, index) => bytes[index] === octet)) return [bytes.toString('base64')];
  const blocks = parsePem(bytes.toString('utf8'), 'CERTIFICATE', { maxBytes: MAX_BYTES });
  if (blocks.ok) return blocks.value.map((der) => Buffer.from(der).toString('base64'));
  const detail = [blocks.reason, blocks.detail].filter(Boolean).join(' ');
  // What stands there may be a key: none of it is repeated.
  throw new CommandFailure(
    'usage',
    'file-malformed',
    `\`${printable(file)}\` is no certificate: ${printable(detail)}`,
    ADVICE,
  );
}

function readBounded(path: string, file: string): Buffer {
  try {
    const { size } = statSync(path);
    if (size > MAX_BYTES)
      throw new CommandFailure(
        'usage',
        'file-malformed',
        `\`${printable(file)}\` is larger than ${MAX_BYTES} bytes`,
        ADVICE,
      );
    return readFileSync(path);
  } catch (cause) {
    if (cause instanceof CommandFailure) throw cause;
    const code = (cause as NodeJS.ErrnoException).code ?? 'fault';
    throw new CommandFailure('usage', 'file-unreadable', `\`${printable(file)}\` cannot be read: ${code}`, ADVICE, {
      cause,
    });
  }
}
