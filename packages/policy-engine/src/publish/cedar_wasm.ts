/** Cedar's own parser and validator. Loaded at publish time and in tests only: it never runs on the decision path. */
import {
  type DetailedError,
  policyToJson,
  templateToJson,
  type ValidationError,
  validate,
} from '@cedar-policy/cedar-wasm/nodejs';
import type { PolicyJson } from '../cedar/index.ts';
import { withExactJson } from '../cedar/index.ts';
import { indexOfByte, type Place, placeOf } from './source.ts';
import { textOf } from './split_policies.ts';

export interface CedarMessage {
  readonly place: Place;
  readonly message: string;
}

export type ParsedPolicy =
  | { readonly kind: 'policy'; readonly json: PolicyJson }
  | { readonly kind: 'template' }
  | { readonly kind: 'malformed'; readonly messages: readonly CedarMessage[] };

/** One policy as Cedar's JSON policy format; integers beyond 2^53 are bigints. */
export function parsePolicy(place: Place): ParsedPolicy {
  const text = textOf(place);
  const answer = withExactJson(() => policyToJson(text));
  if (answer.type === 'success') return { kind: 'policy', json: answer.json as PolicyJson };
  if (withExactJson(() => templateToJson(text)).type === 'success') return { kind: 'template' };
  return { kind: 'malformed', messages: answer.errors.map((error) => messageOf(error, place)) };
}

/** `index`: of the policy, among those that were given. */
export type PolicyMessage = CedarMessage & { readonly index: number };

export interface Validation {
  readonly errors: readonly PolicyMessage[];
  readonly warnings: readonly PolicyMessage[];
}

/** Validates policies that parse (strict mode, Cedar, "Policy validation") against a schema that does. */
export function validatePolicies(schema: string, places: readonly Place[]): Validation {
  const staticPolicies = Object.fromEntries(places.map((place, index) => [`p${index}`, textOf(place)]));
  const answer = withExactJson(() => validate({ schema, policies: { staticPolicies } }));
  if (answer.type === 'failure') throw new Error('cedar refuses to validate what it parsed', { cause: answer.errors });
  const placed = ({ policyId, error }: ValidationError): PolicyMessage[] => {
    const index = Number(policyId.slice(1));
    const place = places[index];
    return place === undefined ? [] : [{ index, ...messageOf(error, place) }];
  };
  return {
    errors: answer.validationErrors.flatMap(placed),
    warnings: answer.validationWarnings.flatMap(placed),
  };
}

/** Problems of a schema's text that ends with `own`; what lies before it was made by us. */
export function checkSchema(schema: string, own: Place): readonly CedarMessage[] {
  const answer = withExactJson(() => validate({ schema, policies: { staticPolicies: {} } }));
  return answer.type === 'success' ? [] : answer.errors.map((error) => schemaMessage(error, schema, own));
}

function schemaMessage(error: DetailedError, schema: string, own: Place): CedarMessage {
  const first = error.sourceLocations?.[0];
  const offset = schema.length - (own.end - own.start);
  const start = first === undefined ? own.start : indexOfByte(schema, first.start) - offset;
  const end = first === undefined ? own.start : indexOfByte(schema, first.end) - offset;
  return { place: placeOf(own.source, Math.max(0, start), Math.max(0, end)), message: wordsOf(error) };
}

/** `place`: of the text that was parsed, in which the error counts bytes. */
function messageOf(error: DetailedError, place: Place): CedarMessage {
  const first = error.sourceLocations?.[0];
  const text = textOf(place);
  const message = wordsOf(error);
  if (first === undefined) return { place, message };
  const start = place.start + indexOfByte(text, first.start);
  return { place: placeOf(place.source, start, place.start + indexOfByte(text, first.end)), message };
}

/** Cedar validates for each action by itself; what is wrong is wrong for all of them. */
const ACTION = / (?:in context )?for Action::"(?:[^"\\]|\\.)*"/g;
/** The policy and where it stands are shown beside the message. */
const LEADS =
  /^(?:for policy `(?:[^`\\]|\\.)*`, |failed to parse (?:policy|policies|schema|template)[^:]*: |error parsing schema: )+/;

function wordsOf({ message, help, sourceLocations }: DetailedError): string {
  const label = sourceLocations?.[0]?.label;
  const words = message.replace(LEADS, '').replace(ACTION, '');
  return [words, label, help].filter((part) => typeof part === 'string' && part !== '').join('; ');
}
