/** `npm run bench -- agent`: what a decision beside the proxy adds to a request through a real Envoy. */
import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { findTool } from '../../kit/tools.ts';
import { toolTable } from '../../tools/tool_table.ts';
import type { BenchOptions } from '../benches.ts';
import { measurementOf } from '../measure/measurement.ts';
import type { BenchOutcome, Figure, Unit } from '../report/figure.ts';
import { createCleanup } from '../world/cleanup.ts';
import { findLoadGenerator, type LoadGenerator } from './load.ts';
import { startNode } from './node.ts';
import { CONNECTIONS, type LoadRun, measureThroughEnvoy, type ThroughEnvoy } from './through_envoy.ts';

const POLICIES = 1_000;
const FULL = { seconds: 8, rounds: 5 };
const QUICK = { seconds: 1, rounds: 2 };

export async function benchAgent({ isQuick, say }: BenchOptions): Promise<BenchOutcome> {
  const envoy = findTool('envoy');
  if (envoy === undefined) {
    return { figures: [], versions: [], notes: [], missing: 'Envoy is not installed; `npm run tools` gets it' };
  }
  const plan = isQuick ? QUICK : FULL;
  const cleanup = createCleanup();
  const dir = await mkdtemp(join(tmpdir(), 'postern-bench-'));
  cleanup.add(() => rm(dir, { recursive: true, force: true }));
  try {
    say(`starting control plane, agent and three Envoys; a release of ${POLICIES} policies`);
    const node = await startNode(dir, envoy, POLICIES, cleanup);
    const load = findLoadGenerator();
    say(`load by ${load.name}: ${plan.rounds} rounds of ${plan.seconds} s, ${CONNECTIONS} connections`);
    const measured = await measureThroughEnvoy(node, load, plan, cleanup).catch((cause: Error) => {
      throw new Error(`${cause.message}\nthe agent says:\n${lastLines(node.agent.output.text())}`, { cause });
    });
    return { figures: figuresOf(measured), versions: [envoyVersion()], notes: notesOf(load) };
  } finally {
    await cleanup.run();
  }
}

const MAX_LINES = 20;

function lastLines(text: string): string {
  return text.trimEnd().split('\n').slice(-MAX_LINES).join('\n');
}

const FLAVOUR_NAMES = { grpc: 'gRPC', http: 'HTTP' } as const;
const QUANTITIES: readonly { name: string; unit: Unit; of: (run: LoadRun) => number }[] = [
  { name: 'requests/s', unit: 'requests/s', of: (run) => run.requestsPerSecond },
  { name: 'p50', unit: 'ms', of: (run) => run.p50Ms },
  { name: 'p99', unit: 'ms', of: (run) => run.p99Ms },
];

function figuresOf(measured: ThroughEnvoy): Figure[] {
  const figures: Figure[] = QUANTITIES.flatMap(({ name, unit, of }) =>
    (['grpc', 'http'] as const).map((flavour) => ({
      name: `${name} through Envoy, agent over ${FLAVOUR_NAMES[flavour]}`,
      unit,
      ours: measured.of(flavour, of),
      peers: { 'no ext_authz': measured.of('none', of) },
      goal: undefined,
    })),
  );
  for (const flavour of ['grpc', 'http'] as const) {
    const ours = measured.of(flavour, (run) => run.agentCpuUs);
    const name = `CPU of the agent per request over ${FLAVOUR_NAMES[flavour]}`;
    figures.push({ name, unit: 'us', ours, peers: {}, goal: undefined });
  }
  for (const flavour of ['grpc', 'http'] as const) {
    // Of the worst run: a median would hide the one in which it happened.
    const { max } = measured.of(flavour, (run) => run.refused);
    figures.push({
      name: `requests refused that are to be allowed, over ${FLAVOUR_NAMES[flavour]}, worst run`,
      unit: 'requests',
      ours: measurementOf([max]),
      peers: {},
      goal: { text: '0', limit: 0 },
    });
  }
  figures.push({
    name: `memory of the agent after the load, ${POLICIES} policies`,
    unit: 'MiB',
    ours: measurementOf([measured.agentMemoryMib]),
    peers: {},
    goal: { text: '≤ 110 MiB', limit: 110 },
  });
  return figures;
}

function envoyVersion(): string {
  return `Envoy ${toolTable.find(({ name }) => name === 'envoy')!.version}`;
}

function notesOf(load: LoadGenerator): string[] {
  return [
    `Load by ${load.name} from this machine, ${CONNECTIONS} connections, each with one request at a time; one Envoy with one worker for each column, ours and the peer in turns.`,
    'Each request has a user token, the caller’s certificate in a forwarded header and a device with posture; two parties are decided about, and every decision is recorded, signed and spooled (`--audit batched`, the agent’s default).',
    'Envoy has the product’s own configuration with ext_authz over Unix sockets, but takes plain HTTP and answers by itself: neither TLS nor an application is part of the figures.',
    'CPU of the agent: user and system time of its process during the load, all threads, whatever else it does included.',
  ];
}
