/** `postern token create` */
import { basename, dirname, resolve } from 'node:path';
import {
  type AttestorTokenAnswer,
  type CreateAttestorTokenRequest,
  type CreateJoinTokenRequest,
  type JoinTokenAnswer,
  PATHS,
} from '@postern/api';
import { type Command, InvalidArgumentError } from 'commander';
import type { Cli } from '../cli.ts';
import { addControlPlaneOptions, type ControlPlaneOptions, connectControlPlane } from '../control_plane.ts';
import { defineCommand } from '../define_command.ts';
import { CommandFailure } from '../failure.ts';
import { parseDuration } from '../option_values.ts';
import { formatTime, printable } from '../terminal_text.ts';
import { writeFiles } from '../write_files.ts';

interface Options extends ControlPlaneOptions {
  readonly agent?: string;
  readonly attestor?: string;
  readonly name?: string;
  readonly ttl?: number;
  readonly out?: string;
}

const MAX_TTL_SECONDS = 7 * 86_400;

function parseTokenTtl(text: string): number {
  const seconds = parseDuration(text);
  if (seconds > MAX_TTL_SECONDS) throw new InvalidArgumentError('A join token lives 7d at most.');
  return seconds;
}

export function addTokenCreate(parent: Command, cli: Cli): void {
  defineCommand<Options>(parent, cli, {
    name: 'create',
    description:
      'a one-time token with which an agent joins, and which pins this control plane for it; or one for a workload of a bare machine',
    examples: [
      ['postern token create --agent node-1 --out node-1.token', 'into a file that only you can read'],
      ['postern agent --join-token-file node-1.token', 'on the node, with that file'],
      [
        'postern token create --attestor bare --name press-1',
        'for a workload that has no agent, see docs/attestation.md',
      ],
    ],
    configure: (command) =>
      addControlPlaneOptions(command)
        .option('--agent <name>', 'name of the agent: one segment of its SPIFFE ID')
        .option('--attestor <name>', 'instead: an attestor of kind join-token')
        .option('--name <name>', 'with --attestor: what the bearer is called there, in the selector join:name:NAME')
        .option('--ttl <duration>', 'how long it can be used, up to 7d; 10m when absent', parseTokenTtl)
        .option('--out <file>', 'write the token into this file (0600) instead of printing it'),
    async run(cli, { out, ...options }) {
      const made = await createToken(cli, options);
      const { token, expiresAtMs, ...named } = made.answer;
      const about = printable(`for ${made.holder}, once, until ${formatTime(expiresAtMs)}`);
      if (out === undefined) {
        cli.io.err(`${about}\n`);
        return { json: made.answer, text: () => `${printable(token)}\n` };
      }
      const file = resolve(cli.io.folder, out);
      writeFiles(dirname(file), [{ name: basename(file), text: `${token}\n`, isSecret: true }]);
      return { json: { file, ...named, expiresAtMs }, text: () => `${printable(file)}\n${about}\n` };
    },
  });
}

interface Made {
  readonly answer: JoinTokenAnswer | AttestorTokenAnswer;
  readonly holder: string;
}

async function createToken(cli: Cli, options: Omit<Options, 'out'>): Promise<Made> {
  const { agent, attestor, name, ttl: ttlSeconds, ...connection } = options;
  const post = <T>(body: object) => connectControlPlane(cli, connection).post<T>(PATHS.admin.joinTokens, body);
  if (agent !== undefined && attestor === undefined && name === undefined) {
    const request: CreateJoinTokenRequest = { agentName: agent, ttlSeconds };
    const answer = await post<JoinTokenAnswer>(request);
    return { answer, holder: answer.agentId };
  }
  if (agent === undefined && attestor !== undefined && name !== undefined) {
    const request: CreateAttestorTokenRequest = { attestor, name, ttlSeconds };
    const answer = await post<AttestorTokenAnswer>(request);
    return { answer, holder: `${name} at ${attestor}` };
  }
  throw new CommandFailure(
    'usage',
    'token-holder',
    'a token is for one agent, or for one name at an attestor',
    'give --agent, or --attestor and --name',
  );
}
