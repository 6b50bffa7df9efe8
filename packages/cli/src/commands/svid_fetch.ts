/** `postern svid fetch` */
import { existsSync } from 'node:fs';
import { resolve } from 'node:path';
import { setTimeout as pause } from 'node:timers/promises';
import type { WorkloadApiReason, WorkloadSvid, WorkloadSvids } from '@postern/agent';
import type { Command } from 'commander';
import type { Answer, Cli } from '../cli.ts';
import { defineCommand } from '../define_command.ts';
import type { ExitName } from '../exit_codes.ts';
import { CommandFailure } from '../failure.ts';
import { parseDuration } from '../option_values.ts';
import { pemOfSvid, svidJson, svidText } from '../svid_text.ts';
import { writeFiles } from '../write_files.ts';
import { AGENT_DIR, WORKLOAD_API_SOCKET } from './agent.ts';

interface Options {
  readonly socket?: string;
  readonly out?: string;
  readonly spiffeId?: string;
  readonly wait?: number;
  readonly follow?: true;
}

const TIMEOUT_MS = 10_000;
const RETRY_MS = 500;

export function addSvidFetch(parent: Command, cli: Cli): void {
  defineCommand<Options>(parent, cli, {
    name: 'fetch',
    description: 'the X.509-SVIDs of this process, from the Workload API of the node',
    examples: [
      ['postern svid fetch', 'who am I here?'],
      [
        'postern svid fetch --out /run/app --wait 30s',
        'svid.pem, key.pem (0600) and bundle.pem, once the entry is there',
      ],
      ['postern svid fetch --out /run/app --follow', 'and again at every rotation, until Ctrl-C'],
    ],
    configure: (command) =>
      command
        .option(
          '--socket <address>',
          `Unix socket; else SPIFFE_ENDPOINT_SOCKET, else ${AGENT_DIR}/${WORKLOAD_API_SOCKET}`,
        )
        .option('--out <dir>', 'write svid.pem, key.pem (0600) and bundle.pem into this folder')
        .option('--spiffe-id <id>', 'of several identities this one; else the first is written')
        .option('--wait <duration>', 'keep asking so long for an identity that is not issued yet', parseDuration)
        .option('--follow', 'stay, and do it again whenever something changes'),
    run: (cli, options) => (options.follow === true ? follow(cli, options) : fetchOnce(cli, options)),
  });
}

async function fetchOnce(cli: Cli, options: Options): Promise<Answer> {
  const { fetchX509Svids } = await import('@postern/agent');
  const socketPath = socketPathOf(cli, options);
  const untilMs = performance.now() + (options.wait ?? 0) * 1000;
  for (;;) {
    const fetched = await fetchX509Svids({ socketPath, timeoutMs: TIMEOUT_MS });
    if (fetched.ok) return take(cli, options, fetched.value);
    if (!FAILURES[fetched.reason].isPassing || performance.now() > untilMs)
      throw failureOf(fetched.reason, socketPath, fetched.detail);
    await pause(RETRY_MS);
  }
}

async function follow(cli: Cli, options: Options): Promise<undefined> {
  const { followX509Svids } = await import('@postern/agent');
  const socketPath = socketPathOf(cli, options);
  const signal = cli.io.interrupted();
  let untilMs = performance.now() + (options.wait ?? 0) * 1000;
  while (!signal.aborted) {
    for await (const update of followX509Svids({ socketPath, timeoutMs: TIMEOUT_MS, signal })) {
      if (update.ok) {
        cli.print({ ...take(cli, options, update.value), isLine: true });
        // From here on an agent that restarts is waited for.
        untilMs = Number.POSITIVE_INFINITY;
      } else if (!FAILURES[update.reason].isPassing || performance.now() > untilMs) {
        throw failureOf(update.reason, socketPath, update.detail);
      }
    }
    await pause(RETRY_MS, undefined, { signal }).catch(() => {});
  }
  return undefined;
}

function take(cli: Cli, { out, spiffeId }: Options, { svids }: WorkloadSvids): Answer {
  const chosen = spiffeId === undefined ? svids : svids.filter((svid) => svid.spiffeId === spiffeId);
  const [first] = chosen;
  if (first === undefined)
    throw new CommandFailure(
      'refused',
      'identity-not-issued',
      `this process is not \`${spiffeId}\``,
      `it is: ${svids.map((svid) => svid.spiffeId).join(' ')}`,
    );
  const folder = out === undefined ? undefined : resolve(cli.io.folder, out);
  if (folder !== undefined) writeSvid(folder, first);
  return {
    json: {
      svids: chosen.map(svidJson),
      ...(folder !== undefined && { written: { folder, spiffeId: first.spiffeId } }),
    },
    text: (paint) =>
      chosen.map((svid) => svidText(paint, svid)).join('\n') +
      (folder === undefined ? '' : `\nwritten to ${folder}: svid.pem key.pem bundle.pem\n`),
  };
}

function writeSvid(folder: string, svid: WorkloadSvid): void {
  const { chain, privateKey, bundle } = pemOfSvid(svid);
  writeFiles(folder, [
    { name: 'bundle.pem', text: bundle },
    { name: 'key.pem', text: privateKey, isSecret: true },
    { name: 'svid.pem', text: chain },
  ]);
}

/** `unix:///path` or `unix:/path` as in the Workload Endpoint standard 4, or a path. */
function socketPathOf({ io }: Cli, { socket }: Options): string {
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

const FAILURES: { readonly [R in WorkloadApiReason]: ReasonRow } = {
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

function failureOf(reason: WorkloadApiReason, socketPath: string, detail: string | undefined): CommandFailure {
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
