/** `postern entry create` */
import { type CreateEntryRequest, type EntryAnswer, PATHS } from '@postern/api';
import type { Command } from 'commander';
import type { Cli } from '../cli.ts';
import { addControlPlaneOptions, type ControlPlaneOptions, connectControlPlane } from '../control_plane.ts';
import { defineCommand } from '../define_command.ts';
import { formatEntry } from '../entry_text.ts';
import { collect, parseDuration } from '../option_values.ts';

interface Options extends ControlPlaneOptions {
  readonly spiffeId: string;
  readonly parent: string;
  readonly selector?: readonly string[];
  readonly dnsName?: readonly string[];
  readonly federatesWith?: readonly string[];
  readonly ttl?: number;
  readonly jwtTtl?: number;
  readonly hint?: string;
  readonly profile?: string;
  readonly sharedTemplate?: true;
  readonly expiresIn?: number;
}

export function addEntryCreate(parent: Command, cli: Cli): void {
  defineCommand<Options>(parent, cli, {
    name: 'create',
    description: 'say which workload at which agent or attestor gets which SPIFFE ID',
    examples: [
      [
        'postern entry create --spiffe-id spiffe://demo.test/payments --parent spiffe://demo.test/postern/agent/node-1 --selector unix:uid:1000',
        'processes of user 1000 on node-1 are the payments service',
      ],
      [
        "postern entry create --spiffe-id 'spiffe://demo.test/prod/ns/{k8s:ns}/sa/{k8s:sa}' --parent spiffe://demo.test/postern/attestor/prod",
        'each service account of the cluster that the attestor prod stands for has a name of its own',
      ],
    ],
    configure: (command) =>
      addControlPlaneOptions(command)
        .requiredOption(
          '--spiffe-id <id>',
          'SPIFFE ID that the workload gets; at an attestor, with {claims} in segments',
        )
        .requiredOption('--parent <id>', 'SPIFFE ID of the agent on its node, or of the attestor it shows its proof to')
        .option(
          '--selector <selector>',
          'what the workload must be, such as unix:uid:1000; repeat it: all must fit; none only with {claims}',
          collect,
        )
        .option('--dns-name <name>', 'DNS name in its certificates; repeatable', collect)
        .option('--federates-with <trust-domain>', 'it is given the bundle of this trust domain; repeatable', collect)
        .option('--ttl <duration>', 'life of its certificates, such as 1h', parseDuration)
        .option('--jwt-ttl <duration>', 'life of its tokens, 1m to 1h', parseDuration)
        .option('--hint <text>', 'tells identities of one workload apart')
        .option('--profile <name>', 'what its certificates are issued by')
        .option('--shared-template', 'workloads of other attestors may be given the same names')
        .option('--expires-in <duration>', 'the entry ends by itself, such as 30d', parseDuration),
    async run(cli, options) {
      const { spiffeId, selector: selectors = [], expiresIn, ttl: ttlSeconds, jwtTtl: jwtTtlSeconds } = options;
      const request: CreateEntryRequest = {
        spiffeId,
        parentId: options.parent,
        selectors,
        dnsNames: options.dnsName,
        federatesWith: options.federatesWith,
        ttlSeconds,
        jwtTtlSeconds,
        hint: options.hint,
        profile: options.profile,
        isTemplateShared: options.sharedTemplate,
        expiresAtMs: expiresIn === undefined ? undefined : cli.io.nowMs() + expiresIn * 1000,
      };
      const entry = await connectControlPlane(cli, options).post<EntryAnswer>(PATHS.admin.entries, request);
      return { json: entry, text: (paint) => formatEntry(paint, entry) };
    },
  });
}
