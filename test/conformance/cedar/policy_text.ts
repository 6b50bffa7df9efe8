/** Cedar policy and schema text to what the engine takes, with the ids that the corpus means. */
import * as cedar from '@cedar-policy/cedar-wasm/nodejs';
import {
  type PolicyInput,
  type SchemaShapes,
  shapesFromSchema,
  withExactJson,
} from '../../../packages/policy-engine/src/cedar/index.ts';

/** Policies `policy0`, `policy1`, … by their place in the text; templates are not part of the corpus. */
export function policiesFromText(text: string): PolicyInput[] {
  const parts = cedar.policySetTextToParts(text);
  if (parts.type === 'failure') throw new Error(`policy text: ${parts.errors[0]?.message}`);
  if (parts.policy_templates.length > 0) throw new Error('policy text: templates are not expected here');
  // cedar-wasm sorts the parts by id as text: policy10 comes before policy2.
  const ids = parts.policies.map((_, place) => `policy${place}`).sort();
  const policies = parts.policies.map((part, index) => ({ id: ids[index] ?? '', json: jsonOf(part) }));
  return policies.sort((left, right) => placeOf(left.id) - placeOf(right.id));
}

/** Hand-written cases leave out the escapes of entities and extension values, which takes the schema to read. */
export function shapesFromText(schema: string): SchemaShapes {
  const answer = cedar.schemaToJsonWithResolvedTypes(schema);
  if (answer.type === 'failure') throw new Error(`schema: ${answer.errors[0]?.message}`);
  return shapesFromSchema(answer.json);
}

function jsonOf(policyText: string): unknown {
  const answer = withExactJson(() => cedar.policyToJson(policyText));
  if (answer.type === 'failure') throw new Error(`policy text: ${answer.errors[0]?.message}`);
  return answer.json;
}

function placeOf(id: string): number {
  return Number(id.slice('policy'.length));
}
