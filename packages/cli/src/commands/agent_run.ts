/** `postern agent run` */
import { resolve } from 'node:path';
import { type Command, InvalidArgumentError, Option } from 'commander';
import type { Cli } from '../cli.ts';
import { defineCommand } from '../define_command.ts';
import { CommandFailure } from '../failure.ts';
import { parseDuration } from '../option_values.ts';
import { addSocketOption, socketPathOf } from '../workload_api.ts';
import { runWorkload, type WorkloadRun } from '../workload_run/run_workload.ts';

interface Options {
  readonly socket?: string;
  readonly out?: string;
  readonly removeFiles?: true;
  readonly svidFileName: string;
  readonly svidKeyFileName: string;
  readonly svidBundleFileName: string;
  readonly spiffeId?: string;
  readonly hint?: string;
  readonly jwt?: WorkloadRun['tokens'];
  readonly signal?: NodeJS.Signals;
  readonly restart?: true;
  readonly wait?: number;
  readonly killAfter?: number;
}

const SIGNALS = ['SIGHUP', 'SIGUSR1', 'SIGUSR2', 'SIGINT', 'SIGTERM', 'SIGQUIT', 'SIGWINCH'];
const DEFAULT_WAIT_SECONDS = 30;
const DEFAULT_KILL_AFTER_SECONDS = 20;

export function addAgentRun(parent: Command, cli: Cli): void {
  defineCommand<Options>(parent, cli, {
    name: 'run <program...>',
    description:
      'runs a program with an identity from the node’s agent: files of PEM that are kept fresh, and a signal after each change',
    examples: [
      ['postern agent run -- env', 'what the program is told: POSTERN_SVID_FILE, SPIFFE_ENDPOINT_SOCKET and others'],
      [
        'postern agent run --signal SIGHUP -- nginx -g "daemon off;"',
        'files in a private folder, gone at the end; nginx loads them again',
      ],
      ['postern agent run --out /run/app --restart -- ./app --tls /run/app', 'one that reads its files at start only'],
      [
        "postern agent run --jwt sts.amazonaws.com=aws.jwt -- sh -c 'AWS_WEB_IDENTITY_TOKEN_FILE=$POSTERN_SVID_DIR/aws.jwt exec ./app'",
        'a token as well, always fresh',
      ],
    ],
    configure: (command) =>
      addSocketOption(command)
        .option('--out <dir>', 'where the files are; a private folder that is removed at the end, when absent')
        .option('--remove-files', 'with --out: remove them at the end')
        .option('--svid-file-name <name>', 'certificate chain, leaf first', parseFileName, 'svid.pem')
        .option('--svid-key-file-name <name>', 'its private key (0600)', parseFileName, 'svid_key.pem')
        .option('--svid-bundle-file-name <name>', 'authorities of the trust domain', parseFileName, 'bundle.pem')
        .option('--spiffe-id <id>', 'of several identities this one; else the first')
        .option('--hint <hint>', 'of several identities the one whose entry has this hint')
        .option(
          '--jwt <audience=file>',
          'a JWT-SVID for this audience in a file (0600) of this name beside them; repeatable',
          collectToken,
        )
        .addOption(new Option('--signal <name>', 'what the program gets after a new SVID or bundle').choices(SIGNALS))
        .addOption(
          new Option(
            '--restart',
            'end the program by SIGTERM after a new SVID or bundle, and start it again',
          ).conflicts('signal'),
        )
        .option(
          '--wait <duration>',
          'how long to wait for the first SVID before giving up; 30s when absent',
          parseDuration,
        )
        .option(
          '--kill-after <duration>',
          'SIGKILL for a program that has not ended so long after SIGTERM; 20s when absent',
          parseDuration,
        )
        .addHelpText('after', EXIT_HELP),
    async run(cli, options, args) {
      cli.programExit = await runWorkload(cli, runOf(cli, options, args));
      return undefined;
    },
  });
}

const EXIT_HELP = `
Exit code: the program’s own, 128 + n when signal n ended it. Before the program is started: 2 the command line, or the
program cannot be started; 3 no entry fits; 4 the agent does not answer; 128 + n signal n came.
SIGTERM, SIGINT, SIGHUP, SIGQUIT, SIGUSR1 and SIGUSR2 are passed on. The agent attests this program, not the one it runs.
`;

function runOf(cli: Cli, options: Options, args: readonly string[]): WorkloadRun {
  const { out, spiffeId, hint, jwt: tokens = [], signal, restart } = options;
  const [command = '', ...rest] = args;
  const names = { svid: options.svidFileName, key: options.svidKeyFileName, bundle: options.svidBundleFileName };
  const all = [...Object.values(names), ...tokens.map(({ name }) => name)];
  const twice = all.find((name, index) => all.indexOf(name) !== index);
  if (twice !== undefined) throw usage(`two files are named \`${twice}\``, 'give each a name of its own');
  if (options.removeFiles === true && out === undefined)
    throw usage(
      '`--remove-files` is of the folder that --out names',
      'leave it out: a private folder is always removed',
    );
  return {
    socketPath: socketPathOf(cli, options),
    choice: { spiffeId, hint },
    folder: out === undefined ? undefined : resolve(cli.io.folder, out),
    removesFiles: options.removeFiles === true,
    names,
    tokens,
    waitMs: (options.wait ?? DEFAULT_WAIT_SECONDS) * 1000,
    onChange: restart === true ? 'restart' : (signal ?? 'nothing'),
    killAfterMs: (options.killAfter ?? DEFAULT_KILL_AFTER_SECONDS) * 1000,
    command,
    args: rest,
  };
}

/** No folder, and no name that the swapping of files uses. */
function parseFileName(text: string): string {
  if (!/^[A-Za-z0-9_-][A-Za-z0-9._-]{0,99}$/.test(text))
    throw new InvalidArgumentError('It is the name of a file: letters, digits, dots, dashes and underscores.');
  return text;
}

const MAX_TOKENS = 16;

/** The last `=`: audiences may be URLs with a query. */
function collectToken(text: string, before: WorkloadRun['tokens'] = []): WorkloadRun['tokens'] {
  const [, audience, name] = /^(.{1,2048})=([^=]+)$/.exec(text) ?? [];
  if (audience === undefined || name === undefined) throw new InvalidArgumentError('It is written as AUDIENCE=FILE.');
  if (before.length === MAX_TOKENS) throw new InvalidArgumentError(`There are at most ${MAX_TOKENS}.`);
  return [...before, { audience, name: parseFileName(name) }];
}

const usage = (message: string, advice: string) => new CommandFailure('usage', 'command-line', message, advice);
