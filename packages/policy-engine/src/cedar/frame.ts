/** What one evaluation reads: the request and the entities, with the request's own entities looked up once. */
import type { Entities, Entity } from './entities.ts';
import type { VariableName } from './expression.ts';
import type { CedarRecord, EntityUid, Value } from './value.ts';

export interface AuthorizationRequest {
  readonly principal: EntityUid;
  readonly action: EntityUid;
  readonly resource: EntityUid;
  readonly context: CedarRecord;
  /** The entities of `action` and `resource` where the caller has them at hand; else they are looked up. */
  readonly actionEntity?: Entity | undefined;
  readonly resourceEntity?: Entity | undefined;
}

export interface Frame extends AuthorizationRequest {
  /** No two frames have the same. */
  readonly number: number;
  readonly entities: Entities;
  /** `undefined` where the entity is not among `entities`. */
  readonly principalEntity: Entity | undefined;
  readonly actionEntity: Entity | undefined;
  readonly resourceEntity: Entity | undefined;
}

let frames = 0;

export function frameOf(request: AuthorizationRequest, entities: Entities): Frame {
  return {
    number: ++frames,
    principal: request.principal,
    action: request.action,
    resource: request.resource,
    context: request.context,
    entities,
    principalEntity: entities.find(request.principal),
    actionEntity: request.actionEntity ?? entities.find(request.action),
    resourceEntity: request.resourceEntity ?? entities.find(request.resource),
  };
}

/** How a compiled expression looks at a variable, and at the entity it names. */
export interface Variable {
  readonly value: (frame: Frame) => Value;
  readonly entity: ((frame: Frame) => Entity | undefined) | undefined;
}

export const VARIABLES: { readonly [name in VariableName]: Variable } = {
  principal: { value: (frame) => frame.principal, entity: (frame) => frame.principalEntity },
  action: { value: (frame) => frame.action, entity: (frame) => frame.actionEntity },
  resource: { value: (frame) => frame.resource, entity: (frame) => frame.resourceEntity },
  context: { value: (frame) => frame.context, entity: undefined },
};
