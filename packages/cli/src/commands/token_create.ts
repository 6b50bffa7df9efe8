/** `postern token create` */
import { basename, dirname, resolve } from 'node:path';
import { type CreateJoinTokenRequest, type JoinTokenAnswer, PATHS } from '@postern/api';
import { type Command, InvalidArgumentError } from 'commander';
import type { Cli } from '../cli.ts';
import { addControlPlaneOptions, type ControlPlaneOptions, connectControlPlane } from '../control_plane.ts';
import { defineCommand } from '../define_command.ts';
import { parseDuration } from '../option_values.ts';
import { formatTime, printable } from '../terminal_text.ts';
import { writeFiles } from '../write_files.ts';

interface Options extends ControlPlaneOptions {
  readonly agent: string;
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
    description: 'a one-time token with which an agent joins; it also pins this control plane for the agent',
    examples: [
      ['postern token create --agent node-1 --out node-1.token', 'into a file that only you can read'],
      ['postern agent --join-token-file node-1.token', 'on the node, with that file'],
    ],
    configure: (command) =>
      addControlPlaneOptions(command)
        .requiredOption('--agent <name>', 'name of the agent: one segment of its SPIFFE ID')
        .option('--ttl <duration>', 'how long it can be used, up to 7d; 10m when absent', parseTokenTtl)
        .option('--out <file>', 'write the token into this file (0600) instead of printing it'),
    async run(cli, { agent: agentName, ttl: ttlSeconds, out, ...options }) {
      const request: CreateJoinTokenRequest = { agentName, ttlSeconds };
      const answer = await connectControlPlane(cli, options).post<JoinTokenAnswer>(PATHS.admin.joinTokens, request);
      const { token, agentId, expiresAtMs } = answer;
      const about = printable(`for ${agentId}, once, until ${formatTime(expiresAtMs)}`);
      if (out === undefined) {
        cli.io.err(`${about}\n`);
        return { json: answer, text: () => `${printable(token)}\n` };
      }
      const file = resolve(cli.io.folder, out);
      writeFiles(dirname(file), [{ name: basename(file), text: `${token}\n`, isSecret: true }]);
      return { json: { file, agentId, expiresAtMs }, text: () => `${printable(file)}\n${about}\n` };
    },
  });
}
