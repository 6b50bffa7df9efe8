/** What the policies are asked about one party of a request. */
import type { AuthorizationRequest, Entities, EntityInput } from './cedar/index.ts';
import type { DecisionInput, Party } from './decision.ts';
import { actionUid, serviceUid, workloadEntity } from './model.ts';
import type { LoadedRelease } from './release/load.ts';

export function partyRequest(input: DecisionInput, party: Party): AuthorizationRequest {
  return {
    principal: party.principal,
    action: actionUid(input.action),
    resource: serviceUid(input.service),
    context: input.context,
  };
}

/**
 * The request's entities over the release's, and a workload that the release does not know, by its name alone. Throws for
 * entities that contradict each other.
 */
export function requestEntities(loaded: LoadedRelease, input: DecisionInput): Entities {
  const inputs: EntityInput[] = [];
  for (const entity of input.entities) if (loaded.entities.find(entity.uid) === undefined) inputs.push(entity);
  for (const { kind, principal } of input.parties) {
    if (kind !== 'workload' || loaded.entities.find(principal) !== undefined) continue;
    if (inputs.some(({ uid }) => uid.id === principal.id && uid.type === principal.type)) continue;
    const entity = workloadEntity(principal.id);
    if (entity !== undefined) inputs.push(entity);
  }
  const entities = loaded.entities.with(inputs);
  if (!entities.ok) throw new Error(`the entities of a request do not fit: ${entities.reason}`);
  return entities.value;
}
