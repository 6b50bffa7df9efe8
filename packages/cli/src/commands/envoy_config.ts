/** `postern envoy config`, and the same for who looks for it with the agent: `postern agent envoy-bootstrap`. */
import { join, resolve } from 'node:path';
import type { EnvoyConfigInput, OutboundService, TcpAddress } from '@postern/agent';
import { type Command, InvalidArgumentError, Option } from 'commander';
import type { Cli } from '../cli.ts';
import { defineCommand } from '../define_command.ts';
import { AUTHZ_KINDS, type AuthzOptions, authzOf } from '../envoy_authz.ts';
import { CommandFailure } from '../failure.ts';
import { parseAddress, parseDuration, parseListenAddress } from '../option_values.ts';
import { printableJson } from '../terminal_text.ts';
import { AGENT_DIR, WORKLOAD_API_SOCKET } from './agent.ts';

interface Options extends AuthzOptions {
  readonly service: string;
  readonly spiffeId: string;
  readonly listen: TcpAddress;
  readonly app: TcpAddress;
  readonly appProtocol: 'http1' | 'http2';
  readonly agentSocket?: string;
  readonly outbound?: readonly OutboundService[];
  readonly anonymousClients?: true;
  readonly maxStream?: number;
  readonly maxConnection?: number;
  readonly accessLog?: string;
  readonly adminSocket?: string;
}

export const addEnvoyConfig = (parent: Command, cli: Cli): void =>
  define(parent, cli, 'config', 'postern envoy config');
export const addEnvoyBootstrap = (parent: Command, cli: Cli): void =>
  define(parent, cli, 'envoy-bootstrap', 'postern agent envoy-bootstrap');

function define(parent: Command, cli: Cli, name: string, path: string): void {
  defineCommand<Options>(parent, cli, {
    name,
    description: 'a whole configuration for the Envoy of one service: mutual TLS, and a decision before every request',
    examples: [
      [
        `${path} --service payments --spiffe-id spiffe://demo.test/payments --app 127.0.0.1:8080 --admin-socket /run/envoy/admin.sock > envoy.json`,
        'decided by the agent of this node',
      ],
      ['envoy --config-path envoy.json', 'run it as the workload whose entry has that SPIFFE ID'],
      [
        `${path} --service payments --spiffe-id spiffe://demo.test/payments --app 127.0.0.1:8080 --authz function-url --deployment outputs.json`,
        'decided by the deployed `authorize`, asked with the role that Envoy runs as',
      ],
    ],
    configure: (command) =>
      command
        .requiredOption('--service <name>', 'as in the release: what decisions are asked for')
        .requiredOption('--spiffe-id <id>', 'the service’s own, which the agent hands to this proxy')
        .requiredOption('--app <address>', 'the application behind it, plain, on this machine', parseAddress)
        .addOption(new Option('--app-protocol <name>', 'what it speaks').choices(['http1', 'http2']).default('http1'))
        .option(
          '--listen <address>',
          'where others connect with mutual TLS; 0.0.0.0:8443 when absent',
          parseListenAddress,
        )
        .option('--agent-socket <path>', `SDS of the agent; else ${AGENT_DIR}/${WORKLOAD_API_SOCKET}`)
        .addOption(
          new Option(
            '--authz <way>',
            'who decides: the agent by grpc or http, `authorize` elsewhere by https-mtls, or deployed behind a function-url',
          )
            .choices(AUTHZ_KINDS)
            .default('grpc'),
        )
        .option('--authz-socket <path>', 'grpc, http: of the agent; the one in its folder when absent')
        .option(
          '--authz-address <address>',
          'https-mtls: where it listens; function-url: where to connect',
          parseAddress,
        )
        .option('--authz-spiffe-id <id>', 'https-mtls: whom to expect there; /postern/authorize when absent')
        .option('--authz-url <url>', 'function-url: of `authorize`, without a path')
        .option('--region <region>', 'function-url: where it is, with --authz-url')
        .option('--deployment <file>', 'function-url: the file that says both; else POSTERN_DEPLOYMENT')
        .option(
          '--trusted-ca-file <file>',
          'function-url: authorities of the internet, where they are not at Debian’s place',
        )
        .option(
          '--outbound <name=port,address,id[,host]>',
          'a service that the application calls: its port here, where it listens, its SPIFFE ID, its host; repeatable',
          collectOutbound,
        )
        .option('--anonymous-clients', 'let clients without a certificate through to the decision')
        .option(
          '--max-stream <duration>',
          'how long a request, WebSocket or stream lasts; 5m when absent',
          parseDuration,
        )
        .option('--max-connection <duration>', 'how long a connection lasts; 1h when absent', parseDuration)
        .option('--access-log <file>', 'one line of JSON for each request; stdout when absent')
        .option('--admin-socket <path>', 'Unix socket (0600) of Envoy’s administration, for /ready; none when absent'),
    async run(cli, options) {
      const { renderEnvoyConfig } = await import('@postern/agent');
      const config = rangeChecked(() => renderEnvoyConfig(inputOf(cli, options)));
      return { json: config, text: () => `${printableJson(config, 2)}\n` };
    },
  });
}

function inputOf(cli: Cli, options: Options): EnvoyConfigInput {
  const absolute = (path: string) => resolve(cli.io.folder, path);
  const { service, spiffeId, app, appProtocol, listen, outbound, anonymousClients, accessLog, adminSocket } = options;
  // Of what is no SPIFFE ID the template says so.
  const trustDomain = /^spiffe:\/\/([^/]*)/.exec(spiffeId)?.[1] ?? '';
  return {
    service,
    trustDomain,
    spiffeId,
    listen: listen ?? { address: '0.0.0.0', port: 8443 },
    upstreamApp: { ...app, protocol: appProtocol },
    agentSocket: absolute(options.agentSocket ?? join(AGENT_DIR, WORKLOAD_API_SOCKET)),
    authz: authzOf(cli, options, trustDomain),
    requireClientCertificate: anonymousClients !== true,
    ...(outbound !== undefined && { outbound }),
    ...(options.maxStream !== undefined && { maxStreamSeconds: options.maxStream }),
    ...(options.maxConnection !== undefined && { maxConnectionSeconds: options.maxConnection }),
    ...(accessLog !== undefined && { accessLogPath: absolute(accessLog) }),
    ...(adminSocket !== undefined && { adminSocket: absolute(adminSocket) }),
  };
}

function collectOutbound(text: string, before: readonly OutboundService[] = []): readonly OutboundService[] {
  const [, name = '', port = '', address = '', spiffeId = '', host] =
    /^([a-z0-9_-]{1,64})=(\d{1,5}),([^,]+),([^,]+)(?:,([^,]+))?$/.exec(text) ?? [];
  if (name === '' || before.some((other) => other.name === name))
    throw new InvalidArgumentError('It is written as NAME=PORT,HOST:PORT,SPIFFE-ID, each name once.');
  const { port: listenPort } = parseAddress(`127.0.0.1:${port}`);
  const service = { name, listenPort, ...parseAddress(address), spiffeId };
  return [...before, host === undefined ? service : { ...service, host }];
}

function rangeChecked<T>(render: () => T): T {
  try {
    return render();
  } catch (cause) {
    if (!(cause instanceof RangeError)) throw cause;
    throw new CommandFailure('usage', 'option-value', cause.message, 'see: postern envoy config --help', { cause });
  }
}
