/** One policy, template or link, checked: scope, conditions, annotations. */
import { accept, type Result, refuse } from '@postern/result';
import { quoted } from './evaluation_error.ts';
import { conjunctsOf, type Expression } from './expression.ts';
import type { ExpressionReason } from './expression_json.ts';
import type { SlotName } from './policy_json.ts';
import type { EntityUid } from './value.ts';

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

/** What a policy is about, without what it asks. */
export type TemplateHead = Pick<Template, 'effect' | 'principal' | 'action' | 'resource'>;
export type PolicyHead = Pick<Policy, keyof TemplateHead>;

export type SlotValues = { readonly [slot in SlotName]?: EntityUid };

export type PolicyReason =
  | 'policy-malformed'
  | 'policy-field-unknown'
  | 'policy-scope-malformed'
  | 'policy-slot-misplaced'
  | 'policy-is-template'
  | ExpressionReason;
export type LinkReason = 'link-slot-missing' | 'link-slot-unexpected';

/** In the order of evaluation; an `unless` clause is one conjunct, negated. */
export function conjunctsOfPolicy({ clauses }: Template): readonly Expression[] {
  return clauses.flatMap(({ kind, condition }) =>
    kind === 'when' ? conjunctsOf(condition) : [{ kind: 'unary', operator: '!', operand: condition } as const],
  );
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
  return [slotOf(template.principal), slotOf(template.resource)].filter((slot) => slot !== undefined);
}

/** `undefined` where there is an entity, or nothing. */
export function slotOf(scope: ScopeConstraint<EntityUid | SlotName>): SlotName | undefined {
  return scope.op !== 'all' && typeof scope.uid === 'string' ? scope.uid : undefined;
}

function linkScope(scope: ScopeConstraint<EntityUid | SlotName>, values: SlotValues): ScopeConstraint | undefined {
  const slot = slotOf(scope);
  if (slot === undefined) return scope as ScopeConstraint;
  const uid = values[slot];
  return uid === undefined ? undefined : ({ ...scope, uid } as ScopeConstraint);
}
