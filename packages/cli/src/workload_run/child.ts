/** The program that runs under `postern agent run`: its end is ours, and the signals that we get are its. */
import { type ChildProcess, spawn } from 'node:child_process';
import { constants } from 'node:os';
import { CommandFailure } from '../failure.ts';

export interface ChildOptions {
  readonly command: string;
  readonly args: readonly string[];
  readonly folder: string;
  readonly environment: { readonly [name: string]: string | undefined };
  /** How long it may take to end once it was told to by SIGTERM; then it is killed. */
  readonly killAfterMs: number;
  readonly onKill: () => void;
}

export interface RunningChild {
  /** Its own exit code, 128 + n when signal n ended it. Rejects with `CommandFailure` when it cannot be started. */
  readonly ended: Promise<number>;
  /** Passes it on. SIGTERM means the end, also where a restart was under way. */
  signal(name: NodeJS.Signals): void;
  /** SIGTERM, then the same program again; nothing while one is under way. */
  restart(): void;
}

const SIGNAL_BASE = 128;

/** What a shell answers for a program that signal `name` ended. */
export const signalExitCode = (name: NodeJS.Signals): number => SIGNAL_BASE + constants.signals[name];

/** With the streams of this process. */
export function startChild(options: ChildOptions): RunningChild {
  const { command, args, folder, environment, killAfterMs, onKill } = options;
  let child: ChildProcess | undefined;
  let wish: 'run' | 'restart' | 'end' = 'run';
  let killer: NodeJS.Timeout | undefined;

  function terminate(next: 'restart' | 'end'): void {
    wish = next;
    child?.kill('SIGTERM');
    killer ??= setTimeout(() => {
      onKill();
      child?.kill('SIGKILL');
    }, killAfterMs);
  }

  const ended = new Promise<number>((resolve, reject) => {
    const start = () => {
      wish = 'run';
      const started = spawn(command, args, { stdio: 'inherit', cwd: folder, env: environment });
      child = started;
      started.once('exit', (code, signal) => {
        clearTimeout(killer);
        killer = undefined;
        if (wish === 'restart') return startOr(reject);
        resolve(code ?? signalExitCode(signal ?? 'SIGKILL'));
      });
      // Without a number it never ran; with one, a signal could not be sent to it.
      started.on('error', (fault) => started.pid === undefined && reject(cannotStart(command, fault)));
    };
    const startOr = (fail: (fault: CommandFailure) => void) => {
      try {
        start();
      } catch (fault) {
        fail(cannotStart(command, fault));
      }
    };
    startOr(reject);
  });

  return {
    ended,
    signal(name) {
      if (name === 'SIGTERM') terminate('end');
      else child?.kill(name);
    },
    restart() {
      if (wish === 'run') terminate('restart');
    },
  };
}

function cannotStart(command: string, cause: unknown): CommandFailure {
  const { code = 'fault' } = cause as NodeJS.ErrnoException;
  return new CommandFailure(
    'usage',
    'program-not-started',
    `cannot start \`${command}\`: ${code}`,
    'name a program that is on PATH, or its whole path, after --',
    { cause },
  );
}
