/** `postern federation create` */
import { readFileSync } from 'node:fs';
import { resolve } from 'node:path';
import { PATHS } from '@postern/api';
import type { FederationInput } from '@postern/ca';
import { type Command, Option } from 'commander';
import type { Cli } from '../cli.ts';
import { addControlPlaneOptions, type ControlPlaneOptions, connectControlPlane } from '../control_plane.ts';
import { defineCommand } from '../define_command.ts';
import { CommandFailure } from '../failure.ts';
import { printable } from '../terminal_text.ts';

interface Options extends ControlPlaneOptions {
  readonly endpoint: string;
  readonly profile: FederationInput['profile'];
  readonly endpointId?: string;
  readonly bundle?: string;
}

const MAX_BUNDLE_BYTES = 96 * 1024;

export function addFederationCreate(parent: Command, cli: Cli): void {
  defineCommand<Options>(parent, cli, {
    name: 'create <trust-domain>',
    description: 'believe the SVIDs of another trust domain, whose bundle is fetched from an endpoint',
    examples: [
      [
        'postern federation create other.test --endpoint https://other.test/v1/trust-bundle',
        'an endpoint that the web’s authorities vouch for',
      ],
      [
        'postern federation create other.test --endpoint https://10.1.2.3:8443 --profile https_spiffe \\\n    --endpoint-id spiffe://other.test/bundle --bundle other.json',
        'an endpoint that is a workload, verified by a bundle that you got from its operator',
      ],
    ],
    configure: (command) =>
      addControlPlaneOptions(command)
        .requiredOption('--endpoint <url>', 'where its bundle is: https')
        .addOption(
          new Option('--profile <profile>', 'how the endpoint is authenticated')
            .choices(['https_web', 'https_spiffe'])
            .default('https_web'),
        )
        .option('--endpoint-id <spiffe-id>', 'SPIFFE ID of the endpoint; with https_spiffe')
        .option('--bundle <file>', 'SPIFFE bundle that verifies the endpoint the first time; with https_spiffe'),
    async run(cli, { endpoint: url, profile, endpointId, bundle, ...options }, [trustDomain = '']) {
      const isWorkload = profile === 'https_spiffe';
      if ([endpointId, bundle].some((given) => (given !== undefined) !== isWorkload))
        throw new CommandFailure(
          'usage',
          'command-line',
          `--endpoint-id and --bundle ${isWorkload ? 'are missing: https_spiffe needs both' : 'go with --profile https_spiffe'}`,
          'see postern federation create --help',
        );
      const request: FederationInput = {
        trustDomain,
        url,
        profile,
        ...(endpointId !== undefined && { endpointSpiffeId: endpointId }),
        ...(bundle !== undefined && { bootstrapBundle: readBundle(cli, bundle) }),
      };
      const created = await connectControlPlane(cli, options).post<FederationInput>(PATHS.admin.federations, request);
      return {
        json: created,
        text: () =>
          `${printable(trustDomain)} is federated; its bundle is fetched within a minute: postern federation list\n`,
      };
    },
  });
}

function readBundle({ io }: Cli, file: string): string {
  try {
    const text = readFileSync(resolve(io.folder, file));
    if (text.length <= MAX_BUNDLE_BYTES) return text.toString('utf8');
  } catch {}
  throw new CommandFailure(
    'usage',
    'file-unreadable',
    `\`${printable(file)}\` is no file that can be read, or larger than ${MAX_BUNDLE_BYTES} bytes`,
    'name the SPIFFE bundle document that the other trust domain publishes',
  );
}
