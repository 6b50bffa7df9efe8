import { describe, expect, test } from 'vitest';
import { entitiesOf, NO_ENTITIES } from './entities.ts';
import type { ExpressionJson, PolicyJson } from './policy_json.ts';
import { compilePolicySet, MAX_POLICY_ID_LENGTH, type PolicySet, type PolicySetInput } from './policy_set.ts';
import { EMPTY_RECORD, entityUid, recordOf } from './value.ts';

const alice = entityUid('User', 'alice');
const view = entityUid('Action', 'view');
const doc = entityUid('Doc', 'd');
const request = { principal: alice, action: view, resource: doc, context: recordOf({ n: 1 }) };

const literal = (Value: unknown): ExpressionJson => ({ Value });
const contextOf = (attr: string): ExpressionJson => ({ '.': { left: { Var: 'context' }, attr } });

function policy(effect: 'permit' | 'forbid', body?: ExpressionJson, more: Partial<PolicyJson> = {}): PolicyJson {
  const conditions = body === undefined ? [] : [{ kind: 'when' as const, body }];
  return { effect, principal: { op: 'All' }, action: { op: 'All' }, resource: { op: 'All' }, conditions, ...more };
}

function made(input: PolicySetInput): PolicySet {
  const set = compilePolicySet(input);
  if (!set.ok) throw new Error(`${set.reason} ${set.detail}`);
  return set.value;
}

function setOfPolicies(...policies: PolicyJson[]): PolicySet {
  return made({ policies: policies.map((json, index) => ({ id: `policy${index}`, json })) });
}

describe('authorize', () => {
  test('denies when nothing applies', () => {
    const answer = { decision: 'deny', determining: [], errors: [] };
    expect(setOfPolicies().authorize(request, NO_ENTITIES)).toEqual(answer);
    expect(setOfPolicies(policy('permit', literal(false))).authorize(request, NO_ENTITIES)).toEqual(answer);
  });

  test('lets one forbid win over any number of permits and names every forbid that applied', () => {
    const set = setOfPolicies(policy('permit'), policy('forbid'), policy('permit'), policy('forbid', literal(true)));
    expect(set.authorize(request, NO_ENTITIES)).toMatchObject({
      decision: 'deny',
      determining: ['policy1', 'policy3'],
    });
  });

  test('names every permit that applied, in policy order also beyond ten', () => {
    const set = setOfPolicies(...Array.from({ length: 12 }, () => policy('permit')));
    expect(set.authorize(request, NO_ENTITIES).determining).toEqual(
      Array.from({ length: 12 }, (_, index) => `policy${index}`),
    );
  });

  test('skips a forbid that fails, as Cedar does, and says so', () => {
    const set = setOfPolicies(
      policy('permit'),
      policy('forbid', { '==': { left: contextOf('x'), right: literal(1) } }),
    );
    const answer = set.authorize(request, NO_ENTITIES);
    expect(answer).toMatchObject({
      decision: 'allow',
      determining: ['policy0'],
      errors: [{ policyId: 'policy1', effect: 'forbid', reason: 'attribute-does-not-exist' }],
    });
  });

  test('never puts a value of the request into an error', () => {
    const secret = 'hunter2';
    const conditions: ExpressionJson[] = [
      { '<': { left: contextOf('s'), right: literal(1) } },
      { isIpv4: [{ ip: [contextOf('s')] }] },
      { '.': { left: contextOf('s'), attr: 'x' } },
      { getTag: { left: { Var: 'principal' }, right: contextOf('s') } },
    ];
    const set = setOfPolicies(...conditions.map((body) => policy('permit', body)));
    const answer = set.authorize({ ...request, context: recordOf({ s: secret }) }, NO_ENTITIES);
    expect(answer.errors.length).toBe(conditions.length);
    expect(JSON.stringify(answer)).not.toContain(secret);
  });

  test('stops at the first clause that is false, and fails at the first that fails', () => {
    const failing = { kind: 'when' as const, body: contextOf('absent') };
    const falseClause = { kind: 'unless' as const, body: literal(true) };
    const set = setOfPolicies(
      policy('permit', undefined, { conditions: [falseClause, failing] }),
      policy('permit', undefined, { conditions: [failing, falseClause] }),
    );
    expect(set.authorize(request, NO_ENTITIES).errors.map(({ policyId }) => policyId)).toEqual(['policy1']);
  });

  test('compiles a policy only when a request needs it', () => {
    let reads = 0;
    const json = policy('permit', undefined, { principal: { op: '==', entity: { type: 'User', id: 'bob' } } });
    const counting = Object.defineProperty({ ...json }, 'conditions', {
      enumerable: true,
      get: () => {
        reads++;
        return [];
      },
    });
    const set = made({ policies: [{ id: 'a', json: counting }] });
    const readsToCheck = reads;
    set.authorize(request, NO_ENTITIES);
    expect(reads).toBe(readsToCheck);
    set.authorize({ ...request, principal: entityUid('User', 'bob') }, NO_ENTITIES);
    expect(reads).toBeGreaterThan(readsToCheck);
  });

  test('answers the same for policies that were given as JSON text', () => {
    const json = policy('permit', { '==': { left: contextOf('n'), right: literal(9007199254740993n) } });
    const text = JSON.stringify(policy('permit')).replace(
      '"conditions":[]',
      '"conditions":[{"kind":"when","body":{"==":{"left":{".":{"left":{"Var":"context"},"attr":"n"}},"right":{"Value":9007199254740993}}}}]',
    );
    for (const input of [json, text]) {
      const set = made({ policies: [{ id: 'a', json: input }] });
      const decide = (n: bigint | number) =>
        set.authorize({ ...request, context: recordOf({ n }) }, NO_ENTITIES).decision;
      expect([decide(9007199254740993n), decide(9007199254740994n), decide(1)]).toEqual(['allow', 'deny', 'deny']);
    }
  });
});

describe('templates', () => {
  const template = policy('permit', undefined, {
    principal: { op: 'in', slot: '?principal' },
    resource: { op: 'is', entity_type: 'Doc', in: { slot: '?resource' } },
  });
  const staff = entityUid('Group', 'staff');
  const folder = entityUid('Folder', 'f');
  const templates = [{ id: 't', json: template }];

  test('apply through their links only, under the id of the link', () => {
    const set = made({
      policies: [],
      templates,
      links: [{ id: 'link', templateId: 't', slots: { '?principal': staff, '?resource': folder } }],
    });
    const entities = entitiesOf([
      { uid: alice, parents: [staff] },
      { uid: doc, parents: [folder] },
    ]);
    expect(entities.ok && set.authorize(request, entities.value).determining).toEqual(['link']);
    expect(set.authorize(request, NO_ENTITIES).determining).toEqual([]);
    expect(set.ids).toEqual(['link']);
  });

  test.each([
    [{ '?principal': staff }, 'link-slot-missing'],
    [{ '?resource': folder }, 'link-slot-missing'],
  ])('are not linked with a slot left open', (slots, reason) => {
    const input = { policies: [], templates, links: [{ id: 'l', templateId: 't', slots }] };
    expect(compilePolicySet(input)).toMatchObject({ ok: false, reason });
  });

  test('are not linked with a value for a slot that they do not have', () => {
    const json = { ...template, resource: { op: 'All' as const } };
    const slots = { '?principal': staff, '?resource': folder };
    const input = { policies: [], templates: [{ id: 't', json }], links: [{ id: 'l', templateId: 't', slots }] };
    expect(compilePolicySet(input)).toMatchObject({ ok: false, reason: 'link-slot-unexpected' });
  });

  test('are refused as policies, and policies as templates', () => {
    expect(compilePolicySet({ policies: templates })).toMatchObject({ ok: false, reason: 'policy-is-template' });
    const statics = [{ id: 'p', json: policy('permit') }];
    expect(compilePolicySet({ policies: [], templates: statics })).toMatchObject({ reason: 'template-without-slot' });
    const links = [{ id: 'l', templateId: 'none', slots: {} }];
    expect(compilePolicySet({ policies: [], links })).toMatchObject({ reason: 'link-template-unknown' });
  });
});

function nested(depth: number): ExpressionJson {
  let body = literal(true);
  for (let level = 0; level < depth; level++) body = { '!': { arg: body } };
  return body;
}

const withBody = (body: unknown) => policy('forbid', body as ExpressionJson);

describe('a policy set', () => {
  test.each([
    ['no object', 1, 'policy-malformed'],
    ['no effect', { ...policy('permit'), effect: 'allow' }, 'policy-malformed'],
    ['an unknown field', { ...policy('permit'), priority: 1 }, 'policy-field-unknown'],
    ['an unknown scope', policy('permit', undefined, { principal: { op: 'has' } as never }), 'policy-scope-malformed'],
    [
      'a slot of the other kind',
      policy('permit', undefined, { principal: { op: '==', slot: '?resource' } }),
      'policy-slot-misplaced',
    ],
    ['a slot in a condition', withBody({ Slot: '?principal' }), 'expression-slot'],
    [
      'an unknown operator',
      withBody({ '===': { left: literal(1), right: literal(1) } }),
      'expression-operator-unknown',
    ],
    ['an unknown function', withBody({ lookup: [literal('x')] }), 'expression-operator-unknown'],
    ['two operators in one place', withBody({ ...literal(true), Var: 'context' }), 'expression-malformed'],
    ['a missing operand', withBody({ '==': { left: literal(1) } }), 'expression-malformed'],
    ['a field that nobody reads', withBody({ '!': { arg: literal(true), as: 1 } }), 'expression-malformed'],
    [
      'a field too many in a chain',
      withBody({ '&&': { left: literal(true), right: literal(true), unless: 1 } }),
      'expression-malformed',
    ],
    [
      'an action of another type',
      policy('permit', undefined, { action: { op: '==', entity: { type: 'User', id: 'a' } } }),
      'policy-scope-malformed',
    ],
    ['a bad annotation', policy('permit', undefined, { annotations: { 'a b': '' } }), 'policy-malformed'],
    ['an unknown variable', withBody({ Var: 'env' }), 'expression-malformed'],
    ['a rounded integer', withBody(literal(2 ** 60)), 'expression-literal-invalid'],
    ['a fraction', withBody(literal(1.5)), 'expression-literal-invalid'],
    ['null', withBody(literal(null)), 'expression-literal-invalid'],
    ['a bad pattern', withBody({ like: { left: literal('a'), pattern: ['*'] } }), 'expression-pattern-malformed'],
    [
      'a bad entity type',
      withBody({ is: { left: { Var: 'principal' }, entity_type: 'A::if' } }),
      'entity-type-invalid',
    ],
    ['an id that is no text', withBody(literal({ __entity: { type: 'A', id: 1 } })), 'entity-uid-malformed'],
    ['nesting without end', withBody(nested(401)), 'expression-too-deep'],
    ['too many nodes', withBody({ Set: Array.from({ length: 100_000 }, () => literal(1)) }), 'expression-too-large'],
    ['text that is no JSON', '{"effect":', 'json-malformed'],
    ['text with a key twice', '{"effect":"permit","effect":"forbid"}', 'json-duplicate-key'],
  ])('with %s is refused as a whole, for a forbid may be the one that is lost', (_, json, reason) => {
    const policies = [
      { id: 'good', json: policy('permit') },
      { id: 'bad', json },
    ];
    const result = compilePolicySet({ policies });
    expect(result).toMatchObject({ ok: false, reason });
    expect(!result.ok && result.detail).toContain('bad');
  });

  test('takes the deepest nesting on the bound and chains of any length below the node bound', () => {
    const chain = Array.from({ length: 5000 }).reduce<ExpressionJson>(
      (left) => ({ '&&': { left, right: literal(true) } }),
      literal(true),
    );
    const set = setOfPolicies(policy('permit', nested(400)), policy('permit', chain));
    expect(set.authorize(request, NO_ENTITIES).determining).toEqual(['policy0', 'policy1']);
  });

  test('has no id twice and none that is too long', () => {
    const json = policy('permit');
    const twice = { policies: [{ id: 'a', json }], templates: [{ id: 'a', json }] };
    expect(compilePolicySet(twice)).toMatchObject({ ok: false, reason: 'policy-id-duplicate' });
    const long = (length: number) => compilePolicySet({ policies: [{ id: 'x'.repeat(length), json }] });
    expect(long(MAX_POLICY_ID_LENGTH).ok).toBe(true);
    expect(long(MAX_POLICY_ID_LENGTH + 1)).toMatchObject({ ok: false, reason: 'policy-id-invalid' });
  });

  test('knows ids, effects, annotations and reads of its policies', () => {
    const set = setOfPolicies(policy('forbid', contextOf('n'), { annotations: { id: 'x', flag: null } }));
    expect(set.effect('policy0')).toBe('forbid');
    expect(set.policy('policy0')?.annotations).toEqual({ id: 'x', flag: '' });
    expect([...(set.reads('policy0') ?? [])]).toEqual(['context.n']);
    expect([set.effect('x'), set.policy('x'), set.reads('x')]).toEqual([undefined, undefined, undefined]);
    expect(set.explain('x', { ...request, context: EMPTY_RECORD }, NO_ENTITIES)).toBeUndefined();
  });
});
