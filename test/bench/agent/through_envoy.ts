/** The same load through Envoy without a decision, with one over gRPC and with one over HTTP, in turns. */
import { readFileSync } from 'node:fs';
import { request } from 'node:http';
import { type RunningEnvoy, startEnvoy } from '../../kit/envoy.ts';
import { collectRuns } from '../measure/alternate.ts';
import { processCpuUs } from '../measure/cpu_time.ts';
import { type Measurement, measurementOf } from '../measure/measurement.ts';
import type { Cleanup } from '../world/cleanup.ts';
import { envoyConfig, FLAVOURS, type Flavour } from './envoy_config.ts';
import type { LoadGenerator, LoadReport } from './load.ts';
import type { BenchNode } from './node.ts';

export type LoadRun = LoadReport & {
  /** CPU of the agent for each request. */
  readonly agentCpuUs: number;
};

export type ThroughEnvoy = {
  readonly of: (flavour: Flavour, quantity: (run: LoadRun) => number) => Measurement;
  readonly agentMemoryMib: number;
};

export const CONNECTIONS = 16;
/** Above it the load measures denials and not decisions. */
const MAX_REFUSED_SHARE = 0.05;
const PATH = '/accounts/4711/balance';

export async function measureThroughEnvoy(
  node: BenchNode,
  load: LoadGenerator,
  plan: { readonly seconds: number; readonly rounds: number },
  cleanup: Cleanup,
): Promise<ThroughEnvoy> {
  const urls = new Map<Flavour, string>();
  for (const flavour of FLAVOURS) {
    const envoy = await startEnvoy({ name: `bench-${flavour}`, config: envoyConfig(flavour, node.sockets) });
    cleanup.add(envoy.stop);
    urls.set(flavour, await urlOf(envoy));
    await checkAnswers(flavour, urls.get(flavour)!, node);
  }
  const contenders = FLAVOURS.map((name) => ({
    name,
    async run(): Promise<LoadRun> {
      const startUs = processCpuUs(node.agent.pid);
      const target = { url: urls.get(name)!, headers: node.headers, connections: CONNECTIONS };
      const report = await load.run({ ...target, seconds: plan.seconds });
      if (report.refused > report.requests * MAX_REFUSED_SHARE)
        throw new Error(`${name}: ${report.refused} of ${report.requests} answers are not 200`);
      return { ...report, agentCpuUs: (processCpuUs(node.agent.pid) - startUs) / report.requests };
    },
  }));
  const runs = await collectRuns(contenders, plan.rounds);
  return {
    of: (flavour, quantity) => measurementOf(runs[flavour].map(quantity)),
    agentMemoryMib: residentMib(node.agent.pid),
  };
}

async function urlOf(envoy: RunningEnvoy): Promise<string> {
  await envoy.waitReady();
  const { inbound } = await envoy.ports();
  if (inbound === undefined) throw new Error('Envoy does not listen');
  return `http://127.0.0.1:${inbound}${PATH}`;
}

/** Allowed with the credentials and refused without them: otherwise nothing would be decided. */
async function checkAnswers(flavour: Flavour, url: string, { headers }: BenchNode): Promise<void> {
  const [host] = headers;
  const allowed = await statusOf(url, headers);
  const refused = await statusOf(url, [host!]);
  if (allowed !== 200 || (refused === 200) !== (flavour === 'none'))
    throw new Error(`${flavour}: answers ${allowed} with credentials, ${refused} without`);
}

/** By `node:http`, since `fetch` does not send a `Host` of the caller's. */
function statusOf(url: string, headers: BenchNode['headers']): Promise<number> {
  return new Promise((resolve, reject) => {
    const asked = request(url, { agent: false, headers: headers.flat() }, (response) => {
      response.resume();
      resolve(response.statusCode ?? 0);
    });
    asked.once('error', reject);
    asked.end();
  });
}

function residentMib(pid: number): number {
  const found = /^VmRSS:\s+(\d+) kB/m.exec(readFileSync(`/proc/${pid}/status`, 'utf8'));
  return Number(found?.[1]) / 1024;
}
