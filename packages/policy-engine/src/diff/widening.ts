/**
 * What lets more through in one release than in another, as far as the two alone say it. Recorded inputs show who gains by
 * a changed condition; of most of this they show nothing, because they hold what came of it: who was known, and how.
 */
import type { LoadedRelease, WorkloadGroup } from '../release/index.ts';
import { issuerWidenings } from './issuer_widening.ts';
import { policyWidenings } from './policy_widening.ts';
import { routeWidenings } from './route_widening.ts';
import { serviceWidenings } from './service_widening.ts';

export type WideningCode =
  | 'policy-wider'
  | 'route-wider'
  | 'user-less-required'
  | 'service-observes'
  | 'service-believes-more'
  | 'service-takes-more'
  | 'service-stale-longer'
  | 'issuer-trusted-more'
  | 'group-members'
  | 'errors-skipped';

export interface Widening {
  readonly code: WideningCode;
  /** The policy, service, issuer or group. */
  readonly subject: string;
  /** Lower case, no full stop; names and values are as long as they are in the release. */
  readonly message: string;
}

/** In the order of what is changed: settings, issuers, groups, services, routes, policies. Empty where nothing is known to. */
export function findWidenings(before: LoadedRelease, after: LoadedRelease): readonly Widening[] {
  const [left, right] = [before.release, after.release];
  return [
    ...(left.strictErrors && !right.strictErrors ? [ERRORS_SKIPPED] : []),
    ...issuerWidenings(left.issuers, right.issuers),
    ...groupWidenings(left.workloadGroups, right.workloadGroups),
    ...right.services.flatMap((service) => serviceWidenings(before.services.get(service.name)?.service, service)),
    ...routeWidenings(before, after),
    ...policyWidenings(left.policies, right.policies),
  ];
}

const ERRORS_SKIPPED: Widening = {
  code: 'errors-skipped',
  subject: 'strictErrors',
  message: 'a forbid that cannot be evaluated is skipped, and denied before',
};

/** Whoever is in a group has its permits. */
function groupWidenings(before: readonly WorkloadGroup[], after: readonly WorkloadGroup[]): Widening[] {
  const members = new Map(before.map(({ name, spiffeIds }) => [name, new Set(spiffeIds)]));
  return after.flatMap(({ name, spiffeIds }) =>
    spiffeIds
      .filter((id) => members.has(name) && members.get(name)?.has(id) !== true)
      .map((id) => ({ code: 'group-members', subject: name, message: `${id} is in the group now` }) as const),
  );
}
