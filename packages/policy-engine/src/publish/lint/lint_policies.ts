/** What compiles and yet cannot be meant: policies that never apply, and policies that never decide. */
import type { Entities } from '../../cedar/index.ts';
import type { Release } from '../../release/release.ts';
import { clausePlaces } from '../clause_places.ts';
import type { Problems } from '../problem.ts';
import type { PolicyFile } from '../read_policies.ts';
import { createSource, lineOf, placeOf } from '../source.ts';
import type { Operation } from '../team_scope.ts';
import { whyAbsent } from './absent_parties.ts';
import { findContradiction } from './contradictions.ts';
import { type JudgedPolicy, judge } from './judged_policy.ts';
import { whyNobody } from './principal_scope.ts';
import { findShadows } from './shadowed.ts';

/** Reports warnings about policies that compiled. One that never applies is not compared with others. */
export function lintPolicies(
  policies: readonly PolicyFile[],
  release: Release,
  operations: readonly Operation[],
  entities: Entities,
  problems: Problems,
): void {
  const services = new Map(release.services.map((service) => [service.name, service]));
  const { issuers } = release;
  const groups = issuers.length === 0 ? undefined : new Set(issuers.flatMap((issuer) => Object.values(issuer.groups)));
  const judged = policies
    .filter(({ place }) => !problems.has('policy-impossible', place))
    .map((policy) => judge(policy, operations, entities));
  const applying = judged.filter((policy) => {
    const never = whyNobody(policy.policy.principal, { entities, groups }) ?? whyAbsent(policy, services);
    if (never !== undefined) problems.warning('policy-never-applies', policy.file.place, never);
    const contradiction = never === undefined ? findContradiction(policy, services) : undefined;
    if (contradiction !== undefined) {
      const place = clausePlaces(policy.file.place)[contradiction.clause] ?? policy.file.place;
      problems.warning('policy-impossible', place, contradiction.message);
    }
    return never === undefined && contradiction === undefined && policy.reach.size > 0;
  });
  reportShadows(applying, entities, problems);
}

function reportShadows(policies: readonly JudgedPolicy[], entities: Entities, problems: Problems): void {
  const { found, isComplete } = findShadows(policies, entities);
  for (const { policy, by } of found) {
    const { place } = by.file;
    const other = `\`${by.file.id}\` (${place.source.file}:${lineOf(place)})`;
    if (policy.policy.effect === by.policy.effect) {
      const message = `${other} applies whenever this does: without it nothing changes`;
      problems.warning('policy-shadowed', policy.file.place, message);
    } else {
      const message = `${other} forbids whatever this permits`;
      problems.warning('permit-overruled', policy.file.place, message);
    }
  }
  if (!isComplete) {
    const message = 'so many policies meet at one action that not all of them were compared';
    problems.warning('check-incomplete', placeOf(createSource('', '')), message);
  }
}
