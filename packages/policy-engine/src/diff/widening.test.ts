import { describe, expect, test } from 'vitest';
import { loadedFrom, PAYMENTS_FILES } from '../testing/index.ts';
import { findWidenings } from './index.ts';

type Files = { readonly [path: string]: string };

const SERVICE = PAYMENTS_FILES['services/payments.yaml'] ?? '';
const SETTINGS = 'teams: { company: {}, finance: { parent: company }, shop: { parent: company } }\n';
const service = (from: string, to: string): Files => {
  expect(SERVICE).toContain(from);
  return { 'services/payments.yaml': SERVICE.replace(from, to) };
};
const more = (line: string): Files => ({ 'services/payments.yaml': `${SERVICE}${line}\n` });
const settings = (text: string): Files => ({ 'postern.yaml': `${SETTINGS}${text}\n` });
const issuer = (text: string, groups = 'a: x') =>
  settings(
    `issuers: [{ issuer: "https://id.test", audiences: [a], algorithms: [ES256], groupsClaim: g, groups: { ${groups} }${text} }]`,
  );
const org = (text: string): Files => ({ 'org/a.cedar': text });
const POLICIES = org(`@id("readers") permit (principal, action in Action::"read", resource);
@id("own") forbid (principal, action in Action::"write", resource);`);
const route = (text: string) =>
  service('  - { action: balance, methods: [GET], path: /balance, groups: [read] }', text);

function found(before: Files, after: Files) {
  const [left, right] = [before, after].map((files) => loadedFrom({ ...PAYMENTS_FILES, ...files }));
  if (left === undefined || right === undefined) throw new Error('two releases');
  return findWidenings(left, right).map(({ code, subject, message }) => `${code} ${subject}: ${message}`);
}

type Row = [name: string, before: Files, after: Files, wider: readonly unknown[], back: readonly unknown[]];
const starting = (text: string) => expect.stringMatching(new RegExp(`^${text}`));

const rows: Row[] = [
  ['nothing', {}, {}, [], []],
  ['errors that are skipped', {}, settings('strictErrors: false'), [starting('errors-skipped strictErrors: ')], []],
  ['an issuer', {}, issuer(''), ['issuer-trusted-more https://id.test: its tokens name people now'], []],
  [
    'an issuer that is taken at its word for more',
    issuer(''),
    settings(
      'issuers: [{ issuer: "https://id.test", audiences: [a, b], algorithms: [ES256, RS256], tokens: [access-token, id-token], groupsClaim: roles, groups: { a: y }, deviceClaim: d }]',
    ),
    [
      'the audience `b`',
      'the algorithm `RS256`',
      'the kind of token `id-token`',
      'the group `a: y`',
      'as the claim of groups `roles`',
      'as the claim of the device `d`',
    ].map((what) => `issuer-trusted-more https://id.test: ${what} is taken now`),
    ['the group `a: x`', 'as the claim of groups `g`'].map(
      (what) => `issuer-trusted-more https://id.test: ${what} is taken now`,
    ),
  ],
  [
    'a workload more in a group',
    settings('workloadGroups: { jobs: [spiffe://demo.test/a] }'),
    settings('workloadGroups: { jobs: [spiffe://demo.test/a, spiffe://demo.test/b] }'),
    ['group-members jobs: spiffe://demo.test/b is in the group now'],
    [],
  ],
  [
    'a user who need not be there',
    service('user: optional', 'user: required'),
    {},
    ['user-less-required payments: POST /refunds, GET /balance: `user` is `optional`, and was `required`'],
    [],
  ],
  [
    'a user who is not looked at, on one route',
    {},
    route('  - { action: balance, methods: [GET], path: /balance, groups: [read], user: none }'),
    ['user-less-required payments: GET /balance: `user` is `none`, and was `optional`'],
    [],
  ],
  [
    'a weaker proof of the caller',
    {},
    more('assurance: [certificate, xfcc-uri]'),
    ['service-believes-more payments: callers may be known by `xfcc-uri` now'],
    [],
  ],
  [
    'another proof of the caller',
    more('assurance: [xfcc-certificate]'),
    {},
    ['service-believes-more payments: callers may be known by `certificate` now'],
    ['service-believes-more payments: callers may be known by `xfcc-certificate` now'],
  ],
  [
    'an enforcement point, a host and parameters of paths',
    {},
    {
      'services/payments.yaml': `${SERVICE.replace(
        '[payments.demo.test]',
        '[payments.demo.test, pay.demo.test]',
      ).replace('enforcementPoints: [', 'enforcementPoints: [spiffe://demo.test/edge, ')}pathParameters: keep\n`,
    },
    [
      'service-believes-more payments: spiffe://demo.test/edge may ask about it now',
      'service-takes-more payments: requests to pay.demo.test are taken now',
      'service-takes-more payments: `;` in paths is taken now',
    ],
    [],
  ],
  [
    'going on without news',
    {},
    more('whenStale: last-known-good\nfeedStaleAfterSeconds: 301'),
    [starting('service-stale-longer payments: `whenStale`'), starting('service-stale-longer payments: .* 301 s')],
    [],
  ],
  [
    'a request that moves to an action of another group',
    POLICIES,
    { ...POLICIES, ...service('groups: [write]', 'groups: [read]') },
    [
      'route-wider payments: POST /refunds: the permit readers is about it now',
      'route-wider payments: POST /refunds: the forbid own is not about it any more',
    ],
    [],
  ],
  [
    'a request that moves to another action',
    POLICIES,
    {
      ...POLICIES,
      ...service(
        'action: refund, methods: [POST], path: /refunds, groups: [write]',
        'action: balance, methods: [POST], path: /refunds, groups: [read]',
      ),
    },
    [
      'route-wider payments: POST /refunds: the permit readers is about it now',
      'route-wider payments: POST /refunds: the forbid own is not about it any more',
    ],
    [],
  ],
  [
    'a request that a more general route takes now',
    { ...POLICIES, ...route('  - { action: look, methods: [POST], path: "/{rest*}", groups: [read] }') },
    {
      ...POLICIES,
      ...{
        'services/payments.yaml': SERVICE.replace(/ {2}- \{ action: refund.*\n/, '').replace(
          /( {2}- \{) action: balance.*/,
          '$1 action: look, methods: [POST], path: "/{rest*}", groups: [read] }',
        ),
      },
    },
    [
      'route-wider payments: POST /refunds: the permit readers is about it now',
      'route-wider payments: POST /refunds: the forbid own is not about it any more',
    ],
    [],
  ],
  [
    'a method and a path that were refused',
    POLICIES,
    {
      ...POLICIES,
      ...route(
        '  - { action: balance, methods: [GET, HEAD], path: /balance, groups: [read] }\n  - { action: refund, methods: [PUT], path: /refunds, groups: [write] }',
      ),
    },
    ['route-wider payments: HEAD /balance: the permit readers is about it now'],
    [],
  ],
  [
    'an owner by whom other policies are in force',
    org('@id("shops") permit (principal, action, resource in Team::"shop");'),
    {
      ...org('@id("shops") permit (principal, action, resource in Team::"shop");'),
      ...service('owner: finance', 'owner: shop'),
    },
    ['route-wider payments: POST /refunds, GET /balance: the permit shops is about it now'],
    [],
  ],
  [
    'a service that requests were never of',
    POLICIES,
    { ...POLICIES, 'services/shop.yaml': SERVICE.replaceAll('payments', 'shop') },
    ['route-wider shop: GET /balance: the permit readers is about it now'],
    [],
  ],
  [
    'a permit more',
    POLICIES,
    org(`${POLICIES['org/a.cedar']} @id("new") permit (principal, action in Action::"write", resource);`),
    ['policy-wider new: this permit is new'],
    [],
  ],
  [
    'a forbid less',
    POLICIES,
    org('@id("readers") permit (principal, action in Action::"read", resource);'),
    ['policy-wider own: this forbid is gone'],
    [],
  ],
  [
    'a permit that asks for less',
    org(
      '@id("a") permit (principal is User, action, resource) when { context has device && context.device.compliant };',
    ),
    org('@id("a") permit (principal, action, resource) when { context has device };'),
    ['policy-wider a: this permit asks for less'],
    [],
  ],
  [
    'a forbid that asks for more',
    org('@id("a") forbid (principal, action, resource) when { context has device };'),
    org(
      '@id("a") forbid (principal, action, resource) when { context has device } unless { context.device.compliant };',
    ),
    ['policy-wider a: this forbid asks for more'],
    [],
  ],
  [
    'a permit that a team shared with the organisation',
    { 'teams/finance/a.cedar': '@id("a") permit (principal, action, resource);' },
    org('@id("a") permit (principal, action, resource);'),
    ['policy-wider a: this permit asks for less'],
    [],
  ],
  [
    'a permit where there was a forbid',
    org('@id("a") forbid (principal, action, resource);'),
    org('@id("a") permit (principal, action, resource);'),
    ['policy-wider a: what was forbidden is permitted'],
    [],
  ],
  [
    'a way out of a forbid',
    org('@id("a") forbid (principal, action, resource);'),
    org('@id("a") @challenge("step-up:60") forbid (principal, action, resource);'),
    ['policy-wider a: a sign-in is a way out of this forbid now, or another one is'],
    [],
  ],
  [
    'a permit that asks for something else, which records show',
    org('@id("a") permit (principal, action, resource) when { context.local.hour < 20 };'),
    org('@id("a") @reason("x") permit (principal, action, resource) when { context has device };'),
    [],
    [],
  ],
  [
    'a permit for other people, of which records tell',
    org('@id("a") permit (principal in Group::"a", action, resource) when { context.local.hour < 20 };'),
    org('@id("a") permit (principal in Group::"b", action, resource) when { context.local.hour < 22 };'),
    [],
    [],
  ],
  [
    'an hour more in a permit, and a reason',
    org(
      '@id("a") @reason("x") permit (principal, action, resource) when { context.local.hour < 20 && context has device };',
    ),
    org(
      '@id("a") @reason("y") permit (principal, action, resource) when { context has device } unless { context.local.hour >= 22 };',
    ),
    ['policy-wider a: this permit asks for less'],
    [],
  ],
  [
    'an hour less in a forbid',
    org('@id("a") forbid (principal, action, resource) unless { context.local.hour < 20 };'),
    org('@id("a") forbid (principal, action, resource) unless { context.local.hour < 22 };'),
    ['policy-wider a: this forbid asks for more'],
    [],
  ],
  [
    'policies without a name that only moved',
    org(
      'permit (principal, action in Action::"read", resource);\npermit (principal, action in Action::"write", resource);',
    ),
    org(
      'permit (principal, action in Action::"write", resource);\npermit (principal, action in Action::"read", resource);',
    ),
    [],
    [],
  ],
];

describe('who reviews a change learns that more is let through', () => {
  test.each(rows)('by %s', (_name, before, after, wider, back) => {
    expect(found(before, after)).toEqual(wider);
    expect(found(after, before)).toEqual(back);
  });

  test('by a service that observes, or does so for longer', () => {
    const observing = (day: string) => more(`mode: observe\nobserveUntil: 2026-01-${day}T00:00:00Z`);
    const message = 'service-observes payments: denials are let through, from now on or for longer: `mode: observe`';
    const observe: [before: Files, after: Files, wider: readonly string[]][] = [
      [{}, observing('20'), [message]],
      [observing('20'), observing('20'), []],
      [observing('20'), observing('21'), [message]],
      [observing('21'), observing('20'), []],
      [observing('20'), {}, []],
    ];
    for (const [before, after, wider] of observe) expect(found(before, after)).toEqual(wider);
    const shop = {
      'services/shop.yaml': (observing('20')['services/payments.yaml'] ?? '').replaceAll('payments', 'shop'),
    };
    expect(found({}, shop)).toEqual([message.replace('payments', 'shop')]);
  });

  test('in a line for each thing, however many requests it is about', () => {
    const routes = Array.from(
      { length: 10 },
      (_, index) => `  - { action: a${index}, methods: [GET], path: /a/${index}, groups: [read] }`,
    ).join('\n');
    expect(found(POLICIES, { ...POLICIES, ...route(routes) })).toEqual([
      'route-wider payments: GET /a/0, GET /a/1, GET /a/2, 7 more: the permit readers is about it now',
    ]);
  });
});
