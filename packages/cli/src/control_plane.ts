/**
 * The administrator's calls: HTTP with JSON, to the control plane that the options or the environment name. The credential
 * goes to the named origins alone: never in clear text to another machine, never along with a redirect. Every call is
 * bounded in time and in the size of its answer.
 */
import type { Command } from 'commander';
import type { Cli } from './cli.ts';
import { callDoor } from './control_plane/call_door.ts';
import { openDeployedDoors } from './control_plane/deployed_doors.ts';
import type { Deployment, Doors } from './control_plane/doors.ts';
import { DEFAULT_TOKEN_FILE, DEFAULT_URL, openTokenDoors, type TokenOptions } from './control_plane/token_doors.ts';
import { CommandFailure } from './failure.ts';

export interface ControlPlaneOptions extends TokenOptions {
  readonly deployment?: string;
}

export interface ControlPlane {
  /** Where its state is asked for. */
  readonly url: string;
  readonly deployment?: Deployment;
  get<T>(path: string, query?: { readonly [name: string]: string | number | undefined }): Promise<T>;
  post<T>(path: string, body: unknown): Promise<T>;
  put<T>(path: string, body: unknown): Promise<T>;
  delete<T>(path: string): Promise<T>;
}

export function addControlPlaneOptions(command: Command): Command {
  return command
    .option('--url <url>', `origin of the control plane; else POSTERN_URL, else ${DEFAULT_URL}`)
    .option(
      '--token-file <file>',
      `file of the administrator token; else POSTERN_ADMIN_TOKEN_FILE, else ${DEFAULT_TOKEN_FILE}`,
    )
    .option(
      '--deployment <file>',
      'a deployed control plane instead, by the file of `cdk deploy --outputs-file`, called with your AWS credentials; else POSTERN_DEPLOYMENT',
    );
}

/** Reads the token file or the deployment's. No call yet. */
export function connectControlPlane(cli: Cli, options: ControlPlaneOptions): ControlPlane {
  const doors = openDoors(cli, options);
  const call = <T>(method: string, target: string, body?: unknown) => callDoor<T>(doors, { method, target, body });
  return {
    url: doors.url,
    ...(doors.deployment !== undefined && { deployment: doors.deployment }),
    get(path, query = {}) {
      const present = Object.entries(query).filter(([, value]) => value !== undefined);
      const search = new URLSearchParams(present.map(([name, value]): [string, string] => [name, String(value)]));
      return call('GET', search.size === 0 ? path : `${path}?${search}`);
    },
    post: (path, body) => call('POST', path, body),
    put: (path, body) => call('PUT', path, body),
    delete: (path) => call('DELETE', path),
  };
}

/** What stands on the command line comes before the environment; there or there, one control plane is named. */
function openDoors(cli: Cli, options: ControlPlaneOptions): Doors {
  const { environment } = cli.io;
  const isLocal = options.url !== undefined || options.tokenFile !== undefined;
  const inherited = isLocal ? undefined : environment['POSTERN_DEPLOYMENT'] || undefined;
  const file = options.deployment ?? inherited;
  if (file === undefined) return openTokenDoors(cli, options);
  if (isLocal) throw ambiguous('--deployment does not go with --url and --token-file', 'leave out one of them');
  if (options.deployment === undefined && environment['POSTERN_URL'])
    throw ambiguous('POSTERN_DEPLOYMENT and POSTERN_URL each name a control plane', 'unset one of them');
  return openDeployedDoors(cli, { file });
}

function ambiguous(message: string, advice: string): CommandFailure {
  return new CommandFailure('usage', 'control-plane-ambiguous', message, advice);
}
