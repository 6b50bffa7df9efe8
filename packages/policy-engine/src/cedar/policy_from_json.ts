/** Policies and templates from Cedar's JSON policy format, untrusted. */
import { accept, type Result, refuse } from '@postern/result';
import { quoted } from './evaluation_error.ts';
import { ConditionReader, chainOperands } from './expression_json.ts';
import { countFields, isJsonFields, type JsonFields } from './json_text.ts';
import {
  type ActionConstraint,
  type Clause,
  type Policy,
  type PolicyHead,
  type PolicyReason,
  type ScopeConstraint,
  slotOf,
  type Template,
  type TemplateHead,
} from './policy.ts';
import type { SlotName } from './policy_json.ts';
import { ReadOnce } from './read_once.ts';
import type { EntityUid } from './value.ts';
import { entityUidFromJson, isEntityTypeName } from './value_json.ts';

const FIELDS = ['effect', 'principal', 'action', 'resource', 'conditions', 'annotations'];

/** A policy without slots. `reader`: of the set that it belongs to. */
export function policyFromJson(json: unknown, reader = new PolicyReader()): Result<Policy, PolicyReason> {
  const template = templateFromJson(json, reader);
  if (!template.ok) return template;
  return isPolicy(template.value) ? accept(template.value) : refuse('policy-is-template');
}

/** Reads the policies of one set, the parts that they share only once. */
export class PolicyReader {
  readonly principals = new ReadOnce((json) => scopeFromJson(json, '?principal'));
  readonly actions = new ReadOnce(actionFromJson);
  readonly resources = new ReadOnce((json) => scopeFromJson(json, '?resource'));
  readonly conditions = new ConditionReader();
}

function isPolicy(template: Template): template is Policy {
  return isPolicyHead(template);
}

function isPolicyHead(head: TemplateHead): head is PolicyHead {
  return slotOf(head.principal) === undefined && slotOf(head.resource) === undefined;
}

/** Checks all of a policy without slots, and makes only its head: the clauses of most are never needed. */
export function policyHeadFromJson(json: unknown, reader: PolicyReader): Result<PolicyHead, PolicyReason> {
  const head = headFromJson(json, reader);
  if (!head.ok) return head;
  const { conditions, annotations } = json as JsonFields;
  const clauses = conditions as readonly unknown[];
  for (let index = 0; index < clauses.length; index++) {
    const form = clauseFormOf(clauses[index]);
    if (form === undefined) return refuse('policy-malformed');
    const reason = reader.conditions.check(form.operands);
    if (reason !== undefined) return reason;
  }
  const checked = annotationsFromJson(annotations);
  if (!checked.ok) return checked;
  return isPolicyHead(head.value) ? accept(head.value) : refuse('policy-is-template');
}

/** A policy or template. Slots stand right of `==` and `in` in the scope only. */
export function templateFromJson(json: unknown, reader = new PolicyReader()): Result<Template, PolicyReason> {
  const head = headFromJson(json, reader);
  if (!head.ok) return head;
  const clauses: Clause[] = [];
  for (const condition of (json as JsonFields)['conditions'] as readonly unknown[]) {
    const form = clauseFormOf(condition);
    if (form === undefined) return refuse('policy-malformed');
    const read = reader.conditions.read(form.operands);
    if (!read.ok) return read;
    clauses.push({ kind: form.kind, condition: read.value });
  }
  const annotations = annotationsFromJson((json as JsonFields)['annotations']);
  return annotations.ok ? accept({ ...head.value, clauses, annotations: annotations.value }) : annotations;
}

function headFromJson(json: unknown, reader: PolicyReader): Result<TemplateHead, PolicyReason> {
  if (!isJsonFields(json)) return refuse('policy-malformed');
  for (const name in json) if (!FIELDS.includes(name)) return refuse('policy-field-unknown', quoted(name));
  const { effect, conditions } = json;
  if ((effect !== 'permit' && effect !== 'forbid') || !Array.isArray(conditions)) return refuse('policy-malformed');
  const principal = reader.principals.read(json['principal']);
  if (!principal.ok) return principal;
  const action = reader.actions.read(json['action']);
  if (!action.ok) return action;
  const resource = reader.resources.read(json['resource']);
  if (!resource.ok) return resource;
  return accept({ effect, principal: principal.value, action: action.value, resource: resource.value });
}

/** `operands`: of the outermost `&&`, still unchecked. */
function clauseFormOf(
  json: unknown,
): { readonly kind: Clause['kind']; readonly operands: readonly unknown[] } | undefined {
  if (!isJsonFields(json)) return undefined;
  const { kind, all } = json;
  if ((kind !== 'when' && kind !== 'unless') || countFields(json) !== 2) return undefined;
  return { kind, operands: Array.isArray(all) ? all : chainOperands(json['body'], '&&') };
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

const NO_ANNOTATIONS = accept<Policy['annotations']>({});
const ANNOTATION_NAME = /^[_a-zA-Z][_a-zA-Z0-9]*$/;

function annotationsFromJson(json: unknown): Result<{ readonly [name: string]: string }, PolicyReason> {
  if (json === undefined) return NO_ANNOTATIONS;
  const annotations: { [name: string]: string } = {};
  if (!isJsonFields(json)) return refuse('policy-malformed');
  for (const [name, text] of Object.entries(json)) {
    // `@flag` without a value is null in JSON and means the empty text.
    if (text !== null && typeof text !== 'string') return refuse('policy-malformed');
    if (name === '__proto__' || !ANNOTATION_NAME.test(name)) return refuse('policy-malformed', quoted(name));
    annotations[name] = text ?? '';
  }
  return accept(annotations);
}
