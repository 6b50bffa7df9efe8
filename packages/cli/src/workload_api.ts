/** Where the Workload API is that `postern svid` asks, and what each of its refusals means to whoever asked. */
import { existsSync } from 'node:fs';
import { resolve } from 'node:path';
import type { WorkloadApiReason } from '@postern/agent';
import type { Command } from 'commander';
import type { Cli } from './cli.ts';
import { AGENT_DIR, WORKLOAD_API_SOCKET } from './commands/agent.ts';
import type { ExitName } from './exit_codes.ts';
import { CommandFailure } from './failure.ts';

export const WORKLOAD_API_TIMEOUT_MS = 10_000;

export function addSocketOption(command: Command): Command {
  return command.option(
    '--socket <address>',
    `Unix socket; else SPIFFE_ENDPOINT_SOCKET, else ${AGENT_DIR}/${WORKLOAD_API_SOCKET}`,
  );
}

/** `unix:///path` or `unix:/path` as in the Workload Endpoint standard 4, or a path. */
export function socketPathOf({ io }: Cli, { socket }: { readonly socket?: string | undefined }): string {
  const address = socket ?? (io.environment['SPIFFE_ENDPOINT_SOCKET'] || `${AGENT_DIR}/${WORKLOAD_API_SOCKET}`);
  const [, scheme, rest = ''] = /^([a-z][a-z0-9+.-]*):(?:\/\/)?(.*)$/.exec(address) ?? [];
  if (scheme !== undefined && (scheme !== 'unix' || !rest.startsWith('/')))
    throw new CommandFailure(
      'usage',
      'socket-address',
      `\`${address}\` is not a Unix socket`,
      'give it as unix:///path/to/socket',
    );
  return resolve(io.folder, scheme === undefined ? address : rest);
}

interface ReasonRow {
  readonly exit: ExitName;
  readonly message: string;
  readonly advice: string;
  /** Worth asking again. */
  readonly isPassing: boolean;
}

export const FAILURES: { readonly [R in WorkloadApiReason]: ReasonRow } = {
  'workload-api-unreachable': {
    exit: 'unavailable',
    message: 'no Workload API answers',
    advice: 'check that the agent runs (postern agent), and --socket',
    isPassing: true,
  },
  'workload-api-timeout': {
    exit: 'unavailable',
    message: 'the Workload API does not answer in time',
    advice: 'look at the log of the agent',
    isPassing: true,
  },
  'workload-api-not-ready': {
    exit: 'unavailable',
    message: 'the agent has nothing to issue yet',
    advice: 'try again, or wait for it: --wait 30s',
    isPassing: true,
  },
  'workload-api-ended': {
    exit: 'unavailable',
    message: 'the agent stopped',
    advice: 'start it again: postern agent',
    isPassing: true,
  },
  'identity-not-issued': {
    exit: 'denied',
    message: 'no entry fits this process',
    advice:
      'compare its selectors (unix:uid:…, unix:path:…) with `postern entry list`; a new entry takes seconds: --wait 30s',
    isPassing: true,
  },
  'request-invalid': {
    exit: 'refused',
    message: 'the Workload API refuses what was asked',
    advice: 'correct it: the reason is in parentheses',
    isPassing: false,
  },
  'workload-api-refused': {
    exit: 'refused',
    message: 'the Workload API refuses',
    advice: 'look at the log of the agent',
    isPassing: false,
  },
  'answer-malformed': {
    exit: 'internal',
    message: 'the answer is not that of a Workload API',
    advice: 'check --socket',
    isPassing: false,
  },
};

export function failureOf(reason: WorkloadApiReason, socketPath: string, detail: string | undefined): CommandFailure {
  const { exit, message, advice } = FAILURES[reason];
  if (reason === 'workload-api-unreachable' && !existsSync(socketPath))
    return new CommandFailure(exit, reason, `there is no socket at \`${socketPath}\``, advice);
  return new CommandFailure(
    exit,
    reason,
    `${message} at \`${socketPath}\`${detail === undefined ? '' : ` (${detail})`}`,
    advice,
  );
}
