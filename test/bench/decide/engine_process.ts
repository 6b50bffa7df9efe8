/**
 * An engine in a process of its own, so that none disturbs another: it prints its version and its first outcomes, then
 * answers each number of decisions on its standard input with the CPU µs that one of them took.
 */
import { type ChildProcessByStdio, spawn } from 'node:child_process';
import { createInterface } from 'node:readline';
import type { Readable, Writable } from 'node:stream';

export type EngineProcess = {
  readonly name: string;
  /** Such as `v1.9.0`. */
  readonly version: string;
  /** Of the first requests. */
  readonly outcomes: readonly string[];
  /** CPU µs a decision, of all threads of the process. */
  readonly cpuPerCallUs: (calls: number) => Promise<number>;
  readonly stop: () => void;
};

/** Waits until the engine has prepared its policies; throws with what it said when it cannot. */
export async function startEngine(name: string, command: readonly string[]): Promise<EngineProcess> {
  const [program = '', ...args] = command;
  const child = spawn(program, args, { stdio: ['pipe', 'pipe', 'pipe'] });
  const readLine = linesOf(name, child);
  const { version, outcomes } = JSON.parse(await readLine()) as Pick<EngineProcess, 'version' | 'outcomes'>;
  return {
    name,
    version,
    outcomes,
    cpuPerCallUs: async (calls) => {
      child.stdin.write(`${calls}\n`);
      return Number(await readLine());
    },
    stop: () => void child.kill(),
  };
}

function linesOf(name: string, child: ChildProcessByStdio<Writable, Readable, Readable>): () => Promise<string> {
  let complaint = '';
  child.stderr.on('data', (chunk: Buffer) => {
    complaint += chunk.toString('utf8');
  });
  child.on('error', (fault) => {
    complaint += fault.message;
  });
  const lines = createInterface({ input: child.stdout })[Symbol.asyncIterator]();
  return async () => {
    const { done, value } = await lines.next();
    if (done === true) throw new Error(`${name} ended: ${complaint.trim().slice(0, 500)}`);
    return value;
  };
}
