/** Which policies a request for an action of a service can meet, from their scopes alone. */
import { type Entities, type EntityUid, entityUid } from '../cedar/index.ts';
import { actionUid, serviceUid } from '../model.ts';
import type { ReleasedPolicy } from './release.ts';

interface UidJson {
  readonly type: string;
  readonly id: string;
}

/** The parts of Cedar's JSON policy format read here; `compilePolicySet` checked them. */
interface ScopesJson {
  readonly action: { readonly op: string; readonly entity?: unknown; readonly entities?: readonly unknown[] };
  readonly resource: {
    readonly op: string;
    readonly entity?: unknown;
    readonly entity_type?: string;
    readonly in?: unknown;
  };
}

/**
 * Policies whose action and resource scope matches, in policy order. Reads the JSON and not the compiled policies:
 * compiling thousands of them to leave out most would cost a cold start.
 */
export function policiesFor<P extends Pick<ReleasedPolicy, 'json'>>(
  policies: readonly P[],
  entities: Entities,
  service: string,
  action: string,
): readonly P[] {
  const actions = selfAndAncestors(actionUid(action), entities);
  const resources = selfAndAncestors(serviceUid(service), entities);
  return policies.filter(({ json }) => {
    const scopes = json as ScopesJson;
    return matchesAction(scopes.action, actions) && matchesResource(scopes.resource, resources);
  });
}

/** First the entity itself. */
type Lineage = readonly EntityUid[];

function selfAndAncestors(uid: EntityUid, entities: Entities): Lineage {
  return [uid, ...(entities.find(uid)?.ancestors ?? [])];
}

function matchesAction({ op, entity, entities }: ScopesJson['action'], lineage: Lineage): boolean {
  if (op === 'All') return true;
  if (op === '==') return isOneOf(entity, lineage.slice(0, 1));
  return (entities ?? [entity]).some((item) => isOneOf(item, lineage));
}

function matchesResource(scope: ScopesJson['resource'], lineage: Lineage): boolean {
  switch (scope.op) {
    case 'All':
      return true;
    case '==':
      return isOneOf(scope.entity, lineage.slice(0, 1));
    case 'in':
      return isOneOf(scope.entity, lineage);
    default: {
      if (scope.entity_type !== lineage[0]?.type) return false;
      const within = scope.in as { readonly entity?: unknown } | undefined | null;
      return within === undefined || within === null || isOneOf(within.entity, lineage);
    }
  }
}

function isOneOf(json: unknown, lineage: Lineage): boolean {
  const fields = json as (UidJson & { readonly __entity?: UidJson }) | undefined;
  const { type, id } = fields?.__entity ?? fields ?? entityUid('', '');
  return lineage.some((uid) => uid.id === id && uid.type === type);
}
