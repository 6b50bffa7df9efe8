/** Policies that by what was added to them or taken from them let more through, whatever the requests. */
import type { ReleasedPolicy } from '../release/index.ts';
import { type ChangedPolicy, diffPolicies } from './diff_policies.ts';
import type { Widening } from './widening.ts';

/** A condition that was changed into another is not judged: that is what records are replayed for. */
export function policyWidenings(before: readonly ReleasedPolicy[], after: readonly ReleasedPolicy[]): Widening[] {
  const { added, removed, changed } = diffPolicies(before, after);
  const wider = (subject: string, message: string): Widening => ({ code: 'policy-wider', subject, message });
  return [
    ...added.filter(({ effect }) => effect === 'permit').map(({ id }) => wider(id, 'this permit is new')),
    ...removed.filter(({ effect }) => effect === 'forbid').map(({ id }) => wider(id, 'this forbid is gone')),
    ...changed.flatMap((policy) => {
      const message = whyWider(policy);
      return message === undefined ? [] : [wider(policy.after.id, message)];
    }),
  ];
}

/** Lines of `policyLines` that make a policy apply to less. */
const ASKS = /^(?:team|principal|action|resource|when|unless) /;

function whyWider({ before, after, removed, added }: ChangedPolicy): string | undefined {
  if (before.effect === 'forbid' && after.effect === 'permit') return 'what was forbidden is permitted';
  if (before.effect !== after.effect) return undefined;
  const [fewer, more] = [removed, added].map((lines) => lines.filter((line) => ASKS.test(line)));
  if (after.effect === 'forbid') {
    if (added.some((line) => line.startsWith('@challenge(')))
      return 'a sign-in is a way out of this forbid now, or another one is';
    return fewer?.length === 0 && more?.length !== 0 ? 'this forbid asks for more' : undefined;
  }
  return more?.length === 0 && fewer?.length !== 0 ? 'this permit asks for less' : undefined;
}
