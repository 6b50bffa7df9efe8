/** CPU per decision by number of policies, ours and the peers in turns; all must decide alike before anything counts. */
import { alternate, type Contender } from '../measure/alternate.ts';
import { callsForAsync, warmUp } from '../measure/cpu_time.ts';
import type { Measurement } from '../measure/measurement.ts';
import type { EngineProcess } from './engine_process.ts';
import { type Engines, OURS, openEngines } from './engines.ts';
import type { ReleasedWorld } from './release.ts';
import { createRequests, type PlainRequest } from './requests.ts';

export type PerDecision = {
  readonly policies: number;
  readonly ours: Measurement;
  /** By name; without those that would take too long for a quick run. */
  readonly peers: { readonly [name: string]: Measurement };
};

export type PerDecisionOutcome = {
  readonly rows: readonly PerDecision[];
  readonly versions: readonly string[];
  readonly missing: string | undefined;
};

export type PerDecisionPlan = {
  readonly worlds: readonly ReleasedWorld[];
  readonly rounds: number;
  /** CPU that each engine spends on decisions before any is counted. */
  readonly warmUpMs: number;
  /** CPU of one run. */
  readonly runMs: number;
  /** Larger ones are decided by us alone. */
  readonly maxPeerPolicies: number;
  readonly say: (line: string) => void;
};

const REQUESTS = 1_000;

export async function measurePerDecision(plan: PerDecisionPlan): Promise<PerDecisionOutcome> {
  const engines = await openEngines();
  try {
    const races: Race[] = [];
    for (const world of plan.worlds) races.push(await prepareRace(world, engines, plan));
    const contenders = races.flatMap((race) => race.contenders);
    plan.say(`${contenders.length} contenders, ${plan.rounds} rounds of ${plan.runMs} ms CPU each`);
    const measured = await alternate(contenders, plan.rounds);
    return {
      rows: races.map(({ policies, peerNames }) => ({
        policies,
        ours: measured[nameOf(OURS, policies)]!,
        peers: Object.fromEntries(peerNames.map((name) => [name, measured[nameOf(name, policies)]!])),
      })),
      versions: races[0]!.versions,
      missing: engines.missing,
    };
  } finally {
    await engines.stop();
  }
}

type Race = {
  readonly policies: number;
  readonly contenders: readonly Contender[];
  readonly peerNames: readonly string[];
  readonly versions: readonly string[];
};

async function prepareRace(world: ReleasedWorld, engines: Engines, plan: PerDecisionPlan): Promise<Race> {
  const policies = world.policies.length;
  const requests = createRequests(world, REQUESTS);
  const ours = await engines.startOurs(world, requests);
  const peers = policies > plan.maxPeerPolicies ? [] : await engines.startPeers(world, requests);
  const contenders: Contender[] = [];
  for (const engine of [ours, ...peers]) {
    checkAgreement(engine, ours.outcomes, requests);
    await warmUp(plan.warmUpMs, engine.cpuPerCallUs);
    const calls = await callsForAsync(plan.runMs, engine.cpuPerCallUs);
    contenders.push({ name: nameOf(engine.name, policies), run: () => engine.cpuPerCallUs(calls) });
  }
  return {
    policies,
    contenders,
    peerNames: peers.map(({ name }) => name),
    versions: peers.map(({ name, version }) => `${name} ${version.replace(/^v/, '')}`),
  };
}

function nameOf(engine: string, policies: number): string {
  return `${engine} ${policies}`;
}

/** A faster engine that decides something else has measured nothing. */
function checkAgreement(peer: EngineProcess, ours: readonly string[], requests: readonly PlainRequest[]): void {
  for (const [index, theirs] of peer.outcomes.entries()) {
    if (ours[index] !== theirs)
      throw new Error(`ours ${ours[index]}, ${peer.name} ${theirs}: ${JSON.stringify(requests[index])}`);
  }
  if (new Set(peer.outcomes).size !== 2) throw new Error('the requests should bring allows and denials alike');
}
