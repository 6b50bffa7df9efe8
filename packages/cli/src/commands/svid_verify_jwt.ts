/** `postern svid verify-jwt` */

import { closeSync, openSync, readSync } from 'node:fs';
import { resolve } from 'node:path';
import type { Command } from 'commander';
import type { Answer, Cli } from '../cli.ts';
import { defineCommand } from '../define_command.ts';
import { CommandFailure } from '../failure.ts';
import { formatFields, formatTime } from '../terminal_text.ts';
import { addSocketOption, failureOf, socketPathOf, WORKLOAD_API_TIMEOUT_MS } from '../workload_api.ts';

interface Options {
  readonly socket?: string;
  readonly audience: string;
}

/** Longer than any token that is taken. */
const MAX_FILE_BYTES = 20 * 1024;

export function addSvidVerifyJwt(parent: Command, cli: Cli): void {
  defineCommand<Options>(parent, cli, {
    name: 'verify-jwt <file>',
    description: 'whose JWT-SVID this is, as the agent of this node verifies it; the token is in a file',
    examples: [
      ['postern svid verify-jwt --audience https://ledger.demo.test token.jwt', 'as the service that a client called'],
      [
        'postern svid verify-jwt --audience ledger /dev/stdin',
        'the token from a pipe, so that it is in no list of processes',
      ],
    ],
    configure: (command) =>
      addSocketOption(command).requiredOption('--audience <name>', 'the service that the token must be for'),
    run: (cli, options, [file = '']) => verifyJwt(cli, options, file),
  });
}

async function verifyJwt(cli: Cli, options: Options, file: string): Promise<Answer> {
  const { validateJwtSvid } = await import('@postern/agent');
  const socketPath = socketPathOf(cli, options);
  const token = readToken(cli, file);
  const call = { socketPath, timeoutMs: WORKLOAD_API_TIMEOUT_MS };
  const validated = await validateJwtSvid(call, { audience: options.audience, token });
  if (validated.ok) {
    const { spiffeId, audience, expiresAtMs } = validated.value;
    return {
      json: { valid: true, spiffeId, audience, expiresAtMs },
      text: (paint) =>
        formatFields(paint, [
          ['SPIFFE ID', spiffeId],
          ['audience', audience.join(' ')],
          ['valid until', formatTime(expiresAtMs)],
        ]),
    };
  }
  if (validated.reason !== 'request-invalid') throw failureOf(validated.reason, socketPath, validated.detail);
  throw new CommandFailure(
    'refused',
    validated.detail?.startsWith('jwt-svid-') || validated.detail === 'trust-domain-unknown'
      ? validated.detail
      : 'jwt-svid-refused',
    `the token is not valid for \`${options.audience}\``,
    'ask its sender for a new one that names this audience',
  );
}

function readToken({ io }: Cli, file: string): string {
  try {
    const handle = openSync(resolve(io.folder, file), 'r');
    try {
      const bytes = Buffer.alloc(MAX_FILE_BYTES);
      let length = 0;
      for (let read = -1; read !== 0 && length < MAX_FILE_BYTES; length += read)
        read = readSync(handle, bytes, length, MAX_FILE_BYTES - length, null);
      return bytes.toString('latin1', 0, length).trim();
    } finally {
      closeSync(handle);
    }
  } catch (cause) {
    const code = (cause as NodeJS.ErrnoException).code ?? 'fault';
    throw new CommandFailure(
      'usage',
      'file-unreadable',
      `\`${file}\` cannot be read: ${code}`,
      'name a readable file',
      { cause },
    );
  }
}
