/** CPU per decision by number of policies, ours and cedar-wasm in turns; both must decide alike before anything counts. */
import type { LoadedRelease } from '@postern/policy-engine';
import { alternate, type Contender } from '../measure/alternate.ts';
import { callsFor, cpuPerCallUs } from '../measure/cpu_time.ts';
import type { Measurement } from '../measure/measurement.ts';
import { CEDAR_WASM, decideWithCedarWasm, prepare } from './cedar_wasm.ts';
import { decidePlain, load } from './engine.ts';
import type { ReleasedWorld } from './release.ts';
import { createRequests, type PlainRequest } from './requests.ts';

export type PerDecision = {
  readonly policies: number;
  readonly ours: Measurement;
  /** Absent where it would take too long for a quick run. */
  readonly cedarWasm?: Measurement;
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
const COMPARED = 100;

export async function measurePerDecision(plan: PerDecisionPlan): Promise<PerDecision[]> {
  const contenders = plan.worlds.flatMap((world) => contendersFor(world, plan));
  plan.say(`${contenders.length} contenders, ${plan.rounds} rounds of ${plan.runMs} ms CPU each`);
  const measured = await alternate(contenders, plan.rounds);
  return plan.worlds.map(({ policies: { length } }) => ({
    policies: length,
    ours: measured[`ours ${length}`]!,
    cedarWasm: measured[`${CEDAR_WASM} ${length}`],
  }));
}

function contendersFor(world: ReleasedWorld, plan: PerDecisionPlan): Contender[] {
  const { length } = world.policies;
  const requests = createRequests(world, REQUESTS);
  const loaded = load(world.release);
  const ours = (index: number) => void decidePlain(loaded, requests[index % REQUESTS]!);
  const contenders = [contender(`ours ${length}`, plan.runMs, ours, REQUESTS)];
  if (length > plan.maxPeerPolicies) return contenders;
  const setId = `bench-${length}`;
  prepare(setId, world.policies);
  checkAgreement(loaded, setId, requests);
  const peer = (index: number) => void decideWithCedarWasm(setId, requests[(index * 7) % REQUESTS]!);
  return [...contenders, contender(`${CEDAR_WASM} ${length}`, plan.runMs, peer, 1)];
}

function contender(name: string, runMs: number, call: (index: number) => void, minimum: number): Contender {
  const calls = callsFor(runMs, call, minimum);
  return { name, run: () => cpuPerCallUs(calls, call) };
}

/** A faster engine that decides something else has measured nothing. */
function checkAgreement(loaded: LoadedRelease, setId: string, requests: readonly PlainRequest[]): void {
  const outcomes = new Set<string>();
  for (const request of requests.slice(0, COMPARED)) {
    const ours = decidePlain(loaded, request);
    const theirs = decideWithCedarWasm(setId, request);
    if (ours.outcome !== theirs)
      throw new Error(`ours ${ours.outcome}, cedar-wasm ${theirs}: ${JSON.stringify(request)}`);
    outcomes.add(ours.outcome);
  }
  if (outcomes.size !== 2) throw new Error('the requests should bring allows and denials alike');
}
