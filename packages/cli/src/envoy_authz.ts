/** Who decides for a proxy, from the options of `envoy config`: one row for each way to ask. */
import { join, resolve } from 'node:path';
import type { AuthzTarget, TcpAddress } from '@postern/agent';
import type { Cli } from './cli.ts';
import { AGENT_DIR, GRPC_AUTHZ_SOCKET, HTTP_AUTHZ_SOCKET } from './commands/agent.ts';
import { loadDeployment } from './control_plane/deployment_file.ts';
import { isLoopback } from './control_plane/doors.ts';
import { CommandFailure } from './failure.ts';

export interface AuthzOptions {
  readonly authz: AuthzTarget['kind'];
  readonly authzSocket?: string;
  readonly authzUrl?: string;
  readonly authzAddress?: TcpAddress;
  readonly authzSpiffeId?: string;
  readonly region?: string;
  readonly deployment?: string;
  readonly trustedCaFile?: string;
}

type OptionName = Exclude<keyof AuthzOptions, 'authz'>;

interface Way {
  readonly takes: readonly OptionName[];
  readonly targetOf: (cli: Cli, options: AuthzOptions, trustDomain: string) => AuthzTarget;
}

const WAYS: { readonly [K in AuthzTarget['kind']]: Way } = {
  grpc: {
    takes: ['authzSocket'],
    targetOf: (cli, { authzSocket }) => ({ kind: 'grpc', socket: socketOf(cli, authzSocket, GRPC_AUTHZ_SOCKET) }),
  },
  http: {
    takes: ['authzSocket'],
    targetOf: (cli, { authzSocket }) => ({ kind: 'http', socket: socketOf(cli, authzSocket, HTTP_AUTHZ_SOCKET) }),
  },
  'https-mtls': {
    takes: ['authzAddress', 'authzSpiffeId'],
    targetOf: (_, { authzAddress, authzSpiffeId }, trustDomain) => ({
      kind: 'https-mtls',
      ...(authzAddress ?? missing('--authz-address HOST:PORT, where `authorize` listens')),
      spiffeId: authzSpiffeId ?? `spiffe://${trustDomain}/postern/authorize`,
    }),
  },
  'function-url': {
    takes: ['authzUrl', 'region', 'deployment', 'authzAddress', 'trustedCaFile'],
    targetOf: (cli, { authzAddress: address, trustedCaFile, ...options }) => ({
      kind: 'function-url',
      ...functionUrlOf(cli, options),
      ...(address !== undefined && { address }),
      ...(trustedCaFile !== undefined && { trustedCaFile: resolve(cli.io.folder, trustedCaFile) }),
    }),
  },
};

export const AUTHZ_KINDS = Object.keys(WAYS) as AuthzTarget['kind'][];

/** An option that another way would take is refused: who gave it meant something by it. */
export function authzOf(cli: Cli, options: AuthzOptions, trustDomain: string): AuthzTarget {
  const way = WAYS[options.authz];
  const named = AUTHZ_KINDS.flatMap((kind) => WAYS[kind].takes);
  const foreign = named.find((name) => options[name] !== undefined && !way.takes.includes(name));
  if (foreign !== undefined)
    throw new CommandFailure(
      'usage',
      'command-line',
      `${flagOf(foreign)} does not go with --authz ${options.authz}`,
      'see: postern envoy config --help',
    );
  return way.targetOf(cli, options, trustDomain);
}

function functionUrlOf(cli: Cli, { authzUrl, region, deployment }: Omit<AuthzOptions, 'authz'>) {
  if (deployment !== undefined && (authzUrl ?? region) !== undefined)
    throw new CommandFailure(
      'usage',
      'command-line',
      '--deployment does not go with --authz-url and --region',
      'leave out one of them',
    );
  if (authzUrl !== undefined)
    return asEnvoyAsks({ url: authzUrl, region: region ?? missing('--region REGION, of the function') });
  if (region !== undefined) return missing('--authz-url URL, which the Region is of');
  const file = deployment ?? (cli.io.environment['POSTERN_DEPLOYMENT'] || undefined);
  if (file === undefined) return missing('--deployment FILE, or --authz-url URL and --region REGION');
  const { urls, region: deployed } = loadDeployment(cli, file);
  return asEnvoyAsks({ url: urls.AuthorizeUrl, region: deployed });
}

interface FunctionUrl {
  readonly url: string;
  readonly region: string;
}

/**
 * On this machine a stand-in for AWS tells its functions apart by a path, which Envoy's filter for it cannot have. The
 * stand-in knows them by AWS's own form of the name, too, and how to write that is said.
 */
function asEnvoyAsks(named: FunctionUrl): FunctionUrl {
  const { hostname = '', host = '', pathname = '/' } = URL.canParse(named.url) ? new URL(named.url) : {};
  if (pathname === '/' || !isLoopback(hostname)) return named;
  const id = pathname.replace(/\/+$/, '').split('/').at(-1);
  throw new CommandFailure(
    'usage',
    'function-url-path',
    `\`${named.url}\` is a function URL of a stand-in for AWS: it has a path, and Envoy asks origins alone`,
    `--authz-url http://${id}.lambda-url.${named.region}.on.aws --region ${named.region} --authz-address ${host}`,
  );
}

function socketOf({ io }: Cli, path: string | undefined, name: string): string {
  return resolve(io.folder, path ?? join(AGENT_DIR, name));
}

function missing(what: string): never {
  throw new CommandFailure('usage', 'command-line', 'it is not said where to ask for decisions', `add ${what}`);
}

const flagOf = (name: OptionName) => `--${name.replace(/[A-Z]/g, (letter) => `-${letter.toLowerCase()}`)}`;
