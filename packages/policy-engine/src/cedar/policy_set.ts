/** A set of policies ready to decide: checked as a whole, indexed, each compiled when it is first needed. */
import { accept, type Refusal, type Result, refuse } from '@postern/result';
import { CompiledPolicy } from './compiled_policy.ts';
import { ConditionCompiler } from './condition_compiler.ts';
import type { Entities } from './entities.ts';
import { EntityKeys } from './entity_keys.ts';
import { EvaluationError, type EvaluationReason, quoted } from './evaluation_error.ts';
import { explain, type PolicyExplanation } from './explain.ts';
import { type AuthorizationRequest, type Frame, frameOf } from './frame.ts';
import { isWellFormedText, type JsonReason, parseJson } from './json_text.ts';
import {
  type Effect,
  type LinkReason,
  linkTemplate,
  type Policy,
  type PolicyHead,
  type PolicyReason,
  type SlotValues,
  slotsOf,
  type Template,
} from './policy.ts';
import { PolicyReader, policyFromJson, policyHeadFromJson, templateFromJson } from './policy_from_json.ts';
import { PolicyIndex, type View } from './policy_index.ts';
import { policyReads } from './reads.ts';

export const MAX_POLICIES = 100_000;
export const MAX_POLICY_ID_LENGTH = 1024;
/** See `MAX_CANONICAL_DEPTH`. */
const MAX_POLICY_JSON_DEPTH = 2100;

export interface PolicyInput {
  readonly id: string;
  /**
   * Cedar's JSON policy format, untrusted: either the parsed object (bigints for integers beyond 2^53) or its JSON text,
   * which takes less memory and is read again when the policy is first needed. Must not change afterwards.
   */
  readonly json: unknown;
}

export interface PolicySetInput {
  readonly policies: readonly PolicyInput[];
  readonly templates?: readonly PolicyInput[];
  readonly links?: readonly LinkInput[];
}

export interface LinkInput {
  readonly id: string;
  readonly templateId: string;
  readonly slots: SlotValues;
}

export type PolicySetReason =
  | 'policies-too-many'
  | 'policy-id-invalid'
  | 'policy-id-duplicate'
  | 'template-without-slot'
  | 'link-template-unknown'
  | PolicyReason
  | LinkReason
  | JsonReason;

export interface PolicyError {
  readonly policyId: string;
  readonly effect: Effect;
  readonly reason: EvaluationReason;
  /** Names types, attributes and entities, never values. */
  readonly message: string;
}

/** Cedar's own result. */
export interface Authorization {
  readonly decision: 'allow' | 'deny';
  /** Satisfied forbids if any, else satisfied permits, in policy order; empty when nothing applied. */
  readonly determining: readonly string[];
  /** Policies skipped because a condition failed, in policy order. */
  readonly errors: readonly PolicyError[];
}

/**
 * Checks every policy, template and link and indexes them. One bad policy refuses the set, because leaving out a forbid
 * would allow what it forbids. `detail` names the policy. Links follow the policies in policy order.
 */
export function compilePolicySet(input: PolicySetInput): Result<PolicySet, PolicySetReason> {
  const { policies, templates = [], links = [] } = input;
  if (policies.length + templates.length + links.length > MAX_POLICIES) return refuse('policies-too-many');
  const keys = new EntityKeys();
  const reader = new PolicyReader();
  const read = (json: unknown) => reread(readPolicy(json, reader));
  const compiled = new Map<string, CompiledPolicy>();
  const templatesById = new Map<string, Template>();
  for (let index = 0; index < policies.length; index++) {
    const { id, json } = policies[index]!;
    const invalid = invalidId(id, compiled, templatesById);
    if (invalid !== undefined) return invalid;
    const head = readPolicyHead(json, reader);
    if (!head.ok) return refuse(head.reason, about(id, head.detail));
    compiled.set(id, new CompiledPolicy(id, compiled.size, head.value, keys, json, read));
  }
  for (const { id, json } of templates) {
    const invalid = invalidId(id, compiled, templatesById);
    if (invalid !== undefined) return invalid;
    const template = readTemplate(json, reader);
    if (!template.ok) return refuse(template.reason, about(id, template.detail));
    if (slotsOf(template.value).length === 0) return refuse('template-without-slot', about(id));
    templatesById.set(id, template.value);
  }
  for (const { id, templateId, slots } of links) {
    const invalid = invalidId(id, compiled, templatesById);
    if (invalid !== undefined) return invalid;
    const template = templatesById.get(templateId);
    if (template === undefined) return refuse('link-template-unknown', about(id, quoted(templateId)));
    const policy = linkTemplate(template, slots);
    if (!policy.ok) return refuse(policy.reason, about(id, policy.detail));
    compiled.set(id, new CompiledPolicy(id, compiled.size, policy.value, keys, undefined, () => policy.value));
  }
  return accept(new PolicySet(compiled, keys));
}

/** Policies, templates and links have their ids in common. */
function invalidId(
  id: string,
  policies: ReadonlyMap<string, unknown>,
  templates: ReadonlyMap<string, unknown>,
): Refusal<'policy-id-invalid' | 'policy-id-duplicate'> | undefined {
  if (id.length > MAX_POLICY_ID_LENGTH || !isWellFormedText(id)) return refuse('policy-id-invalid', quoted(id));
  return policies.has(id) || templates.has(id) ? refuse('policy-id-duplicate', quoted(id)) : undefined;
}

export class PolicySet {
  readonly #policies: readonly CompiledPolicy[];
  readonly #byId: ReadonlyMap<string, CompiledPolicy>;
  readonly #index: PolicyIndex<CompiledPolicy>;
  readonly #compiler = new ConditionCompiler();
  readonly #keys: EntityKeys;
  #scopes: PolicyIndex<CompiledPolicy> | undefined;
  #authorizations = 0;

  /** `byId`: in policy order. Use `compilePolicySet`. */
  constructor(byId: ReadonlyMap<string, CompiledPolicy>, keys: EntityKeys) {
    this.#keys = keys;
    this.#policies = Array.from(byId.values());
    this.#byId = byId;
    this.#index = new PolicyIndex(this.#policies, [SCOPE_VIEW, CONDITIONS_VIEW]);
  }

  /** Policies and links in policy order. */
  get ids(): string[] {
    return this.#policies.map(({ id }) => id);
  }

  /** Known without reading the policy; undefined when there is none with this id. */
  effect(id: string): Effect | undefined {
    return this.#byId.get(id)?.effect;
  }

  /** The checked policy, read anew; undefined when there is none with this id. */
  policy(id: string): Policy | undefined {
    return this.#byId.get(id)?.policy;
  }

  /**
   * Cedar's authorization: deny when a forbid is satisfied, else allow when a permit is, else deny; a policy that fails
   * is skipped and reported, also a forbid (Cedar, "Authorization"). Reads only its parameters.
   */
  authorize(request: AuthorizationRequest, entities: Entities): Authorization {
    const frame = frameOf(request, entities);
    const authorization = ++this.#authorizations;
    let permits: CompiledPolicy[] | undefined;
    let forbids: CompiledPolicy[] | undefined;
    let errors: PolicyFailure[] | undefined;
    const candidates = this.#candidates(this.#index, frame);
    for (let index = 0; index < candidates.length; index++) {
      const policy = candidates[index]!;
      if (policy.lastSeen === authorization) continue;
      policy.lastSeen = authorization;
      try {
        if (!policy.conditionsHold(frame, this.#compiler)) continue;
        if (policy.effect === 'permit') permits = withItem(permits, policy);
        else forbids = withItem(forbids, policy);
      } catch (error) {
        if (!(error instanceof EvaluationError)) throw error;
        errors = withItem(errors, { policy, error });
      }
    }
    const isAllowed = forbids === undefined && permits !== undefined;
    const determining = isAllowed ? permits : forbids;
    return {
      decision: isAllowed ? 'allow' : 'deny',
      determining: determining === undefined ? NO_IDS : idsInOrder(determining),
      errors: errors === undefined ? NO_ERRORS : errorsInOrder(errors),
    };
  }

  /** Policies whose scope matches the request, whatever their conditions, in policy order. For explanations. */
  scopeMatches(request: AuthorizationRequest, entities: Entities): string[] {
    return idsInOrder([...new Set(this.#matching(frameOf(request, entities)))]);
  }

  /** Policies that `authorize` evaluates for the request; any other is plainly false for it. In no particular order. */
  candidateIds(request: AuthorizationRequest, entities: Entities): string[] {
    return this.#candidates(this.#index, frameOf(request, entities)).map(({ id }) => id);
  }

  /** Why a policy did or did not apply; undefined when there is none with this id. */
  explain(policyId: string, request: AuthorizationRequest, entities: Entities): PolicyExplanation | undefined {
    const policy = this.#byId.get(policyId);
    if (policy === undefined) return undefined;
    const frame = frameOf(request, entities);
    return explain(policyId, policy.policy, this.#matching(frame).includes(policy), frame);
  }

  /** By an index of its own, made when first needed, which leaves out what conditions say. */
  #matching(frame: Frame): CompiledPolicy[] {
    this.#scopes ??= new PolicyIndex(this.#policies, [SCOPE_VIEW]);
    return this.#candidates(this.#scopes, frame);
  }

  /** Dividing policies by their conditions makes further keys, some of which may be the request's. */
  #candidates(index: PolicyIndex<CompiledPolicy>, frame: Frame): CompiledPolicy[] {
    for (;;) {
      const { size } = this.#keys;
      const candidates = index.candidates(frame, this.#keys.requestKeys(frame));
      if (this.#keys.size === size) return candidates;
    }
  }

  /** Context paths that a policy may read, see `policyReads`; undefined when there is none with this id. */
  reads(policyId: string): ReadonlySet<string> | undefined {
    const policy = this.#byId.get(policyId);
    return policy && policyReads(policy.policy);
  }
}

const SCOPE_VIEW: View<CompiledPolicy> = {
  keysOf: (policy, place) => policy.keysByScope(place),
  attributeOf: () => undefined,
};
const CONDITIONS_VIEW: View<CompiledPolicy> = {
  keysOf: (policy, place) => policy.asked.entities[place],
  attributeOf: (policy) => policy.asked.attribute,
};

interface PolicyFailure {
  readonly policy: CompiledPolicy;
  readonly error: EvaluationError;
}

const NO_ERRORS: readonly PolicyError[] = [];
const NO_IDS: readonly string[] = [];

/** Nearly always there are none or one, for which a list that grows would be long. */
function withItem<T>(list: T[] | undefined, item: T): T[] {
  if (list === undefined) return [item];
  list.push(item);
  return list;
}

function idsInOrder(policies: CompiledPolicy[]): string[] {
  if (policies.length > 1) policies.sort((left, right) => left.ordinal - right.ordinal);
  return policies.map(({ id }) => id);
}

function errorsInOrder(failures: PolicyFailure[]): PolicyError[] {
  failures.sort((left, right) => left.policy.ordinal - right.policy.ordinal);
  return failures.map(({ policy, error }) => ({
    policyId: policy.id,
    effect: policy.effect,
    reason: error.reason,
    message: error.message,
  }));
}

function readPolicyHead(json: unknown, reader: PolicyReader): Result<PolicyHead, PolicyReason | JsonReason> {
  if (typeof json !== 'string') return policyHeadFromJson(json, reader);
  const value = readJson(json);
  return value.ok ? policyHeadFromJson(value.value, reader) : value;
}

function readPolicy(json: unknown, reader: PolicyReader): Result<Policy, PolicyReason | JsonReason> {
  const value = readJson(json);
  return value.ok ? policyFromJson(value.value, reader) : value;
}

function readTemplate(json: unknown, reader: PolicyReader): Result<Template, PolicyReason | JsonReason> {
  const value = readJson(json);
  return value.ok ? templateFromJson(value.value, reader) : value;
}

function readJson(json: unknown): Result<unknown, JsonReason> {
  return typeof json === 'string' ? parseJson(json, { maxDepth: MAX_POLICY_JSON_DEPTH }) : accept(json);
}

function reread<T>(result: Result<T>): T {
  if (!result.ok) throw new Error('a policy of the set cannot be read', { cause: result });
  return result.value;
}

function about(id: string, detail?: string): string {
  return detail === undefined ? `policy ${quoted(id)}` : `policy ${quoted(id)}: ${detail}`;
}
