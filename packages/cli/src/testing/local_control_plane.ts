/** A control plane of its own for one test file, and the command line pointed at it. */
import { mkdtempSync, readFileSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { type LocalOptions, startLocal } from '@postern/functions/local';
import { runHere } from './run_here.ts';
import { type Ended, runPostern } from './run_postern.ts';

type Environment = { readonly [name: string]: string };

export interface TestControlPlane {
  /** Where commands run; the control plane's state is in `.postern` there. */
  readonly folder: string;
  readonly url: string;
  /** The administrator's, to look for where it must not be. */
  readonly token: string;
  /** Runs the scheduled work now. */
  tick(): Promise<void>;
  /** The real program, as a child process. */
  run(args: readonly string[], environment?: Environment): Promise<Ended>;
  /** The same without a process of its own: for tables. */
  runHere(args: readonly string[], environment?: Environment): Promise<Ended>;
  stop(): Promise<void>;
}

export async function startTestControlPlane(
  more: Pick<LocalOptions, 'rolloverTimes' | 'acmeUrl' | 'acmeAllowedRanges' | 'acmeNetwork'> = {},
): Promise<TestControlPlane> {
  const folder = mkdtempSync(join(tmpdir(), 'postern-cli-'));
  const dir = join(folder, '.postern');
  const places = { dir, trustDomain: 'demo.test', port: 0, authorizePort: 0 };
  const controlPlane = await startLocal({ ...places, ...more, log: () => {} });
  const { url } = controlPlane;
  return {
    folder,
    url,
    tick: controlPlane.tick,
    token: readFileSync(controlPlane.administratorTokenFile, 'utf8').trim(),
    run: (args, environment = {}) => runPostern(args, { folder, environment: { POSTERN_URL: url, ...environment } }),
    runHere: (args, environment = {}) => runHere(args, { folder, environment: { POSTERN_URL: url, ...environment } }),
    async stop() {
      await controlPlane.stop();
      rmSync(folder, { recursive: true, force: true });
    },
  };
}
