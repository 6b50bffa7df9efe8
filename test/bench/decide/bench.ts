/** `npm run bench -- decide`: what a decision costs, beside Cedar's own engine in WebAssembly, cedar-go and OPA. */
import { formatRelease } from '@postern/policy-engine';
import type { BenchOptions } from '../benches.ts';
import { alternate } from '../measure/alternate.ts';
import { type Measurement, ratioOf } from '../measure/measurement.ts';
import { type BenchOutcome, type Figure, shareOfBest } from '../report/figure.ts';
import { brokerContender } from './broker.ts';
import { CEDAR_WASM } from './cedar_wasm.ts';
import { measureFirstDecision, measureMemory } from './cold_start.ts';
import { measurePerDecision, type PerDecision } from './per_decision.ts';
import { createPolicyWorld } from './policies.ts';
import { type ReleasedWorld, releaseWorld } from './release.ts';

const SIZES = [10, 100, 1_000, 10_000];
/** The size that the goals are about. */
const USUAL = 1_000;

const FULL = { rounds: 7, warmUpMs: 2_000, runMs: 400, coldRounds: 7, maxPeerPolicies: 10_000 };
const QUICK = { rounds: 5, warmUpMs: 500, runMs: 120, coldRounds: 2, maxPeerPolicies: USUAL };

export async function benchDecide({ isQuick, say }: BenchOptions): Promise<BenchOutcome> {
  const plan = isQuick ? QUICK : FULL;
  say(`making releases of ${SIZES.join(', ')} policies`);
  const worlds = SIZES.map((size) => releaseWorld(createPolicyWorld(size)));
  const [usual, largest] = [worlds[SIZES.indexOf(USUAL)]!, worlds.at(-1)!];
  const { rows: perDecision, versions, missing } = await measurePerDecision({ ...plan, worlds, say });
  if (missing !== undefined) say(missing);
  say(`the whole decision of the broker with ${USUAL} policies`);
  const { broker } = await alternate([brokerContender(USUAL, plan.runMs)], plan.rounds);
  say('first decisions in fresh processes');
  const first = await measureFirstDecision(usual, plan.coldRounds);
  if (!isQuick) say(`memory with ${largest.policies.length} policies`);
  const memory = isQuick ? undefined : await measureMemory(largest);

  const firstPeers = { [CEDAR_WASM]: first[CEDAR_WASM] };
  const figures: Figure[] = [
    ...perDecision.map(perDecisionFigure),
    growthFigure(perDecision),
    {
      name: `whole decision of the broker, user and workload, ${USUAL} policies`,
      unit: 'us',
      ours: broker,
      peers: {},
      goal: undefined,
    },
    {
      name: `load ${USUAL} policies and decide once, fresh process`,
      unit: 'ms',
      ours: first.ours,
      peers: firstPeers,
      goal: shareOfBest(`≤ 1/10 of ${CEDAR_WASM}`, 1 / 10, firstPeers),
    },
    ...(memory === undefined ? [] : [memoryFigure(memory, largest.policies.length)]),
  ];
  const notes = [...NOTES, ...(missing === undefined ? [] : [`Peers: ${missing}.`])];
  if (memory !== undefined) notes.push(memoryNote(largest));
  return { figures, versions, notes };
}

function perDecisionFigure({ policies, ours, peers }: PerDecision): Figure {
  const goal = policies === USUAL ? shareOfBest('≤ 1/20 of the best peer', 1 / 20, peers) : undefined;
  return { name: `CPU per decision, ${policies} policies`, unit: 'us', ours, peers, goal };
}

function growthFigure(perDecision: readonly PerDecision[]): Figure {
  const [smallest, largest] = [perDecision[0]!, perDecision.at(-1)!];
  const names = Object.keys(largest.peers);
  const peers = Object.fromEntries(names.map((name) => [name, ratioOf(largest.peers[name]!, smallest.peers[name]!)]));
  return {
    name: `growth from ${smallest.policies} to ${largest.policies} policies`,
    unit: 'x',
    ours: ratioOf(largest.ours, smallest.ours),
    peers,
    goal: { text: '≤ 3×', limit: 3 },
  };
}

function memoryFigure(memory: Measurement, policies: number): Figure {
  const name = `heap and buffers with ${policies} policies, all used`;
  return { name, unit: 'MiB', ours: memory, peers: {}, goal: { text: '≤ 100 MiB', limit: 100 } };
}

function memoryNote({ release, policies }: ReleasedWorld): string {
  const mib = (formatRelease(release).length / 2 ** 20).toFixed(1);
  return `Memory: the release of ${policies.length} policies has ${mib} MiB.`;
}

const NOTES = [
  'CPU per decision: one party, a user; context and entities are made from plain values each time, by us and for the peers alike. 1,000 different requests, six in ten allowed; outcomes were compared before measuring. We answer with policies, their places and annotations; how long an answer holds is worked out when it is asked for, and is not part of the figure.',
  `Each engine in a process of its own for each number of policies, warmed up by ${FULL.warmUpMs / 1000} s of CPU, without network, ours and cedar-wasm as bundles in Node: cedar-wasm with a policy set that it prepared; cedar-go; OPA’s Go SDK with one rule for each policy and its input made of its own values, which answers outcomes only.`,
  'Each permit asks for group, action, service, path prefix, age of sign-in, MFA, device, hours and network; one policy in twenty is a forbid of a team. Services, groups and teams grow with the policies.',
  'The broker: certificate and token verified before (warm caches), canonical form, routing, posture, the engine for two parties; without recording.',
  'Fresh process: CPU of all threads from after the start of Node until the first decision: modules, the file, and every check of a release but its signature. Ours is a bundle, as what is deployed, and begins without optimizing compilers as it does (decision 0020; cedar-wasm’s figure is the same with and without them); cedar-wasm is its own package and reads Cedar text.',
];
