/** What a release tells about its policies beyond deciding, worked out when it is first asked and kept with it. */
import { compilePolicySet, type PolicySet } from './cedar/index.ts';
import { parseChallenge } from './challenge.ts';
import { policiesFor } from './release/applicable.ts';
import type { LoadedRelease } from './release/load.ts';
import type { ReleasedPolicy } from './release/release.ts';

interface Derived {
  challengeFree?: PolicySet;
  readonly applicable: Map<string, readonly ReleasedPolicy[]>;
  readonly readsTime: Map<string, boolean>;
  readonly policyReadsTime: Map<string, boolean>;
}

const derived = new WeakMap<LoadedRelease, Derived>();

function derivedFrom(loaded: LoadedRelease): Derived {
  let known = derived.get(loaded);
  if (known === undefined) {
    known = { applicable: new Map(), readsTime: new Map(), policyReadsTime: new Map() };
    derived.set(loaded, known);
  }
  return known;
}

/** The release's policies without forbids that name a way out. */
export function challengeFreePolicies(loaded: LoadedRelease): PolicySet {
  const known = derivedFrom(loaded);
  if (known.challengeFree === undefined) {
    const policies = loaded.release.policies.filter(
      ({ effect, annotations }) => effect === 'permit' || parseChallenge(annotations['challenge']) === undefined,
    );
    const set = compilePolicySet({ policies });
    if (!set.ok) throw new Error(`part of a loaded release does not load: ${set.reason}`);
    known.challengeFree = set.value;
  }
  return known.challengeFree;
}

/** Policies whose action and resource scope fits an action of a service, whatever the principal and the conditions. */
export function applicablePolicies(loaded: LoadedRelease, service: string, action: string): readonly ReleasedPolicy[] {
  const known = derivedFrom(loaded);
  let policies = known.applicable.get(action);
  if (policies === undefined) {
    policies = policiesFor(loaded.release.policies, loaded.entities, service, action);
    known.applicable.set(action, policies);
  }
  return policies;
}

/** Attributes whose value changes by time alone. `policyReads` gives paths; one covers everything below it. */
const TIME_PATHS = ['context.now', 'context.local', 'context.auth.ageSeconds'];

/** Whether time alone could change the answer for this action: then an answer holds only for the moment. */
export function readsTime(loaded: LoadedRelease, service: string, action: string): boolean {
  const known = derivedFrom(loaded);
  let reads = known.readsTime.get(action);
  if (reads === undefined) {
    reads = applicablePolicies(loaded, service, action).some((policy) => policyReadsTime(loaded, policy.id));
    known.readsTime.set(action, reads);
  }
  return reads;
}

/** Reading a policy's conditions costs some 10 µs, so each is read once, not once per action. */
function policyReadsTime(loaded: LoadedRelease, policyId: string): boolean {
  const { policyReadsTime: cache } = derivedFrom(loaded);
  let reads = cache.get(policyId);
  if (reads === undefined) {
    const paths = loaded.policies.reads(policyId);
    if (paths === undefined) throw new Error('a policy of the release is not in its policy set');
    reads = [...paths].some((path) => TIME_PATHS.some((time) => covers(path, time) || covers(time, path)));
    cache.set(policyId, reads);
  }
  return reads;
}

function covers(upper: string, lower: string): boolean {
  return lower === upper || lower.startsWith(`${upper}.`) || lower.startsWith(`${upper}[`);
}
