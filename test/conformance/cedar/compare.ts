/** One generated case through the engine and through cedar-wasm. */
import * as cedar from '@cedar-policy/cedar-wasm/nodejs';
import {
  type Authorization,
  type AuthorizationRequest,
  compilePolicySet,
  contextFromJson,
  entitiesFromJson,
  entityUid,
  type SlotValues,
  withExactJson,
} from '../../../packages/policy-engine/src/cedar/index.ts';
import type { GeneratedCase } from './generate_case.ts';

/** For each request `allow|deny [reasons] errors [ids]`, or `refused` when the case as a whole is not accepted. */
export function answersOfEngine(test: GeneratedCase): string[] {
  const policies = compileCase(test);
  const entities = entitiesFromJson(test.entities);
  return test.requests.map((request) => {
    const asked = requestOf(request);
    if (!policies.ok || !entities.ok || asked === undefined) return 'refused';
    return showAnswer(policies.value.authorize(asked, entities.value));
  });
}

export function compileCase({
  policies,
  templates,
  links,
}: Pick<GeneratedCase, 'policies' | 'templates' | 'links'>): ReturnType<typeof compilePolicySet> {
  const filled = links.map(({ id, templateId, slots }) => ({ id, templateId, slots: slotValues(slots) }));
  return compilePolicySet({ policies, templates, links: filled });
}

/** `undefined` when the context is not accepted. */
export function requestOf({
  principal,
  action,
  resource,
  context,
}: GeneratedCase['requests'][number]): AuthorizationRequest | undefined {
  const record = contextFromJson(context);
  if (!record.ok) return undefined;
  return {
    principal: entityUid(principal.type, principal.id),
    action: entityUid(action.type, action.id),
    resource: entityUid(resource.type, resource.id),
    context: record.value,
  };
}

/** As `answersOfCedar` says it. */
export function showAnswer({ decision, determining, errors }: Authorization): string {
  return show(decision, determining, errors);
}

export function answersOfCedar(test: GeneratedCase): string[] {
  const policies = {
    staticPolicies: Object.fromEntries(test.policies.map(({ id, json }) => [id, json])),
    templates: Object.fromEntries(test.templates.map(({ id, json }) => [id, json])),
    templateLinks: test.links.map(({ id, templateId, slots }) => ({ templateId, newId: id, values: slots })),
  };
  return test.requests.map((request) => {
    const call = { ...request, policies, entities: test.entities } as unknown as cedar.AuthorizationCall;
    const answer = withExactJson(() => cedar.isAuthorized(call));
    if (answer.type === 'failure') return 'refused';
    const { decision, diagnostics } = answer.response;
    return show(decision, diagnostics.reason, diagnostics.errors);
  });
}

function show(decision: string, reason: readonly string[], errors: readonly { readonly policyId: string }[]): string {
  const ids = errors.map(({ policyId }) => policyId);
  return `${decision} [${[...reason].sort().join(' ')}] errors [${ids.sort().join(' ')}]`;
}

function slotValues(slots: GeneratedCase['links'][number]['slots']): SlotValues {
  const values: { -readonly [slot in keyof SlotValues]: SlotValues[slot] } = {};
  for (const [slot, uid] of Object.entries(slots)) {
    values[slot as keyof SlotValues] = entityUid(uid.type, uid.id);
  }
  return values;
}
