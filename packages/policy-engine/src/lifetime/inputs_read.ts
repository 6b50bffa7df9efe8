/** Which inputs a decision may depend on, known before it is made: with their values, the key of a cache of answers. */
import type { AttributePath } from '../cedar/expression.ts';
import { formatPath } from '../cedar/format.ts';
import { type CedarRecord, recordOfEntries, setOf, type Value, valueKey } from '../cedar/index.ts';
import { attributePathsOf } from '../cedar/reads.ts';
import type { DecisionInput } from '../decision.ts';
import { applicablePolicies } from '../derived_policies.ts';
import type { LoadedRelease } from '../release/load.ts';

export interface InputsRead {
  /** Below the context, such as `context.device.compliant`, sorted; a path covers all that is below it. */
  readonly paths: readonly string[];
  readonly parts: readonly (readonly string[])[];
}

const known = new WeakMap<LoadedRelease, Map<string, InputsRead>>();

/** What the policies for an action may read beside the parties and their entities; worked out once for each action. */
export function inputsRead(loaded: LoadedRelease, service: string, action: string): InputsRead {
  let byAction = known.get(loaded);
  if (byAction === undefined) {
    byAction = new Map();
    known.set(loaded, byAction);
  }
  let inputs = byAction.get(action);
  if (inputs === undefined) {
    inputs = collectInputs(loaded, service, action);
    byAction.set(action, inputs);
  }
  return inputs;
}

function collectInputs(loaded: LoadedRelease, service: string, action: string): InputsRead {
  const paths = new Map<string, AttributePath>();
  for (const { id } of applicablePolicies(loaded, service, action)) {
    for (const { condition } of loaded.policies.policy(id)?.clauses ?? []) {
      for (const path of attributePathsOf(condition)) {
        if (path.root === 'context') paths.set(formatPath(path), path);
      }
    }
  }
  const all = [...paths.values()];
  const widest = all.filter((path) => !all.some((other) => other !== path && isAbove(other, path)));
  const sorted = widest.map((path) => [formatPath(path), path.names] as const).sort(([a], [b]) => (a < b ? -1 : 1));
  return { paths: sorted.map(([text]) => text), parts: sorted.map(([, names]) => names) };
}

function isAbove(upper: AttributePath, lower: AttributePath): boolean {
  return upper.names.length < lower.names.length && upper.names.every((name, index) => name === lower.names[index]);
}

/** Whether a decision for the action may depend on something at or below `path`, such as `context.device`. */
export function mayRead(inputs: InputsRead, ...path: readonly string[]): boolean {
  return inputs.parts.some((names) => {
    const length = Math.min(names.length, path.length);
    return names.slice(0, length).every((name, index) => name === path[index]);
  });
}

/**
 * Two inputs with one key get the same answer from one release, within each other's `validUntilMs`. The release's number
 * is not in it. Time attributes are left out, and in the place of a sign-in's age is when it was: the same age a minute
 * apart is of two sign-ins. May be long, and holds values of the request: to be hashed, never to be logged.
 */
export function cacheKeyOf(loaded: LoadedRelease, input: DecisionInput): string {
  const { service, action, parties, context, entities } = input;
  const values = inputsRead(loaded, service, action).parts.map((names) => keyAt(context, names));
  const known = entities.map(({ uid, attributes, parents, tags }) =>
    [uid, attributes, parents && setOf(parents), tags].map((part) => (part === undefined ? '-' : valueKey(part))),
  );
  const asked = parties.map(({ kind, principal }) => [kind, valueKey(principal)]);
  return JSON.stringify([service, action, asked, known.sort(), values]);
}

function keyAt(context: CedarRecord, names: readonly string[]): string {
  const [first] = names;
  if (first === 'now' || first === 'local') return '';
  const path = first === 'auth' && names[1] === 'ageSeconds' ? ['auth', 'time'] : names;
  let value: Value | undefined = context;
  for (const name of path) {
    // What lies behind an entity is among the entities.
    if (typeof value !== 'object' || value.kind !== 'record') break;
    value = value.get(name);
  }
  return value === undefined ? '-' : valueKey(withoutTime(value, path));
}

/** What time changes in a whole context, and in a whole sign-in. */
function withoutTime(value: Value, path: readonly string[]): Value {
  if (typeof value !== 'object' || value.kind !== 'record') return value;
  if (path.length === 0) return without(value, ['now', 'local']);
  return path.length === 1 && path[0] === 'auth' ? without(value, ['ageSeconds']) : value;
}

function without(record: CedarRecord, left: readonly string[]): CedarRecord {
  const names = record.names().filter((name) => !left.includes(name));
  // Of a whole context the sign-in is a part, which has none of its own by this name.
  return recordOfEntries(names.map((name) => [name, withoutTime(record.get(name) as Value, [name])]));
}
