/** One policy, template or link, checked: scope, conditions, annotations. */
import { accept, type Result, refuse } from '@postern/result';
import { quoted } from './evaluation_error.ts';
import { conjunctsOf, type Expression } from './expression.ts';
import { chainOperands, type ExpressionReason, expressionFromJson } from './expression_json.ts';
import { isJsonFields } from './json_text.ts';
import type { SlotName } from './policy_json.ts';
import type { EntityUid } from './value.ts';
import { entityUidFromJson, isEntityTypeName } from './value_json.ts';

export type Effect = 'permit' | 'forbid';

/** What the scope asks of principal or resource. In a template `uid` may be a slot. */
export type ScopeConstraint<Uid = EntityUid> =
  | { readonly op: 'all' }
  | { readonly op: '=='; readonly uid: Uid }
  | { readonly op: 'in'; readonly uid: Uid }
  | { readonly op: 'is'; readonly type: string; readonly uid?: Uid };

/** An empty list of `in` matches no action. */
export type ActionConstraint =
  | { readonly op: 'all' }
  | { readonly op: '=='; readonly uid: EntityUid }
  | { readonly op: 'in'; readonly uids: readonly EntityUid[] };

export interface Clause {
  readonly kind: 'when' | 'unless';
  readonly condition: Expression;
}

export interface Template {
  readonly effect: Effect;
  readonly principal: ScopeConstraint<EntityUid | SlotName>;
  readonly action: ActionConstraint;
  readonly resource: ScopeConstraint<EntityUid | SlotName>;
  readonly clauses: readonly Clause[];
  readonly annotations: { readonly [name: string]: string };
}

export interface Policy extends Template {
  readonly principal: ScopeConstraint;
  readonly resource: ScopeConstraint;
}

/** What an index needs of a policy. */
export interface PolicyOutline {
  readonly effect: Effect;
  readonly principal: ScopeConstraint;
  readonly action: ActionConstraint;
  readonly resource: ScopeConstraint;
  /** In the order of evaluation; an `unless` clause is one conjunct, negated. May end early, see `outlineFromJson`. */
  readonly conjuncts: () => Iterable<Expression>;
}

export type SlotValues = { readonly [slot in SlotName]?: EntityUid };

export type PolicyReason =
  | 'policy-malformed'
  | 'policy-field-unknown'
  | 'policy-scope-malformed'
  | 'policy-slot-misplaced'
  | 'policy-is-template'
  | ExpressionReason;
export type LinkReason = 'link-slot-missing' | 'link-slot-unexpected';

const FIELDS = ['effect', 'principal', 'action', 'resource', 'conditions', 'annotations'];

/** A policy without slots from Cedar's JSON policy format, untrusted. */
export function policyFromJson(json: unknown): Result<Policy, PolicyReason> {
  const template = templateFromJson(json);
  if (!template.ok) return template;
  const policy = linkTemplate(template.value, {});
  return policy.ok ? policy : refuse('policy-is-template');
}

/** A policy or template from Cedar's JSON policy format, untrusted. Slots stand right of `==` and `in` in the scope only. */
export function templateFromJson(json: unknown): Result<Template, PolicyReason> {
  const head = headFromJson(json);
  if (!head.ok) return head;
  const { conditions, annotations, ...scope } = head.value;
  const clauses: Clause[] = [];
  for (const condition of conditions) {
    const clause = clauseFromJson(condition);
    if (!clause.ok) return clause;
    clauses.push(clause.value);
  }
  const texts = annotationsFromJson(annotations);
  return texts.ok ? accept({ ...scope, clauses, annotations: texts.value }) : texts;
}

/**
 * Scope and leading conditions of a policy without slots, for loading policies that were checked before: conditions are
 * read only as far as they are asked for, and end at one that is malformed.
 */
export function outlineFromJson(json: unknown): Result<PolicyOutline, PolicyReason> {
  const head = headFromJson(json);
  if (!head.ok) return head;
  const { effect, action, conditions } = head.value;
  const principal = linkScope(head.value.principal, {});
  const resource = linkScope(head.value.resource, {});
  if (principal === undefined || resource === undefined) return refuse('policy-is-template');
  return accept({ effect, principal, action, resource, conjuncts: () => conjunctsFromJson(conditions) });
}

export function outlineOf(policy: Policy): PolicyOutline {
  const { effect, principal, action, resource, clauses } = policy;
  const conjuncts = () =>
    clauses.flatMap(({ kind, condition }) => (kind === 'when' ? conjunctsOf(condition) : [negated(condition)]));
  return { effect, principal, action, resource, conjuncts };
}

function negated(operand: Expression): Expression {
  return { kind: 'unary', operator: '!', operand };
}

function* conjunctsFromJson(conditions: readonly unknown[]): Generator<Expression> {
  for (const condition of conditions) {
    const { kind, body } = isJsonFields(condition) ? condition : {};
    for (const part of kind === 'when' ? chainOperands(body, '&&') : [body]) {
      const conjunct = expressionFromJson(part);
      if (!conjunct.ok) return;
      if (kind === 'when') yield* conjunctsOf(conjunct.value);
      else yield negated(conjunct.value);
    }
  }
}

interface PolicyHead {
  readonly effect: Effect;
  readonly principal: ScopeConstraint<EntityUid | SlotName>;
  readonly action: ActionConstraint;
  readonly resource: ScopeConstraint<EntityUid | SlotName>;
  readonly conditions: readonly unknown[];
  readonly annotations: unknown;
}

function headFromJson(json: unknown): Result<PolicyHead, PolicyReason> {
  if (!isJsonFields(json)) return refuse('policy-malformed');
  const unknownField = Object.keys(json).find((name) => !FIELDS.includes(name));
  if (unknownField !== undefined) return refuse('policy-field-unknown', quoted(unknownField));
  const { effect, conditions, annotations } = json;
  if ((effect !== 'permit' && effect !== 'forbid') || !Array.isArray(conditions)) return refuse('policy-malformed');
  const principal = scopeFromJson(json['principal'], '?principal');
  if (!principal.ok) return principal;
  const action = actionFromJson(json['action']);
  if (!action.ok) return action;
  const resource = scopeFromJson(json['resource'], '?resource');
  if (!resource.ok) return resource;
  return accept({
    effect,
    principal: principal.value,
    action: action.value,
    resource: resource.value,
    conditions,
    annotations,
  });
}

/** Puts entities in a template's slots. Every slot needs a value, and every value a slot. */
export function linkTemplate(template: Template, values: SlotValues): Result<Policy, LinkReason> {
  const principal = linkScope(template.principal, values);
  if (principal === undefined) return refuse('link-slot-missing', '`?principal`');
  const resource = linkScope(template.resource, values);
  if (resource === undefined) return refuse('link-slot-missing', '`?resource`');
  const slots = slotsOf(template);
  const unexpected = Object.keys(values).find((name) => !slots.includes(name as SlotName));
  if (unexpected !== undefined) return refuse('link-slot-unexpected', quoted(unexpected));
  return accept({ ...template, principal, resource });
}

export function slotsOf(template: Template): SlotName[] {
  return [template.principal, template.resource].flatMap((scope) =>
    'uid' in scope && typeof scope.uid === 'string' ? [scope.uid] : [],
  );
}

function linkScope(scope: ScopeConstraint<EntityUid | SlotName>, values: SlotValues): ScopeConstraint | undefined {
  if (!('uid' in scope) || typeof scope.uid !== 'string') return scope as ScopeConstraint;
  const uid = values[scope.uid];
  return uid === undefined ? undefined : { ...scope, uid };
}

function clauseFromJson(json: unknown): Result<Clause, PolicyReason> {
  if (!isJsonFields(json)) return refuse('policy-malformed');
  const { kind } = json;
  if ((kind !== 'when' && kind !== 'unless') || Object.keys(json).length !== 2) return refuse('policy-malformed');
  const condition = expressionFromJson(json['body']);
  return condition.ok ? accept({ kind, condition: condition.value }) : condition;
}

type ScopeReason = 'policy-scope-malformed' | 'policy-slot-misplaced' | 'entity-uid-malformed' | 'entity-type-invalid';

function scopeFromJson(json: unknown, slot: SlotName): Result<ScopeConstraint<EntityUid | SlotName>, ScopeReason> {
  if (!isJsonFields(json)) return refuse('policy-scope-malformed');
  switch (json['op']) {
    case 'All':
      return accept({ op: 'all' });
    case '==':
    case 'in': {
      const uid = uidOrSlotFromJson(json, slot);
      return uid.ok ? accept({ op: json['op'], uid: uid.value }) : uid;
    }
    case 'is': {
      const type = json['entity_type'];
      if (typeof type !== 'string' || !isEntityTypeName(type)) return refuse('entity-type-invalid');
      if (json['in'] === undefined || json['in'] === null) return accept({ op: 'is', type });
      const uid = uidOrSlotFromJson(json['in'], slot);
      return uid.ok ? accept({ op: 'is', type, uid: uid.value }) : uid;
    }
    default:
      return refuse('policy-scope-malformed');
  }
}

function uidOrSlotFromJson(json: unknown, slot: SlotName): Result<EntityUid | SlotName, ScopeReason> {
  if (!isJsonFields(json)) return refuse('policy-scope-malformed');
  if (json['entity'] !== undefined) return entityUidFromJson(json['entity']);
  if (json['slot'] === slot) return accept(slot);
  return refuse(json['slot'] === undefined ? 'policy-scope-malformed' : 'policy-slot-misplaced');
}

const ACTION_TYPE = /(?:^|::)Action$/;

function actionFromJson(json: unknown): Result<ActionConstraint, ScopeReason> {
  if (!isJsonFields(json)) return refuse('policy-scope-malformed');
  const { op } = json;
  if (op === 'All') return accept({ op: 'all' });
  if (op !== '==' && op !== 'in') return refuse('policy-scope-malformed');
  const items: unknown = op === 'in' && Object.hasOwn(json, 'entities') ? json['entities'] : [json['entity']];
  if (!Array.isArray(items)) return refuse('policy-scope-malformed');
  const uids: EntityUid[] = [];
  for (const item of items as readonly unknown[]) {
    const uid = entityUidFromJson(item);
    if (!uid.ok) return uid;
    if (!ACTION_TYPE.test(uid.value.type)) return refuse('policy-scope-malformed', 'an action is expected');
    uids.push(uid.value);
  }
  if (op === 'in') return accept({ op, uids });
  const [uid] = uids;
  return uid !== undefined && uids.length === 1 ? accept({ op, uid }) : refuse('policy-scope-malformed');
}

const ANNOTATION_NAME = /^[_a-zA-Z][_a-zA-Z0-9]*$/;

function annotationsFromJson(json: unknown): Result<{ readonly [name: string]: string }, PolicyReason> {
  const annotations: { [name: string]: string } = {};
  if (json === undefined) return accept(annotations);
  if (!isJsonFields(json)) return refuse('policy-malformed');
  for (const [name, text] of Object.entries(json)) {
    // `@flag` without a value is null in JSON and means the empty text.
    if (text !== null && typeof text !== 'string') return refuse('policy-malformed');
    if (name === '__proto__' || !ANNOTATION_NAME.test(name)) return refuse('policy-malformed', quoted(name));
    annotations[name] = text ?? '';
  }
  return accept(annotations);
}
