/** Which policies one release has that another has not, and which say something else there. */
import type { ReleasedPolicy } from '../release/index.ts';
import { compareLines, hasChanges, type LineChanges } from './lines.ts';
import { policyLines } from './policy_lines.ts';

export interface PolicyPlace {
  readonly id: string;
  readonly effect: 'permit' | 'forbid';
  readonly file: string;
  readonly line: number;
}

export interface ChangedPolicy extends LineChanges {
  readonly before: PolicyPlace;
  readonly after: PolicyPlace;
}

export interface PolicyChanges {
  readonly added: readonly PolicyPlace[];
  readonly removed: readonly PolicyPlace[];
  readonly changed: readonly ChangedPolicy[];
}

type Pair = readonly [before: ReleasedPolicy, after: ReleasedPolicy];

/**
 * Policies with an `@id` are the same when they have the same; those without, whose name is their place, when they say the
 * same, and else in the order of their file. A policy that only moved has not changed.
 */
export function diffPolicies(before: readonly ReleasedPolicy[], after: readonly ReleasedPolicy[]): PolicyChanges {
  const left = new Set(before);
  const right = new Set(after);
  const pairs: Pair[] = [];
  for (const keyOf of [keyOfId, keyOfContent, keyOfFile]) {
    for (const pair of match([...left], [...right], keyOf)) {
      pairs.push(pair);
      left.delete(pair[0]);
      right.delete(pair[1]);
    }
  }
  const changed = pairs.flatMap(([old, now]) => {
    const changes = compareLines(policyLines(old), policyLines(now));
    return hasChanges(changes) ? [{ before: placeOf(old), after: placeOf(now), ...changes }] : [];
  });
  const order = new Map(after.map(({ id }, index) => [id, index]));
  const byOrder = (one: ChangedPolicy, other: ChangedPolicy) =>
    (order.get(one.after.id) ?? 0) - (order.get(other.after.id) ?? 0);
  return { added: [...right].map(placeOf), removed: [...left].map(placeOf), changed: changed.sort(byOrder) };
}

type KeyOf = (policy: ReleasedPolicy) => string | undefined;

const keyOfId: KeyOf = ({ annotations, id }) => (annotations['id'] === undefined ? undefined : id);
const keyOfContent: KeyOf = (policy) => (keyOfId(policy) === undefined ? policyLines(policy).join('\n') : undefined);
const keyOfFile: KeyOf = (policy) => (keyOfId(policy) === undefined ? `${policy.effect} ${policy.file}` : undefined);

/** The first of each key with the first, the second with the second. */
function match(before: readonly ReleasedPolicy[], after: readonly ReleasedPolicy[], keyOf: KeyOf): Pair[] {
  const waiting = new Map<string, ReleasedPolicy[]>();
  for (const policy of before) {
    const key = keyOf(policy);
    if (key === undefined) continue;
    const others = waiting.get(key);
    if (others === undefined) waiting.set(key, [policy]);
    else others.push(policy);
  }
  return after.flatMap((policy): Pair[] => {
    const key = keyOf(policy);
    const other = key === undefined ? undefined : waiting.get(key)?.shift();
    return other === undefined ? [] : [[other, policy]];
  });
}

function placeOf({ id, effect, file, line }: ReleasedPolicy): PolicyPlace {
  return { id, effect, file, line };
}
