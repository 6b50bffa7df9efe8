/** The demo's command line. */
import { parseArgs } from 'node:util';

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

Runs Postern's main job on this machine: control plane, node agent, two services behind Envoy; sends requests
through and shows what was decided and recorded. Stays up until Ctrl-C.

  --once           end after the transcript; exit code 0 if each outcome was as declared
  --reset          forget the state of earlier starts
  --dir DIR        folder of the state (default .postern)
  --port-base N    first of the ports on 127.0.0.1 (default 8440)
  --without-envoy  replay recorded requests instead of running Envoy
  --help           this text

Examples:
  npm start
  npm start -- --once
  npm start -- --reset --port-base 9440
`;

export function parseArguments(args: readonly string[]): DemoArguments | 'help' {
  const { values } = parseArgs({
    args: [...args],
    options: {
      once: { type: 'boolean', default: false },
      reset: { type: 'boolean', default: false },
      dir: { type: 'string', default: '.postern' },
      'port-base': { type: 'string', default: '8440' },
      'without-envoy': { type: 'boolean', default: false },
      help: { type: 'boolean', default: false },
    },
  });
  if (values.help) return 'help';
  const portBase = Number(values['port-base']);
  if (!Number.isSafeInteger(portBase) || portBase < 1024 || portBase > 65_000)
    throw new RangeError('--port-base is a port from 1024 to 65000');
  return { once: values.once, reset: values.reset, dir: values.dir, portBase, withoutEnvoy: values['without-envoy'] };
}
