/** Policy engines written in Go, each in a process of its own (test/bench/peers): one for each engine and set of policies. */
import { type ChildProcessByStdio, spawn } from 'node:child_process';
import { createInterface } from 'node:readline';
import type { Readable, Writable } from 'node:stream';

export const GO_PEERS = ['cedar-go', 'opa'] as const;
export type GoPeerName = (typeof GO_PEERS)[number];

export type GoPeer = {
  readonly name: GoPeerName;
  /** Such as `v1.9.0`. */
  readonly version: string;
  /** Of the first requests. */
  readonly outcomes: readonly string[];
  /** CPU µs a decision, of all threads of the process. */
  readonly cpuPerCallUs: (calls: number) => Promise<number>;
  readonly stop: () => void;
};

/** Waits until the engine has prepared the policies of `worldFile`; throws with what it said when it cannot. */
export async function startGoPeer(program: string, name: GoPeerName, worldFile: string): Promise<GoPeer> {
  const child = spawn(program, [name, worldFile], { stdio: ['pipe', 'pipe', 'pipe'] });
  const readLine = linesOf(name, child);
  const { version, outcomes } = JSON.parse(await readLine()) as Pick<GoPeer, 'version' | 'outcomes'>;
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
