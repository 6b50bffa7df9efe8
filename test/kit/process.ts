import { type ChildProcess, spawn } from 'node:child_process';
import { findOnPath } from '../tools/places.ts';
import { type CollectedOutput, collectOutput } from './output.ts';
import { waitUntil } from './wait.ts';

export type ProcessOptions = {
  /** For messages only. */
  name: string;
  command: string;
  args?: readonly string[];
  folder?: string;
  /** Added to this process's environment; `undefined` removes a variable. */
  environment?: Readonly<Record<string, string | undefined>>;
  /** Ready once a line of output matches, or once the probe answers true; without it, as soon as it runs. */
  ready?: { line: RegExp } | { probe: () => Promise<boolean> };
  readyTimeoutMs?: number;
};

export type Exit = { code: number | null; signal: NodeJS.Signals | null };

export type RunningProcess = {
  pid: number;
  output: CollectedOutput;
  /** Settles when the program has ended, whoever ended it. */
  exited: Promise<Exit>;
  /** SIGTERM, and SIGKILL when it has not ended in `graceMs`; never throws for a program that is gone already. */
  stop: (graceMs?: number) => Promise<Exit>;
};

const READY_TIMEOUT_MS = 20_000;
const STOP_GRACE_MS = 5_000;
const alive = new Set<ChildProcess>();

// A test that fails before its clean-up must not leave programs behind.
process.on('exit', () => {
  for (const child of alive) child.kill('SIGKILL');
});

/** Starts a program and waits until it is ready; throws with the program's own output when it ends or stays silent. */
export async function startProcess(options: ProcessOptions): Promise<RunningProcess> {
  const [command, args] = boundToThisProcess(options.command, options.args ?? []);
  const environment: NodeJS.ProcessEnv = { ...process.env, ...options.environment };
  const child = spawn(command, args, { cwd: options.folder, env: environment, stdio: ['ignore', 'pipe', 'pipe'] });
  alive.add(child);
  const output = collectOutput([child.stdout, child.stderr]);
  const exited = new Promise<Exit>((resolve) => {
    child.once('close', (code, signal) => resolve({ code, signal }));
    child.once('error', (error) => {
      output.add(`${error.message}\n`);
      if (child.pid === undefined) resolve({ code: 127, signal: null });
    });
  });
  let exit: Exit | undefined;
  void exited.then((value) => {
    exit = value;
    alive.delete(child);
  });
  const stop = async (graceMs = STOP_GRACE_MS): Promise<Exit> => {
    if (exit !== undefined) return exit;
    child.kill('SIGTERM');
    const killer = setTimeout(() => child.kill('SIGKILL'), graceMs);
    return exited.finally(() => clearTimeout(killer));
  };
  try {
    await waitUntil(`${options.name} to be ready`, options.readyTimeoutMs ?? READY_TIMEOUT_MS, async () => {
      if (exit !== undefined) throw new Error(`ended early: ${exit.signal ?? `exit code ${exit.code}`}`);
      return isReady(options, output);
    });
  } catch (cause) {
    await stop();
    throw new Error(`${options.name} did not become ready\n${output.text()}`, { cause });
  }
  return { pid: child.pid!, output, exited, stop };
}

/** Runs a program to its end; throws with what it said when that is not exit code 0. */
export async function runToEnd(options: Omit<ProcessOptions, 'ready' | 'readyTimeoutMs'>): Promise<CollectedOutput> {
  const { exited, output } = await startProcess(options);
  const { code, signal } = await exited;
  if (code !== 0) throw new Error(`${options.name} ends with ${signal ?? `exit code ${code}`}\n${output.text()}`);
  return output;
}

async function isReady(options: ProcessOptions, output: CollectedOutput): Promise<boolean> {
  if (options.ready === undefined) return true;
  return 'line' in options.ready ? output.match(options.ready.line) !== undefined : options.ready.probe();
}

/**
 * Asks the kernel to end the program when this process dies, even by SIGKILL. `setpriv` replaces itself with the
 * program, so process id and /proc/PID/exe are the program's own; without it only an orderly end is covered.
 */
function boundToThisProcess(command: string, args: readonly string[]): [string, readonly string[]] {
  const setpriv = process.platform === 'linux' ? findOnPath('setpriv') : undefined;
  return setpriv === undefined ? [command, args] : [setpriv, ['--pdeathsig', 'KILL', '--', command, ...args]];
}
