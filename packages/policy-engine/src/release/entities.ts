/** The entities that a release itself defines: services, teams, workloads with their groups, actions. */

import { type Result, refuse } from '@postern/result';
import { type Entities, type EntitiesReason, type EntityInput, type EntityUid, entitiesOf } from '../cedar/index.ts';
import { actionUid, serviceUid, teamUid, workloadEntity, workloadGroupUid } from '../model.ts';
import { actionsOf } from './actions.ts';
import type { Release } from './release.ts';

/** Refused: `entity-duplicate` (two services, teams or groups of one name), `entity-cycle` (teams), too many. */
export function entitiesOfRelease(release: Release): Result<Entities, EntitiesReason | 'spiffe-id-malformed'> {
  const inputs: EntityInput[] = [];
  for (const team of release.teams) {
    inputs.push({ uid: teamUid(team.name), parents: team.parent === undefined ? [] : [teamUid(team.parent)] });
  }
  for (const group of release.workloadGroups) inputs.push({ uid: workloadGroupUid(group.name) });
  const actions: EntityInput[] = [];
  const actionGroups = new Map<string, EntityUid>();
  for (const service of release.services) {
    inputs.push({ uid: serviceUid(service.name), parents: [teamUid(service.owner)] });
    actionsOf(service).forEach((groups, id) => {
      const parents = groups.map((group) => {
        const uid = actionGroups.get(group) ?? actionUid(group);
        actionGroups.set(group, uid);
        return uid;
      });
      actions.push({ uid: actionUid(id), parents });
    });
  }
  // Before the actions, whose ancestors are then known at once.
  for (const uid of actionGroups.values()) inputs.push({ uid });
  for (const action of actions) inputs.push(action);
  for (const [spiffeId, parents] of parentsOfWorkloads(release)) {
    const entity = workloadEntity(spiffeId, parents);
    if (entity === undefined) return refuse('spiffe-id-malformed', spiffeId.slice(0, 255));
    inputs.push(entity);
  }
  return entitiesOf(inputs);
}

/** A workload belongs to the team that owns its service, and to the groups that list it. */
function parentsOfWorkloads(release: Release): Map<string, EntityUid[]> {
  const parents = new Map<string, EntityUid[]>();
  const add = (spiffeId: string, parent: EntityUid) => {
    const known = parents.get(spiffeId);
    if (known === undefined) parents.set(spiffeId, [parent]);
    else known.push(parent);
  };
  for (const service of release.services) for (const id of service.spiffeIds) add(id, teamUid(service.owner));
  for (const group of release.workloadGroups) for (const id of group.spiffeIds) add(id, workloadGroupUid(group.name));
  return parents;
}
