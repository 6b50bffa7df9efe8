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
import { findNobody, findUnknownNames } from './unknown_names.ts';

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
  const population = { entities, groups, issuers: new Set(issuers.map(({ issuer }) => issuer)) };
  const judged = policies
    .filter(({ place }) => !problems.has('policy-impossible', place))
    .map((policy) => judge(policy, operations, entities));
  const applying = judged.filter((policy) => {
    const { place } = policy.file;
    const placeOfClause = (clause: number) => clausePlaces(place)[clause] ?? place;
    const never = whyNobody(policy.policy.principal, population) ?? whyAbsent(policy, services);
    if (never !== undefined) problems.warning('policy-never-applies', place, never);
    const nobody = never === undefined ? findNobody(policy.conjuncts, population) : undefined;
    if (nobody !== undefined) problems.warning('policy-never-applies', placeOfClause(nobody.clause), nobody.message);
    for (const { clause, message } of findUnknownNames(policy.policy, population)) {
      if (message !== nobody?.message) problems.warning('principal-unknown', placeOfClause(clause), message);
    }
    const isForSomebody = never === undefined && nobody === undefined;
    const contradiction = isForSomebody ? findContradiction(policy, services) : undefined;
    if (contradiction !== undefined) {
      problems.warning('policy-impossible', placeOfClause(contradiction.clause), contradiction.message);
    }
    return isForSomebody && contradiction === undefined && policy.reach.size > 0;
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
