/** The demo's command line. */
import { parseCommandLine, UsageError } from '../../test/kit/command_line.ts';
import { DEFAULT_DIR, DEFAULT_PORT_BASE } from './places.ts';

export interface DemoArguments {
  /** Ends after the transcript. */
  readonly once: boolean;
  /** Forgets the state of earlier starts. */
  readonly reset: boolean;
  readonly dir: string;
  /** First of the ports it uses on 127.0.0.1. */
  readonly portBase: number;
  /** Replays recorded requests, as on a machine that Envoy cannot be had for. */
  readonly withoutEnvoy: boolean;
}

export const USAGE = `npm start [-- OPTIONS]

Runs Postern's main job on this machine: control plane, node agent, two services
behind Envoy; sends requests through and shows what was decided and recorded.
Stays up until Ctrl-C.

  --once           end after the transcript; 0 if each outcome was as declared
  --reset          forget the state of earlier starts
  --dir DIR        folder of the state (default ${DEFAULT_DIR})
  --port-base N    first of three ports on 127.0.0.1 (default ${DEFAULT_PORT_BASE})
  --without-envoy  replay recorded requests instead of running Envoy
  --help           this text

Examples:
  npm start
  npm start -- --once
  npm start -- --dir /tmp/second --port-base 9440

Exit codes: 0 as declared, 1 otherwise, 2 for a mistake in the command line.
`;

export function parseArguments(args: readonly string[]): DemoArguments | 'help' {
  const parsed = parseCommandLine({ options: OPTIONS }, args);
  if (parsed === 'help') return parsed;
  const { values } = parsed;
  const portBase = Number(values['port-base']);
  if (!Number.isSafeInteger(portBase) || portBase < 1024 || portBase > 65_000)
    throw new UsageError('--port-base is a port from 1024 to 65000');
  if (values.dir === '') throw new UsageError('--dir names a folder');
  return { once: values.once, reset: values.reset, dir: values.dir, portBase, withoutEnvoy: values['without-envoy'] };
}

const OPTIONS = {
  once: { type: 'boolean', default: false },
  reset: { type: 'boolean', default: false },
  dir: { type: 'string', default: DEFAULT_DIR },
  'port-base': { type: 'string', default: String(DEFAULT_PORT_BASE) },
  'without-envoy': { type: 'boolean', default: false },
} as const;
