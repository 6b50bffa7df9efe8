/** CPU per decision by number of policies, ours and the peers in turns; all must decide alike before anything counts. */
import { formatRelease } from '@postern/policy-engine';
import { alternate, type Contender } from '../measure/alternate.ts';
import { callsFor, callsForAsync, cpuPerCallUs } from '../measure/cpu_time.ts';
import type { Measurement } from '../measure/measurement.ts';
import { decidePlain, load, parse } from './engine.ts';
import { openPeers, type Peer, type Peers } from './peers.ts';
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
  /** CPU of one run. */
  readonly runMs: number;
  /** Larger ones are decided by us alone. */
  readonly maxPeerPolicies: number;
  readonly say: (line: string) => void;
};

const REQUESTS = 1_000;

export async function measurePerDecision(plan: PerDecisionPlan): Promise<PerDecisionOutcome> {
  const peers = await openPeers();
  try {
    const races: Race[] = [];
    for (const world of plan.worlds) races.push(await prepareRace(world, peers, plan));
    const contenders = races.flatMap((race) => race.contenders);
    plan.say(`${contenders.length} contenders, ${plan.rounds} rounds of ${plan.runMs} ms CPU each`);
    const measured = await alternate(contenders, plan.rounds);
    return {
      rows: races.map(({ policies, peerNames }) => ({
        policies,
        ours: measured[nameOf('ours', policies)]!,
        peers: Object.fromEntries(peerNames.map((name) => [name, measured[nameOf(name, policies)]!])),
      })),
      versions: races[0]!.versions,
      missing: peers.missing,
    };
  } finally {
    await peers.stop();
  }
}

type Race = {
  readonly policies: number;
  readonly contenders: readonly Contender[];
  readonly peerNames: readonly string[];
  readonly versions: readonly string[];
};

async function prepareRace(world: ReleasedWorld, peers: Peers, plan: PerDecisionPlan): Promise<Race> {
  const policies = world.policies.length;
  const requests = createRequests(world, REQUESTS);
  // As a decision point has it: read from the bytes that were signed.
  const loaded = load(parse(formatRelease(world.release)));
  const ours = (index: number) => void decidePlain(loaded, requests[index % REQUESTS]!);
  const calls = callsFor(plan.runMs, ours, REQUESTS);
  const contenders: Contender[] = [{ name: nameOf('ours', policies), run: () => cpuPerCallUs(calls, ours) }];
  const present = policies > plan.maxPeerPolicies ? [] : await peers.start(world, requests);
  const outcomes = requests.map((request) => decidePlain(loaded, request).outcome);
  for (const peer of present) {
    checkAgreement(peer, outcomes, requests);
    const peerCalls = await callsForAsync(plan.runMs, peer.cpuPerCallUs);
    contenders.push({ name: nameOf(peer.name, policies), run: () => peer.cpuPerCallUs(peerCalls) });
  }
  return {
    policies,
    contenders,
    peerNames: present.map(({ name }) => name),
    versions: present.map(({ version }) => version),
  };
}

function nameOf(engine: string, policies: number): string {
  return `${engine} ${policies}`;
}

/** A faster engine that decides something else has measured nothing. */
function checkAgreement(peer: Peer, ours: readonly string[], requests: readonly PlainRequest[]): void {
  for (const [index, theirs] of peer.outcomes.entries()) {
    if (ours[index] !== theirs)
      throw new Error(`ours ${ours[index]}, ${peer.name} ${theirs}: ${JSON.stringify(requests[index])}`);
  }
  if (new Set(peer.outcomes).size !== 2) throw new Error('the requests should bring allows and denials alike');
}
