/** `postern doctor` */
import { existsSync } from 'node:fs';
import { resolve } from 'node:path';
import { PATHS, type StatusAnswer } from '@postern/api';
import type { Command } from 'commander';
import type { Cli } from '../cli.ts';
import { addControlPlaneOptions, type ControlPlaneOptions, connectControlPlane } from '../control_plane.ts';
import { defineCommand } from '../define_command.ts';
import { CommandFailure } from '../failure.ts';
import { printable } from '../terminal_text.ts';
import { AGENT_DIR, WORKLOAD_API_SOCKET } from './agent.ts';

interface Check {
  readonly name: string;
  readonly ok: boolean;
  readonly detail: string;
  /** What to do; only when not ok. */
  readonly advice?: string;
}

const LEAST_NODE_MAJOR = 22;

export function addDoctorCommand(parent: Command, cli: Cli): void {
  defineCommand<ControlPlaneOptions>(parent, cli, {
    name: 'doctor',
    description: 'look for what is missing on this machine, and say what to do',
    examples: [['postern doctor', 'runtime, token file, control plane, release, agent']],
    configure: addControlPlaneOptions,
    async run(cli, options) {
      const checks = [checkRuntime(), ...(await checkControlPlane(cli, options)), await checkAgent(cli)];
      const ok = checks.every((check) => check.ok);
      return {
        json: { ok, checks },
        exit: ok ? 'ok' : 'refused',
        text: (paint) =>
          checks
            .map(({ name, ok: isOk, detail, advice }) => {
              const mark = isOk ? paint('green', 'ok  ') : paint('red', 'FAIL');
              return `${mark}  ${name}: ${printable(detail)}\n${advice === undefined ? '' : `      ${printable(advice)}\n`}`;
            })
            .join(''),
      };
    },
  });
}

function checkRuntime(): Check {
  const isEnough = Number(process.versions.node.split('.')[0]) >= LEAST_NODE_MAJOR;
  const advice = isEnough ? undefined : `use Node ${LEAST_NODE_MAJOR} or newer`;
  return { name: 'runtime', ok: isEnough, detail: `Node ${process.versions.node}`, advice };
}

async function checkControlPlane(cli: Cli, options: ControlPlaneOptions): Promise<Check[]> {
  const name = 'control plane';
  try {
    const controlPlane = connectControlPlane(cli, options);
    const status = await controlPlane.get<StatusAnswer>(PATHS.admin.status);
    const hasRelease = status.releaseNumber > 0;
    return [
      { name, ok: true, detail: `${status.trustDomain} at ${controlPlane.url}` },
      hasRelease
        ? { name: 'release', ok: true, detail: `${status.releaseNumber}` }
        : {
            name: 'release',
            ok: false,
            detail: 'none: every request is denied',
            advice: 'publish one: postern policy publish DIR',
          },
    ];
  } catch (fault) {
    if (!(fault instanceof CommandFailure)) throw fault;
    return [{ name, ok: false, detail: fault.message, advice: fault.advice }];
  }
}

/** Without an entry for this process the agent answers too: that is enough here. */
async function checkAgent({ io }: Cli): Promise<Check> {
  const name = 'agent';
  const address = io.environment['SPIFFE_ENDPOINT_SOCKET']?.replace(/^unix:(?:\/\/)?/, '');
  const socketPath = resolve(io.folder, address ?? `${AGENT_DIR}/${WORKLOAD_API_SOCKET}`);
  const advice = 'start it: postern agent --join-token-file FILE; or name its socket in SPIFFE_ENDPOINT_SOCKET';
  if (!existsSync(socketPath)) return { name, ok: false, detail: `nothing at ${socketPath}`, advice };
  const { fetchX509Svids } = await import('@postern/agent');
  const fetched = await fetchX509Svids({ socketPath, timeoutMs: 3000 });
  if (fetched.ok) return { name, ok: true, detail: `this process is ${fetched.value.svids[0]?.spiffeId}` };
  const isThere = fetched.reason === 'identity-not-issued' || fetched.reason === 'workload-api-not-ready';
  return { name, ok: isThere, detail: `${fetched.reason} at ${socketPath}`, ...(!isThere && { advice }) };
}
