/** A release made ready to decide with. Immutable: a decision point swaps one for the next. */
import { accept, type Result, refuse } from '@postern/result';
import { compilePolicySet, type Entities, type Entity, type EntityUid, type PolicySet } from '../cedar/index.ts';
import { actionUid, serviceUid } from '../model.ts';
import { createRouter, type KnownPatterns, type Router } from '../routing/index.ts';
import { actionId, routesOf } from './actions.ts';
import { entitiesOfRelease } from './entities.ts';
import type { Release, ReleasedPolicy, Route, Service } from './release.ts';

export type LoadReleaseReason =
  | 'release-service-duplicate'
  | 'release-routes-invalid'
  | 'release-entities-invalid'
  | 'release-policies-invalid';

export interface LoadedService {
  readonly service: Service;
  readonly router: Router<Route>;
  readonly resource: NamedEntity;
  /** By full Cedar id. */
  readonly actions: ReadonlyMap<string, NamedEntity>;
}

/** What every decision about it asks for, looked up once. */
export interface NamedEntity {
  readonly uid: EntityUid;
  readonly entity: Entity | undefined;
}

export interface LoadedRelease {
  readonly release: Release;
  readonly services: ReadonlyMap<string, LoadedService>;
  readonly entities: Entities;
  /** Everything in the release, Cedar's own order. */
  readonly policies: PolicySet;
  readonly policiesById: ReadonlyMap<string, ReleasedPolicy>;
}

/**
 * Checks that every part of a verified release can be decided with, and indexes it; policies compile when they are first
 * needed. Refused as a whole (`detail` names the part), so that the release in force stays: a release without one of its
 * forbids would allow what that forbids.
 */
export function loadRelease(release: Release): Result<LoadedRelease, LoadReleaseReason> {
  const entities = entitiesOfRelease(release);
  if (!entities.ok) return refuse('release-entities-invalid', `${entities.reason} ${entities.detail ?? ''}`.trim());
  const named = (uid: EntityUid): NamedEntity => ({ uid, entity: entities.value.find(uid) });
  const services = new Map<string, LoadedService>();
  const patterns: KnownPatterns = new Map();
  for (const service of release.services) {
    if (services.has(service.name)) return refuse('release-service-duplicate', service.name);
    const routes = routesOf(service);
    const router = createRouter(routes, patterns);
    if (!router.ok) return refuse('release-routes-invalid', `${service.name}: ${router.reason}`);
    const actions = new Map<string, NamedEntity>();
    for (const { action } of routes) {
      const id = actionId(service.name, action);
      if (!actions.has(id)) actions.set(id, named(actionUid(id)));
    }
    const resource = named(serviceUid(service.name));
    services.set(service.name, { service, router: router.value, resource, actions });
  }
  const policies = compilePolicySet({ policies: release.policies });
  if (!policies.ok) return refuse('release-policies-invalid', `${policies.reason} ${policies.detail ?? ''}`.trim());
  const policiesById = new Map<string, ReleasedPolicy>();
  for (let index = 0; index < release.policies.length; index++) {
    const policy = release.policies[index]!;
    // What is recorded and explained about a policy must be what it does.
    if (policies.value.effect(policy.id) !== policy.effect)
      return refuse('release-policies-invalid', `the effect of ${policy.id} differs from its text`);
    policiesById.set(policy.id, policy);
  }
  return accept({
    release,
    services,
    entities: entities.value,
    policies: policies.value,
    policiesById,
  });
}
