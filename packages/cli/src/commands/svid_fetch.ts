/** `postern svid fetch` */
import { resolve } from 'node:path';
import { setTimeout as pause } from 'node:timers/promises';
import type { WorkloadSvid, WorkloadSvids } from '@postern/agent';
import type { Command } from 'commander';
import type { Answer, Cli } from '../cli.ts';
import { defineCommand } from '../define_command.ts';
import { CommandFailure } from '../failure.ts';
import { collect, parseDuration } from '../option_values.ts';
import { pemOfSvid, svidJson, svidText } from '../svid_text.ts';
import { addSocketOption, FAILURES, failureOf, socketPathOf, WORKLOAD_API_TIMEOUT_MS } from '../workload_api.ts';
import { writeFiles } from '../write_files.ts';
import { fetchJwt } from './svid_fetch_jwt.ts';

export interface FetchOptions {
  readonly socket?: string;
  readonly out?: string;
  readonly spiffeId?: string;
  readonly wait?: number;
  readonly follow?: true;
  readonly jwt?: true;
  readonly audience?: readonly string[];
}

const RETRY_MS = 500;

export function addSvidFetch(parent: Command, cli: Cli): void {
  defineCommand<FetchOptions>(parent, cli, {
    name: 'fetch',
    description: 'the SVIDs of this process, from the Workload API of the node: X.509, or JWT for an audience',
    examples: [
      ['postern svid fetch', 'who am I here?'],
      [
        'postern svid fetch --out /run/app --wait 30s',
        'svid.pem, key.pem (0600) and bundle.pem, once the entry is there',
      ],
      ['postern svid fetch --out /run/app --follow', 'and again at every rotation, until Ctrl-C'],
      ['postern svid fetch --jwt --audience sts.amazonaws.com --json', 'a token for one service, good for minutes'],
    ],
    configure: (command) =>
      addSocketOption(command)
        .option(
          '--out <dir>',
          'write svid.pem, key.pem (0600) and bundle.pem into this folder; svid.jwt (0600) of a token',
        )
        .option('--spiffe-id <id>', 'of several identities this one; else the first is written')
        .option('--wait <duration>', 'keep asking so long for an identity that is not issued yet', parseDuration)
        .option('--follow', 'stay, and do it again whenever something changes')
        .option('--jwt', 'JWT-SVIDs, bearer tokens of minutes, instead of certificates')
        .option(
          '--audience <name>',
          'with --jwt: the service that the token is for; may be given more than once',
          collect,
        ),
    run: (cli, options) => {
      if (options.jwt === true || options.audience !== undefined) return fetchJwt(cli, options);
      return options.follow === true ? follow(cli, options) : fetchOnce(cli, options);
    },
  });
}

async function fetchOnce(cli: Cli, options: FetchOptions): Promise<Answer> {
  const { fetchX509Svids } = await import('@postern/agent');
  const socketPath = socketPathOf(cli, options);
  const untilMs = performance.now() + (options.wait ?? 0) * 1000;
  for (;;) {
    const fetched = await fetchX509Svids({ socketPath, timeoutMs: WORKLOAD_API_TIMEOUT_MS });
    if (fetched.ok) return take(cli, options, fetched.value);
    if (!FAILURES[fetched.reason].isPassing || performance.now() > untilMs)
      throw failureOf(fetched.reason, socketPath, fetched.detail);
    await pause(RETRY_MS);
  }
}

async function follow(cli: Cli, options: FetchOptions): Promise<undefined> {
  const { followX509Svids } = await import('@postern/agent');
  const socketPath = socketPathOf(cli, options);
  const signal = cli.io.interrupted();
  let untilMs = performance.now() + (options.wait ?? 0) * 1000;
  while (!signal.aborted) {
    for await (const update of followX509Svids({ socketPath, timeoutMs: WORKLOAD_API_TIMEOUT_MS, signal })) {
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

function take(cli: Cli, { out, spiffeId }: FetchOptions, { svids }: WorkloadSvids): Answer {
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
