import { describe, expect, test } from 'vitest';
import { entitiesOf, NO_ENTITIES } from './entities.ts';
import type { PolicyExplanation } from './explain.ts';
import { formatValue } from './format.ts';
import type { ExpressionJson, PolicyJson } from './policy_json.ts';
import { compilePolicySet } from './policy_set.ts';
import { entityUid, recordOf, type Value } from './value.ts';

const path = (...names: string[]): ExpressionJson =>
  names.reduce<ExpressionJson>((left, attr) => ({ '.': { left, attr } }), { Var: 'context' });
const all = (first: ExpressionJson, ...rest: ExpressionJson[]) =>
  rest.reduce((left, right) => ({ '&&': { left, right } }), first);
const compliant = path('device', 'compliant');
const fresh: ExpressionJson = { '<': { left: path('auth', 'ageSeconds'), right: { Value: 3600 } } };
const owner: ExpressionJson = {
  '==': { left: { '.': { left: { Var: 'resource' }, attr: 'owner' } }, right: { Var: 'principal' } },
};

const policy: PolicyJson = {
  effect: 'permit',
  principal: { op: 'is', entity_type: 'User' },
  action: { op: 'All' },
  resource: { op: 'All' },
  conditions: [
    { kind: 'when', body: all(compliant, fresh, owner) },
    { kind: 'unless', body: all(path('network', 'isBlocked'), path('x')) },
  ],
};

function explained(context: { [name: string]: Value }, principal = entityUid('User', 'alice')): PolicyExplanation {
  const set = compilePolicySet({ policies: [{ id: 'p', json: policy }] });
  const doc = entityUid('Doc', 'd');
  const entities = entitiesOf([{ uid: doc, attributes: recordOf({ owner: entityUid('User', 'alice') }) }]);
  if (!set.ok || !entities.ok) throw new Error('the case was refused');
  const request = { principal, action: entityUid('Action', 'view'), resource: doc, context: recordOf(context) };
  const explanation = set.value.explain('p', request, entities.value);
  if (explanation === undefined) throw new Error('no explanation');
  return explanation;
}

describe('explain', () => {
  test('says which conditions failed with which values, beyond the first that ended the evaluation', () => {
    const explanation = explained({
      device: recordOf({ compliant: false }),
      auth: recordOf({ ageSeconds: 7200 }),
      network: recordOf({ isBlocked: false }),
    });
    expect(explanation).toMatchObject({ policyId: 'p', effect: 'permit', scopeMatches: true, missing: 2 });
    const [when, unless] = explanation.clauses;
    expect(when?.conjuncts.map(({ text, outcome, isMet }) => [text, outcome, isMet])).toEqual([
      ['context.device.compliant', 'false', false],
      ['context.auth.ageSeconds < 3600', 'false', false],
      ['resource.owner == principal', 'true', true],
    ]);
    expect(when?.conjuncts.map(({ reads }) => reads)).toEqual([
      [{ path: 'context.device.compliant', value: false }],
      [{ path: 'context.auth.ageSeconds', value: 7200 }],
      [{ path: 'resource.owner', value: entityUid('User', 'alice') }],
    ]);
    expect(unless?.conjuncts).toMatchObject([
      { text: 'context.network.isBlocked && context.x', outcome: 'false', isMet: true },
    ]);
  });

  test('tells a condition that failed from one that is false, and what could not be read', () => {
    const explanation = explained({ device: recordOf({ compliant: true }) }, entityUid('Workload', 'w'));
    expect(explanation.scopeMatches).toBe(false);
    const [when] = explanation.clauses;
    expect(when?.conjuncts[1]).toMatchObject({
      outcome: 'error',
      isMet: false,
      reads: [{ path: 'context.auth.ageSeconds', value: undefined }],
    });
    expect(when?.conjuncts[2]).toMatchObject({ outcome: 'false' });
  });

  test('of a scope agrees with the decision', () => {
    const json: PolicyJson = {
      ...policy,
      principal: { op: 'All' },
      action: { op: 'in', entities: [] },
      conditions: [],
    };
    const set = compilePolicySet({ policies: [{ id: 'p', json }] });
    const uid = entityUid('A', 'a');
    const request = { principal: uid, action: uid, resource: uid, context: recordOf({}) };
    expect(set.ok && set.value.explain('p', request, NO_ENTITIES)?.scopeMatches).toBe(false);
  });
});

test('values are written so that no text can break out of its quotes or its line', () => {
  expect(formatValue('a"\n\u001b[31m\\')).toBe('"a\\"\\n\\u{1b}[31m\\\\"');
  expect(formatValue(recordOf({ 'a b': 1, if: true }))).toBe('{"a b": 1, "if": true}');
});
