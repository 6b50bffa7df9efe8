import * as cedar from '@cedar-policy/cedar-wasm/nodejs';
import fc from 'fast-check';
import { expect, test } from 'vitest';
import {
  type Expression,
  type ExpressionJson,
  formatExpression,
  policyFromJson,
  withExactJson,
} from '../../../packages/policy-engine/src/cedar/index.ts';
import { expressions } from './generate_expression.ts';
import { TYPE_NAMES } from './generate_value.ts';

function conditionOf(json: unknown): Expression {
  const policy = policyFromJson(json);
  const condition = policy.ok ? policy.value.clauses[0]?.condition : undefined;
  if (condition === undefined) throw new Error('the policy was refused');
  return condition;
}

function fromJson(body: ExpressionJson): Expression {
  const all = { op: 'All' };
  return conditionOf({
    effect: 'permit',
    principal: all,
    action: all,
    resource: all,
    conditions: [{ kind: 'when', body }],
  });
}

function fromText(condition: string): Expression {
  const text = `permit(principal, action, resource) when { ${condition} };`;
  const answer = withExactJson(() => cedar.policyToJson(text));
  if (answer.type === 'failure') throw new Error(`${answer.errors[0]?.message}: ${text}`);
  return conditionOf(answer.json);
}

/** Text has no order of record fields; bigints have no JSON. */
function comparable(expression: Expression): string {
  return JSON.stringify(expression, (_, value) => {
    if (typeof value === 'bigint') return `${value}n`;
    if (value?.kind !== 'record') return value;
    return { ...value, fields: value.fields.toSorted(([a]: [string], [b]: [string]) => (a < b ? -1 : 1)) };
  });
}

test('an explained condition is the condition: Cedar reads the formatted text as the same expression', () => {
  const bodies = fc.constantFrom(...TYPE_NAMES).chain((type) => expressions(type, 4));
  fc.assert(
    fc.property(bodies, (body) => {
      const expression = fromJson(body);
      expect(comparable(fromText(formatExpression(expression)))).toBe(comparable(expression));
    }),
    { numRuns: process.env['POSTERN_LONG'] === '1' ? 20_000 : 1000 },
  );
});
