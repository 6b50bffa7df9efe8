/** What a release tells about its policies beyond deciding, worked out when it is first asked and kept with it. */
import { compilePolicySet, type PolicySet } from './cedar/index.ts';
import { parseChallenge } from './challenge.ts';
import { policiesFor } from './release/applicable.ts';
import type { LoadedRelease } from './release/load.ts';
import type { ReleasedPolicy } from './release/release.ts';

interface Derived {
  challengeFree?: PolicySet;
  readonly applicable: Map<string, readonly ReleasedPolicy[]>;
}

const derived = new WeakMap<LoadedRelease, Derived>();

function derivedFrom(loaded: LoadedRelease): Derived {
  let known = derived.get(loaded);
  if (known === undefined) {
    known = { applicable: new Map() };
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
