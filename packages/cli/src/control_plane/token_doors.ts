/** A control plane in one process: one origin, and a bearer token from a file that only its owner can read. */
import { resolve } from 'node:path';
import type { Cli } from '../cli.ts';
import { readSecretFile } from '../secret_file.ts';
import { checkOrigin, type Doors } from './doors.ts';

export interface TokenOptions {
  readonly url?: string;
  readonly tokenFile?: string;
}

export const DEFAULT_URL = 'http://127.0.0.1:8440';
export const DEFAULT_TOKEN_FILE = '.postern/admin-token';

/** Reads the token file. */
export function openTokenDoors({ io }: Cli, options: TokenOptions): Doors {
  const url = checkOrigin(options.url ?? (io.environment['POSTERN_URL'] || DEFAULT_URL), {
    sent: 'the token',
    advice: `give it as ${DEFAULT_URL}, without path or user`,
  });
  const path = resolve(
    io.folder,
    options.tokenFile ?? (io.environment['POSTERN_ADMIN_TOKEN_FILE'] || DEFAULT_TOKEN_FILE),
  );
  const advice = 'name the file with --token-file, or start a control plane here: postern start';
  const token = readSecretFile({ path, what: 'administrator token', advice });
  return {
    url,
    originOf: () => url,
    send: (target, call) => fetch(target, { ...call, headers: { ...call.headers, authorization: `Bearer ${token}` } }),
    advice: {
      'not-authenticated': 'use the token of this control plane: --token-file FILE',
      'control-plane-unreachable': 'check --url, and that the control plane runs: postern start',
      'answer-malformed': 'check --url: what listens there is something else',
    },
    failureOf: () => undefined,
  };
}
