import * as cedar from '@cedar-policy/cedar-wasm/nodejs';
import { expect, test } from 'vitest';
import { policyFromJson } from './policy_from_json.ts';
import { policyReads } from './reads.ts';

test.each([
  ['context.auth.ageSeconds < 60', ['context.auth.ageSeconds']],
  ['context has auth && context.auth.time < context.now', ['context.auth', 'context.auth.time', 'context.now']],
  ['context has auth.time', ['context.auth.time']],
  ['context == {now: 1}', ['context']],
  ['[context].contains(principal.x)', ['context']],
  ['context["odd name"]["if"] == 1', ['context["odd name"]["if"]']],
  ['(if principal.x then context.a else context.b).c == 1', ['context.a', 'context.b']],
  ['context.now.offset(duration("1h")) > datetime("2024-01-01")', ['context.now']],
  ['principal is User in context.team || context.ip.isInRange(ip("::/0"))', ['context.team', 'context.ip']],
  ['principal.getTag(context.tag) == {a: [context.deep.value]}', ['context.tag', 'context.deep.value']],
  ['principal.now == resource.now', []],
])('no attribute that %s may read is missed, or an answer would be kept too long', (condition, reads) => {
  for (const clause of ['when', 'unless']) {
    const answer = cedar.policyToJson(`permit(principal, action, resource) ${clause} { ${condition} };`);
    const policy = policyFromJson(answer.type === 'success' ? answer.json : undefined);
    expect(policy.ok && [...policyReads(policy.value)]).toEqual(reads);
  }
});
