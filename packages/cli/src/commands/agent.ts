/** `postern agent` */
import { existsSync } from 'node:fs';
import { join, resolve } from 'node:path';
import type { Agent, AgentNotReady, Log, StatusPlace } from '@postern/agent';
import { type Command, Option } from 'commander';
import type { Cli } from '../cli.ts';
import { defineCommand } from '../define_command.ts';
import type { ExitName } from '../exit_codes.ts';
import { CommandFailure } from '../failure.ts';
import { createLog } from '../log_lines.ts';
import { parseCollectorUrl, parseListenAddress, parseOwnPlace } from '../option_values.ts';
import { readSecretFile } from '../secret_file.ts';
import { createSignedFetch } from '../signed_fetch.ts';
import { explainStartFault } from '../start_fault.ts';
import { VERSION } from '../version.ts';
import { aborted } from './start.ts';

interface Options {
  readonly dir: string;
  readonly joinTokenFile?: string;
  readonly workloadApiSocket?: string;
  readonly istioSocket?: string | true;
  readonly extAuthzSocket?: string;
  readonly extAuthzHttpSocket?: string;
  readonly bundleEndpoint?: { readonly address: string; readonly port: number };
  readonly metrics?: StatusPlace;
  readonly otlp?: string;
  readonly logDenials?: boolean;
  readonly audit: 'strict' | 'batched';
}

export const AGENT_DIR = '.postern/agent';
export const WORKLOAD_API_SOCKET = 'workload-api.sock';
export const GRPC_AUTHZ_SOCKET = 'ext-authz.sock';
export const HTTP_AUTHZ_SOCKET = 'ext-authz-http.sock';
/** Where Istio's proxies look before they ask istiod (Istio, security.WorkloadIdentitySocketPath). */
export const ISTIO_SOCKET = '/var/run/secrets/workload-spiffe-uds/socket';
const READY_PATIENCE_MS = 30_000;

export function addAgentCommand(parent: Command, cli: Cli): void {
  defineCommand<Options>(parent, cli, {
    name: 'agent',
    description: 'the agent of this node: Workload API, SDS and ext_authz on Unix sockets; Ctrl-C ends it',
    examples: [
      ['postern agent --join-token-file node-1.token', 'the first start; the file is not needed afterwards'],
      [
        'postern agent --workload-api-socket /run/postern/workload-api.sock',
        'where all workloads of the node can reach it',
      ],
    ],
    configure: (command) =>
      command
        .option('--dir <dir>', 'folder of all state', AGENT_DIR)
        .option(
          '--join-token-file <file>',
          'file of the join token (0600), for the first start, or a new one to join anew; else POSTERN_JOIN_TOKEN_FILE',
        )
        .option(
          '--workload-api-socket <path>',
          `Workload API and SDS; ${WORKLOAD_API_SOCKET} in the folder when absent`,
        )
        .option(
          '--istio-socket [path]',
          `the same once more for Istio’s proxies, which look at ${ISTIO_SOCKET} (that path when none is given); not when absent`,
        )
        .option('--ext-authz-socket <path>', `gRPC ext_authz; ${GRPC_AUTHZ_SOCKET} in the folder when absent`)
        .option('--ext-authz-http-socket <path>', `HTTP ext_authz; ${HTTP_AUTHZ_SOCKET} in the folder when absent`)
        .option(
          '--bundle-endpoint <address:port>',
          'serves the trust bundle to federated trust domains (https_spiffe) with the agent’s own SVID; not when absent',
          parseListenAddress,
        )
        .option(
          '--metrics <address:port|path>',
          'serves /metrics, /healthz and /readyz on a loopback address or a Unix socket; not when absent',
          parseOwnPlace,
        )
        .option(
          '--log-denials',
          'logs decisions that are no allow: ids, names and reasons, some lines a second at most',
        )
        .option(
          '--otlp <url>',
          'sends a span of each decision to this OpenTelemetry collector (OTLP/HTTP); not when absent',
          parseCollectorUrl,
        )
        .addOption(
          new Option(
            '--audit <mode>',
            'strict: an answer waits until its record is on disk; batched: up to two seconds of records are in memory only',
          )
            .choices(['strict', 'batched'])
            .default('batched'),
        ),
    async run(cli, options) {
      const interrupted = cli.io.interrupted();
      const log = createLog(cli);
      const dir = resolve(cli.io.folder, options.dir);
      const socket = (path: string | undefined, name: string) =>
        path === undefined ? join(dir, name) : resolve(cli.io.folder, path);
      const sockets = {
        workloadApiSocket: socket(options.workloadApiSocket, WORKLOAD_API_SOCKET),
        authzGrpcSocket: socket(options.extAuthzSocket, GRPC_AUTHZ_SOCKET),
        authzHttpSocket: socket(options.extAuthzHttpSocket, HTTP_AUTHZ_SOCKET),
      };
      const { metrics } = options;
      const status =
        metrics !== undefined && 'path' in metrics ? { path: resolve(cli.io.folder, metrics.path) } : metrics;
      const { istioSocket } = options;
      const istio = istioSocket === true ? ISTIO_SOCKET : istioSocket && resolve(cli.io.folder, istioSocket);
      const joinToken = readJoinToken(cli, options, log);
      const { startAgent, CredentialsMissing } = await import('@postern/agent');
      const agent = await startAgent({
        dir,
        joinToken,
        ...sockets,
        ...(istio !== undefined && { istioSocket: istio }),
        auditMode: options.audit,
        ...(options.bundleEndpoint !== undefined && { bundleEndpoint: options.bundleEndpoint }),
        ...(status !== undefined && { status }),
        ...(options.otlp !== undefined && { otlp: options.otlp }),
        logsDenials: options.logDenials === true,
        version: VERSION,
        log,
        createSignedFetch: ({ region }) =>
          createSignedFetch(region, (cause) => new CredentialsMissing('there are no AWS credentials here', { cause })),
      }).catch((fault) => explain(fault, dir));
      if (await becomesReady(agent, interrupted, log))
        cli.io.out(
          `${JSON.stringify({ event: 'ready', spiffeId: agent.spiffeId, ...sockets, istioSocket: istio, bundleEndpoint: agent.bundleEndpoint, metrics: agent.status })}\n`,
        );
      await aborted(interrupted);
      await agent.stop();
      return undefined;
    },
  });
}

/** A token serves once and its file may be gone after the first start: only an agent that has not joined misses it. */
function readJoinToken({ io }: Cli, { joinTokenFile }: Options, log: Log): string | undefined {
  const file = joinTokenFile ?? (io.environment['POSTERN_JOIN_TOKEN_FILE'] || undefined);
  if (file === undefined) return undefined;
  const path = resolve(io.folder, file);
  if (!existsSync(path)) {
    log('warn', 'join-token-file-missing', { path });
    return undefined;
  }
  return readSecretFile({ path, what: 'join token', advice: 'make one: postern token create --agent NAME --out FILE' });
}

/** Says so when it takes long, and goes on waiting: a release may not be published yet. False when interrupted. */
async function becomesReady(agent: Agent, interrupted: AbortSignal, log: Log): Promise<boolean> {
  const interruption = aborted(interrupted);
  while (!interrupted.aborted) {
    const outcome = agent.ready(READY_PATIENCE_MS).then(
      () => true,
      (fault: AgentNotReady) => log('warn', 'not-ready', { missing: fault.missing.join(' '), why: fault.message }),
    );
    if ((await Promise.race([outcome, interruption])) === true) return true;
  }
  return false;
}

/** By name: what keeps an agent from starting, and who can do something about it. */
const FAULTS: { readonly [name: string]: readonly [exit: ExitName, reason: string, advice: string] } = {
  AgentNotJoined: [
    'denied',
    'agent-not-joined',
    'make a token and name its file: postern token create --agent NAME --out FILE; --join-token-file FILE',
  ],
  FolderInUse: ['refused', 'folder-in-use', 'end the other agent, or give this one its own --dir'],
  SocketInUse: ['refused', 'socket-in-use', 'end what listens there, or choose another path'],
  SocketUnsafe: ['usage', 'socket-unsafe', 'choose a folder that only root or this user may write to'],
  RangeError: ['usage', 'option-value', 'choose shorter paths: --dir, --workload-api-socket, --metrics'],
  ControlPlaneUnreachable: [
    'unavailable',
    'control-plane-unreachable',
    'check that the control plane runs and can be reached from here',
  ],
};

function explain(cause: unknown, dir: string): never {
  const [exit, reason, advice] = (cause instanceof Error && FAULTS[cause.name]) || [];
  if (cause instanceof Error && exit !== undefined && reason !== undefined)
    throw new CommandFailure(exit, reason, cause.message, advice ?? '', { cause });
  const known = explainStartFault(cause, dir, '--bundle-endpoint, --metrics');
  if (known === undefined) throw cause;
  throw new CommandFailure(known.exit, known.reason, known.message, known.advice, { cause });
}
