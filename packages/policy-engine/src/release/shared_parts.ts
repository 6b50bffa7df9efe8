/**
 * Policies as releases write them. They repeat the same few scopes and conditions (a group, a service's action, a fresh
 * sign-in, a compliant device), so each is written once, in the members `scopes` and `conditions` of the release, and a
 * policy has their numbers: `"principal":3`, and for the operands of a clause's `&&` `{"all":[0,1,7],"kind":"when"}`. A
 * release of 1,000 policies is a quarter as long, and whoever loads it reads and checks each part once. In memory the parts
 * stand where the numbers were, the same objects for all policies (`SharedClauseJson`).
 */
import { accept, type Result, refuse } from '@postern/result';
import { chainOperands, isJsonFields } from '../cedar/index.ts';
import { formatCanonical } from './canonical.ts';

/**
 * Operands of all policies together, so that a small release cannot grow without bound when it is read; written out, so
 * many would be longer than a release may be.
 */
export const MAX_OPERANDS = 1_000_000;

const SCOPES = ['principal', 'action', 'resource'] as const;

/** Members of a release in the place of `policies`: equal policies, equal members. */
export interface SharedParts {
  readonly policies: readonly unknown[];
  readonly scopes: readonly unknown[];
  readonly conditions: readonly unknown[];
}

export function shareParts(policies: readonly { readonly json: unknown }[]): SharedParts {
  const [scopes, conditions] = [new Numbered(), new Numbered()];
  const shareClause = (clause: unknown): unknown => {
    if (!isJsonFields(clause)) return clause;
    const { body, ...others } = clause;
    const operands = body === undefined ? allOf(clause) : chainOperands(body, '&&');
    return operands === undefined
      ? clause
      : { ...others, all: operands.map((operand) => conditions.numberOf(operand)) };
  };
  const written = policies.map((policy) => {
    const { json } = policy;
    if (!isJsonFields(json) || !Array.isArray(json['conditions'])) return policy;
    const shared: { [member: string]: unknown } = { ...json, conditions: json['conditions'].map(shareClause) };
    for (const name of SCOPES) if (isJsonFields(json[name])) shared[name] = scopes.numberOf(json[name]);
    return { ...policy, json: shared };
  });
  return { policies: written, scopes: scopes.parts, conditions: conditions.parts };
}

/** Different parts in the order in which they were first seen. */
class Numbered {
  readonly parts: unknown[] = [];
  readonly #numbers = new Map<string, number>();

  numberOf(part: unknown): number {
    const text = formatCanonical(part);
    let number = this.#numbers.get(text);
    if (number === undefined) {
      number = this.parts.push(part) - 1;
      this.#numbers.set(text, number);
    }
    return number;
  }
}

/**
 * Puts the parts of a parsed release, untrusted and the caller's own, in the places of their numbers; a policy that has a
 * part itself keeps it. `detail` is the place of what is wrong; a policy of quite another form is left to whoever checks
 * policies.
 */
export function restoreParts(policies: unknown, scopes: unknown, conditions: unknown): Result<void, 'parts-malformed'> {
  if (!Array.isArray(scopes)) return refuse('parts-malformed', 'scopes');
  if (!Array.isArray(conditions)) return refuse('parts-malformed', 'conditions');
  if (!Array.isArray(policies)) return accept(undefined);
  let operands = 0;
  for (let index = 0; index < policies.length; index++) {
    const json = jsonOf(policies[index]);
    if (json === undefined) continue;
    if (!restoreScopes(json, scopes)) return refuse('parts-malformed', `policies[${index}].json`);
    const count = restoreClauses(json['conditions'], conditions);
    operands += count ?? 0;
    if (count === undefined || operands > MAX_OPERANDS)
      return refuse('parts-malformed', `policies[${index}].json.conditions`);
  }
  return accept(undefined);
}

function jsonOf(policy: unknown): { [member: string]: unknown } | undefined {
  const json = isJsonFields(policy) ? policy['json'] : undefined;
  return isJsonFields(json) ? json : undefined;
}

function restoreScopes(json: { [member: string]: unknown }, scopes: readonly unknown[]): boolean {
  for (let index = 0; index < SCOPES.length; index++) {
    const name = SCOPES[index]!;
    const number = json[name];
    if (typeof number !== 'number') continue;
    const scope = scopes[number];
    if (scope === undefined) return false;
    json[name] = scope;
  }
  return true;
}

/** How many operands there were; `undefined` when one has no condition. */
function restoreClauses(clauses: unknown, conditions: readonly unknown[]): number | undefined {
  if (!Array.isArray(clauses)) return 0;
  let operands = 0;
  for (let index = 0; index < clauses.length; index++) {
    const all = allOf(clauses[index]) ?? NO_OPERANDS;
    for (let place = 0; place < all.length; place++) {
      const number = all[place];
      const condition = typeof number === 'number' ? conditions[number] : undefined;
      if (condition === undefined) return undefined;
      all[place] = condition;
    }
    operands += all.length;
  }
  return operands;
}

const NO_OPERANDS: unknown[] = [];

function allOf(clause: unknown): unknown[] | undefined {
  const all = isJsonFields(clause) ? clause['all'] : undefined;
  return Array.isArray(all) ? all : undefined;
}
