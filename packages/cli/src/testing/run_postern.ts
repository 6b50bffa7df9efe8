/** Runs the real program as a child process, as a shell would. */
import { type ChildProcess, spawn } from 'node:child_process';
import { join } from 'node:path';
import { createInterface } from 'node:readline';

export const MAIN = join(import.meta.dirname, '../main.ts');

export interface Ended {
  readonly code: number | null;
  readonly out: string;
  readonly err: string;
}

export interface RunOptions {
  readonly folder: string;
  readonly environment?: { readonly [name: string]: string | undefined };
}

export function runPostern(args: readonly string[], options: RunOptions): Promise<Ended> {
  const child = spawnPostern(args, options);
  const text = { out: '', err: '' };
  child.stdout?.on('data', (chunk) => {
    text.out += chunk;
  });
  child.stderr?.on('data', (chunk) => {
    text.err += chunk;
  });
  return new Promise((resolve, reject) => {
    child.once('error', reject);
    child.once('close', (code) => resolve({ code, ...text }));
  });
}

export interface Staying {
  readonly firstLine: string;
  /** What it said on stderr so far. */
  readonly err: () => string;
  /** SIGINT, as Ctrl-C; answers the exit code. */
  interrupt(): Promise<number | null>;
}

/** A command that stays: resolves with its first line on stdout, rejects when it ends before. */
export async function startPostern(args: readonly string[], options: RunOptions): Promise<Staying> {
  const child = spawnPostern(args, options);
  let err = '';
  child.stderr?.on('data', (chunk) => {
    err += chunk;
  });
  const ended = new Promise<number | null>((resolve) => child.once('close', resolve));
  if (child.stdout === null) throw new Error('no stdout');
  const lines = createInterface({ input: child.stdout });
  const firstLine = await Promise.race([
    new Promise<string>((resolve) => lines.once('line', resolve)),
    ended.then((code) => Promise.reject(new Error(`ended with ${code}: ${err}`))),
  ]);
  return {
    firstLine,
    err: () => err,
    interrupt() {
      child.kill('SIGINT');
      return ended;
    },
  };
}

function spawnPostern(args: readonly string[], { folder, environment = {} }: RunOptions): ChildProcess {
  const {
    POSTERN_URL: _url,
    POSTERN_ADMIN_TOKEN_FILE: _file,
    POSTERN_DEPLOYMENT: _deployment,
    SPIFFE_ENDPOINT_SOCKET: _socket,
    ...inherited
  } = process.env;
  return spawn(process.execPath, [MAIN, ...args], { cwd: folder, env: { ...inherited, ...environment } });
}
