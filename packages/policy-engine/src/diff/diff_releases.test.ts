import { describe, expect, test } from 'vitest';
import { PAYMENTS_FILES, releaseFrom } from '../testing/index.ts';
import { diffReleases } from './index.ts';

type Files = { readonly [path: string]: string };

function diffOf(before: Files, after: Files) {
  return diffReleases(releaseFrom({ ...PAYMENTS_FILES, ...before }), releaseFrom({ ...PAYMENTS_FILES, ...after }));
}

const service = PAYMENTS_FILES['services/payments.yaml'] ?? '';
const EMPTY = { added: [], removed: [], changed: [] };

describe('policies', () => {
  const policies = (before: string, after: string) =>
    diffOf({ 'org/a.cedar': before }, { 'org/a.cedar': after }).policies;
  const one = (id: string, condition = 'context.local.hour < 9') =>
    `@id("${id}") permit (principal, action, resource) when { ${condition} && context has user };`;

  test('that only moved or were only laid out anew have not changed', () => {
    const text = `${one('a')}${one('b')}`;
    const moved = `// a comment\n\n${one('b')}\n${one('a').replace(' when', '\n  when')}`;
    const diff = diffOf({ 'org/a.cedar': text }, { 'org/b.cedar': moved });
    expect(diff).toMatchObject({ isEmpty: true, policies: EMPTY });
  });

  test('are told apart by their id, whatever they say', () => {
    expect(policies(one('a') + one('b'), one('b') + one('c'))).toMatchObject({
      added: [{ id: 'c', effect: 'permit', file: 'org/a.cedar', line: 1 }],
      removed: [{ id: 'a' }],
      changed: [],
    });
  });

  test('show what is no longer asked and what is asked now', () => {
    const before = '@id("a") @reason("x") permit (principal is User, action, resource) when { context has user };';
    const after = `@id("a") @reason("y")
forbid (principal is User in Group::"g", action in [Action::"write", Action::"read"], resource)
when { context has user } unless { context.local.hour < 9 };`;
    expect(policies(before, after).changed).toMatchObject([
      {
        before: { id: 'a', effect: 'permit', line: 1 },
        after: { id: 'a', effect: 'forbid', line: 1 },
        removed: ['@reason("x")', 'permit', 'principal is User'],
        added: [
          '@reason("y")',
          'forbid',
          'principal is User in Group::"g"',
          'action in [Action::"read", Action::"write"]',
          'unless context.local.hour < 9',
        ],
      },
    ]);
  });

  test('without an id are the same where they say the same, although their place is their name', () => {
    const plain = (condition: string) => one('x', condition).replace('@id("x") ', '');
    const [early, late, noon] = [plain('context.local.hour < 9'), plain('context.local.hour > 20'), plain('true')];
    expect(policies(early + late, `\n${late}${early}`)).toEqual(EMPTY);
    expect(policies(early + late, `\n${noon}${late}`)).toMatchObject({
      added: [],
      removed: [],
      changed: [
        {
          before: { id: 'org/a.cedar:1:1' },
          after: { id: 'org/a.cedar:2:1' },
          removed: ['when context.local.hour < 9'],
          added: ['when true'],
        },
      ],
    });
    expect(policies(early, early + late).added).toHaveLength(1);
  });

  test('that change from a team to the organisation reach other services', () => {
    const text = one('a');
    const { changed } = diffOf({ 'teams/finance/a.cedar': text }, { 'org/a.cedar': text }).policies;
    expect(changed).toMatchObject([{ removed: ['team finance', 'resource in Team::"finance"'], added: ['org'] }]);
  });
});

test('routes, hosts and settings of a service, line by line', () => {
  const after = service
    .replace('user: optional', 'user: required')
    .replace('methods: [GET]', 'methods: [GET, HEAD]')
    .replace('[payments.demo.test]', '[payments.demo.test, pay.demo.test]');
  expect(diffOf({}, { 'services/payments.yaml': after }).services).toEqual({
    ...EMPTY,
    changed: [
      {
        name: 'payments',
        removed: ['user: optional'],
        added: ['hosts: pay.demo.test', 'user: required', 'route HEAD /balance: balance in read'],
      },
    ],
  });
  const shop = service.replaceAll('payments', 'shop');
  expect(diffOf({}, { 'services/shop.yaml': shop }).services).toMatchObject({ added: ['shop'], changed: [] });
});

test('teams, groups, issuers and what holds for all', () => {
  const yaml = (text: string) => ({ 'postern.yaml': text });
  const issuer =
    'issuers: [{ issuer: "https://id.test", audiences: [a], algorithms: [ES256], groups: { x: support } }]';
  const before =
    'teams: { company: {}, finance: { parent: company }, shop: {} }\nworkloadGroups: { jobs: [spiffe://a.test/b] }';
  const after = `teams: { company: {}, finance: {}, sales: {} }\nworkloadGroups: { jobs: [spiffe://a.test/c] }\nstrictErrors: false\n${issuer}`;
  expect(diffOf(yaml(before), yaml(after))).toMatchObject({
    isEmpty: false,
    teams: {
      added: ['sales'],
      removed: ['shop'],
      changed: [{ name: 'finance', removed: ['parent: company'], added: [] }],
    },
    workloadGroups: {
      changed: [{ removed: ['spiffeIds: spiffe://a.test/b'], added: ['spiffeIds: spiffe://a.test/c'] }],
    },
    issuers: { added: ['https://id.test'] },
    settings: { removed: ['strictErrors: true'], added: ['strictErrors: false'] },
  });
  expect(diffOf(yaml(after), yaml(after.replace('x: support', 'x: admin'))).issuers.changed).toMatchObject([
    { removed: ['groups.x: support'], added: ['groups.x: admin'] },
  ]);
});
