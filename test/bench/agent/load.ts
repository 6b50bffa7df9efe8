/** Load on one URL of this machine, closed loop: `wrk` where it is installed, else a small client in Node. */
import { execFile } from 'node:child_process';
import { join } from 'node:path';
import { promisify } from 'node:util';
import { findOnPath } from '../../tools/places.ts';

export type LoadPlan = {
  readonly url: string;
  readonly headers: readonly (readonly [name: string, value: string])[];
  readonly connections: number;
  readonly seconds: number;
};

export type LoadReport = {
  readonly requests: number;
  /** Answers other than 200: every request of the load is one to allow. */
  readonly refused: number;
  readonly requestsPerSecond: number;
  readonly p50Ms: number;
  readonly p99Ms: number;
};

export type LoadGenerator = { readonly name: string; readonly run: (plan: LoadPlan) => Promise<LoadReport> };

const start = promisify(execFile);
const NODE_CLIENT = join(import.meta.dirname, 'load_program.ts');

export function findLoadGenerator(): LoadGenerator {
  const wrk = findOnPath('wrk');
  return wrk === undefined
    ? { name: `a client in Node ${process.versions.node} (no wrk on PATH)`, run: runNodeClient }
    : { name: 'wrk', run: (plan) => runWrk(wrk, plan) };
}

async function runWrk(wrk: string, { url, headers, connections, seconds }: LoadPlan): Promise<LoadReport> {
  const lines = headers.flatMap(([name, value]) => ['-H', `${name}: ${value}`]);
  const args = ['--latency', '-t1', `-c${connections}`, `-d${seconds}s`, ...lines, url];
  return parseWrk((await start(wrk, args)).stdout);
}

const TO_MS: { readonly [unit: string]: number } = { us: 0.001, ms: 1, s: 1000, m: 60_000 };

/** Throws for a run with broken connections. */
export function parseWrk(text: string): LoadReport {
  const broken = /Socket errors: .*/.exec(text);
  if (broken !== null) throw new Error(`wrk reports ${broken[0]}`);
  const number = (pattern: RegExp) => {
    const found = pattern.exec(text);
    if (found === null) throw new Error(`wrk's report has no ${pattern}`);
    return Number(found[1]) * (found[2] === undefined ? 1 : (TO_MS[found[2]] ?? Number.NaN));
  };
  return {
    requests: number(/^\s*(\d+) requests in /m),
    refused: Number(/Non-2xx or 3xx responses: (\d+)/.exec(text)?.[1] ?? 0),
    requestsPerSecond: number(/^Requests\/sec:\s+([\d.]+)/m),
    p50Ms: number(/^\s+50%\s+([\d.]+)(us|ms|s|m)$/m),
    p99Ms: number(/^\s+99%\s+([\d.]+)(us|ms|s|m)$/m),
  };
}

/** The plan goes by the environment: a token on a command line can be read by every user of the machine. */
async function runNodeClient(plan: LoadPlan): Promise<LoadReport> {
  const env = { ...process.env, POSTERN_BENCH_LOAD: JSON.stringify(plan) };
  return JSON.parse((await start(process.execPath, [NODE_CLIENT], { env })).stdout) as LoadReport;
}
