/** `postern entry create` */
import { type CreateEntryRequest, PATHS } from '@postern/api';
import type { Command } from 'commander';
import type { Cli } from '../cli.ts';
import { addControlPlaneOptions, type ControlPlaneOptions, connectControlPlane } from '../control_plane.ts';
import { defineCommand } from '../define_command.ts';
import { type Entry, formatEntry } from '../entry_text.ts';
import { collect, parseDuration } from '../option_values.ts';

interface Options extends ControlPlaneOptions {
  readonly spiffeId: string;
  readonly parent: string;
  readonly selector: readonly string[];
  readonly dnsName?: readonly string[];
  readonly ttl?: number;
  readonly hint?: string;
  readonly expiresIn?: number;
}

export function addEntryCreate(parent: Command, cli: Cli): void {
  defineCommand<Options>(parent, cli, {
    name: 'create',
    description: 'say which workload on which node gets which SPIFFE ID',
    examples: [
      [
        'postern entry create --spiffe-id spiffe://demo.test/payments --parent spiffe://demo.test/postern/agent/node-1 --selector unix:uid:1000',
        'processes of user 1000 on node-1 are the payments service',
      ],
    ],
    configure: (command) =>
      addControlPlaneOptions(command)
        .requiredOption('--spiffe-id <id>', 'SPIFFE ID that the workload gets')
        .requiredOption('--parent <id>', 'SPIFFE ID of the agent on its node')
        .requiredOption(
          '--selector <selector>',
          'what the workload must be, such as unix:uid:1000; repeat it: all must fit',
          collect,
        )
        .option('--dns-name <name>', 'DNS name in its certificates; repeatable', collect)
        .option('--ttl <duration>', 'life of its certificates, such as 1h', parseDuration)
        .option('--hint <text>', 'tells identities of one workload apart')
        .option('--expires-in <duration>', 'the entry ends by itself, such as 30d', parseDuration),
    async run(cli, options) {
      const { spiffeId, selector: selectors, dnsName: dnsNames, ttl: ttlSeconds, hint, expiresIn } = options;
      const expiresAtMs = expiresIn === undefined ? undefined : cli.io.nowMs() + expiresIn * 1000;
      const request: CreateEntryRequest = {
        spiffeId,
        parentId: options.parent,
        selectors,
        dnsNames,
        ttlSeconds,
        hint,
        expiresAtMs,
      };
      const entry = await connectControlPlane(cli, options).post<Entry>(PATHS.admin.entries, request);
      return { json: entry, text: (paint) => formatEntry(paint, entry) };
    },
  });
}
