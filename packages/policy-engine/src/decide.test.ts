import { describe, expect, test } from 'vitest';
import { contextOf, type RequestContext } from './context.ts';
import { decide } from './decide.ts';
import type { DecisionInput, EngineDecision, Party } from './decision.ts';
import { ANONYMOUS_USER, ANONYMOUS_WORKLOAD, userEntity, userUid, workloadUid } from './model.ts';
import type { LoadedRelease } from './release/index.ts';
import { loadedFrom, PAYMENTS_FILES } from './testing/index.ts';

const NOW = Date.UTC(2026, 0, 5, 12);
const STOREFRONT: Party = { kind: 'workload', principal: workloadUid('spiffe://demo.test/storefront') };
const ALICE: Party = { kind: 'user', principal: userUid('https://id.test', 'alice') };
const NOBODY: Party = { kind: 'anonymous-user', principal: ANONYMOUS_USER };
const NO_WORKLOAD: Party = { kind: 'anonymous-workload', principal: ANONYMOUS_WORKLOAD };
const PERMIT_ALL = '@id("all") permit (principal, action, resource);';

function withPolicies(policies: string, files: { readonly [path: string]: string } = {}): LoadedRelease {
  return loadedFrom({ ...PAYMENTS_FILES, 'org/test.cedar': policies, ...files });
}

function inputOf(parties: readonly Party[], known: Partial<RequestContext> = {}): DecisionInput {
  const nowMs = known.nowMs ?? NOW;
  return {
    service: 'payments',
    action: 'payments:refund',
    parties,
    context: contextOf({
      nowMs,
      request: { method: 'POST', path: '/refunds', host: 'payments.demo.test' },
      network: {},
      ...known,
    }),
    entities: [userEntity({ issuer: 'https://id.test', subject: 'alice', groups: ['support'] })],
    nowMs,
  };
}

function ask(policies: string, parties: readonly Party[], known: Partial<RequestContext> = {}): EngineDecision {
  return decide(withPolicies(policies), inputOf(parties, known));
}

const PERMIT_WORKLOAD = '@id("w") permit (principal is Workload, action, resource);';
const PERMIT_USER = '@id("u") permit (principal is User, action, resource);';
const FORBID_USER = '@id("fu") forbid (principal is User, action, resource);';

describe('every party must be permitted', () => {
  const rows: [name: string, policies: string, parties: Party[], outcome: string, reason: string][] = [
    ['both are', PERMIT_WORKLOAD + PERMIT_USER, [STOREFRONT, ALICE], 'allow', 'permitted'],
    ['the user alone is not enough', PERMIT_USER, [STOREFRONT, ALICE], 'deny', 'no-permit'],
    ['the workload alone is not enough', PERMIT_WORKLOAD, [STOREFRONT, ALICE], 'deny', 'no-permit'],
    ['nobody is nobody who was permitted', PERMIT_ALL, [], 'deny', 'no-permit'],
    ['no policy, no access', '', [STOREFRONT], 'deny', 'no-permit'],
    ['a forbid of one forbids all', PERMIT_ALL + FORBID_USER, [STOREFRONT, ALICE], 'deny', 'forbidden'],
    [
      'leaving the token out does not widen access',
      PERMIT_WORKLOAD + PERMIT_USER,
      [STOREFRONT, NOBODY],
      'deny',
      'no-permit',
    ],
    ['nor does leaving the certificate out', PERMIT_WORKLOAD + PERMIT_USER, [NO_WORKLOAD, ALICE], 'deny', 'no-permit'],
    [
      'nobody may be permitted by name',
      'permit (principal is Anonymous, action, resource);',
      [NO_WORKLOAD, NOBODY],
      'allow',
      'permitted',
    ],
    [
      'nobody as user is not nobody as workload',
      'permit (principal == Anonymous::"user", action, resource);',
      [NO_WORKLOAD, NOBODY],
      'deny',
      'no-permit',
    ],
  ];
  test.each(rows)('%s', (_name, policies, parties, outcome, reason) => {
    expect(ask(policies, parties)).toMatchObject({ outcome, reason });
  });

  test('each party has its own policies in the answer', () => {
    expect(ask(PERMIT_WORKLOAD + PERMIT_USER, [STOREFRONT, ALICE]).parties).toMatchObject([
      { kind: 'workload', principal: 'Workload::"spiffe://demo.test/storefront"', determining: [{ id: 'w' }] },
      { kind: 'user', principal: 'User::"https://id.test#alice"', determining: [{ id: 'u' }] },
    ]);
  });
});

test('a service or action that the release does not have is denied, whoever asks', () => {
  const loaded = withPolicies(PERMIT_ALL);
  const input = inputOf([STOREFRONT]);
  expect(decide(loaded, { ...input, service: 'paymints' })).toMatchObject({
    outcome: 'deny',
    reason: 'service-unknown',
  });
  for (const action of ['payments:delete', 'write', 'refund', 'storefront:home']) {
    expect(decide(loaded, { ...input, action })).toMatchObject({ outcome: 'deny', reason: 'action-unknown' });
  }
});

describe('entities', () => {
  test('a caller cannot put a workload of the release into another team or group', () => {
    const loaded = withPolicies('permit (principal in WorkloadGroup::"trusted", action, resource);', {
      'postern.yaml': 'teams: { finance: {} }\nworkloadGroups: { trusted: [spiffe://demo.test/batch] }\n',
    });
    const party: Party = { kind: 'workload', principal: workloadUid('spiffe://demo.test/payments') };
    const trusted = { type: 'WorkloadGroup', id: 'trusted', kind: 'entity' } as const;
    const entities = [{ uid: party.principal, parents: [trusted] }];
    expect(decide(loaded, { ...inputOf([party]), entities })).toMatchObject({ outcome: 'deny' });
    const member: Party = { kind: 'workload', principal: workloadUid('spiffe://demo.test/batch') };
    expect(decide(loaded, inputOf([member]))).toMatchObject({ outcome: 'allow' });
  });

  test('a workload that the release does not know still has its own name', () => {
    const policy = 'permit (principal is Workload, action, resource) when { principal.trustDomain == "other.test" };';
    const party: Party = { kind: 'workload', principal: workloadUid('spiffe://other.test/x') };
    expect(ask(policy, [party])).toMatchObject({ outcome: 'allow' });
    expect(ask(policy, [STOREFRONT])).toMatchObject({ outcome: 'deny' });
  });

  test('workloads of a service belong to the team that owns it and to the teams above', () => {
    const policy = 'permit (principal in Team::"company", action, resource);';
    const party: Party = { kind: 'workload', principal: workloadUid('spiffe://demo.test/payments') };
    expect(ask(policy, [party])).toMatchObject({ outcome: 'allow' });
    expect(ask(policy, [STOREFRONT])).toMatchObject({ outcome: 'deny' });
  });
});

describe('a policy that cannot be evaluated', () => {
  // Adding can overflow, which no validation excludes.
  const OVERFLOW = 'context.local.hour + 9223372036854775807 > 0';
  const errored = `${PERMIT_ALL} @id("guard") forbid (principal, action, resource) when { ${OVERFLOW} };`;

  test('denies when it is a forbid, and the record shows what Cedar itself would have said', () => {
    expect(ask(errored, [STOREFRONT])).toMatchObject({
      outcome: 'deny',
      reason: 'policy-error',
      cedarOutcome: 'allow',
      parties: [{ outcome: 'deny', errors: [{ policyId: 'guard' }], determining: [{ id: 'all' }] }],
    });
  });

  test('is skipped as Cedar has it where the release says so', () => {
    const files = { 'postern.yaml': 'strictErrors: false\nteams: { finance: {} }\n' };
    expect(decide(withPolicies(errored, files), inputOf([STOREFRONT]))).toMatchObject({
      outcome: 'allow',
      cedarOutcome: 'allow',
    });
  });

  test('that is a permit permits nothing and denies nothing', () => {
    const policy = `@id("sum") permit (principal, action, resource) when { ${OVERFLOW} };`;
    expect(ask(policy, [STOREFRONT])).toMatchObject({ outcome: 'deny', reason: 'no-permit' });
    expect(ask(policy + PERMIT_ALL, [STOREFRONT])).toMatchObject({ outcome: 'allow' });
  });

  test('of a team does not reach the services of another', () => {
    const files = {
      ...PAYMENTS_FILES,
      'services/shop.yaml':
        'name: shop\nowner: shop\nhosts: [shop.demo.test]\nenforcementPoints: [spiffe://demo.test/shop]\nuser: optional\n',
      'org/all.cedar': PERMIT_ALL,
      'teams/finance/broken.cedar': `forbid (principal, action, resource) when { ${OVERFLOW} };`,
    };
    const loaded = loadedFrom(files);
    expect(decide(loaded, inputOf([STOREFRONT]))).toMatchObject({ reason: 'policy-error' });
    expect(decide(loaded, { ...inputOf([STOREFRONT]), service: 'shop', action: 'shop:get' })).toMatchObject({
      outcome: 'allow',
    });
  });
});

describe('a challenge is offered only when taking it would help', () => {
  const stepUp = (seconds: number) =>
    `@challenge("step-up:${seconds}") forbid (principal is User, action, resource) unless { context has auth && context.auth.ageSeconds <= ${seconds} };`;
  const old = { auth: { timeMs: NOW - 7_200_000, amr: [] } };
  const all = PERMIT_ALL;

  test('the strictest of several is asked for', () => {
    expect(ask(all + stepUp(3600) + stepUp(900), [STOREFRONT, ALICE], old)).toMatchObject({
      outcome: 'challenge',
      reason: 'step-up-required',
      challenges: ['step-up:900'],
      cedarOutcome: 'deny',
      obligations: [],
    });
  });

  const rows: [name: string, policies: string, reason: string][] = [
    ['not without a permit', PERMIT_WORKLOAD + stepUp(3600), 'forbidden'],
    ['not when another party is denied', PERMIT_USER + stepUp(3600), 'no-permit'],
    ['not beside a forbid that offers no way out', all + FORBID_USER + stepUp(3600), 'forbidden'],
    [
      'not beside a forbid that could not be evaluated',
      `${all}${stepUp(3600)} forbid (principal, action, resource) when { context.local.hour + 9223372036854775807 > 0 };`,
      'policy-error',
    ],
  ];
  test.each(rows)('%s', (_name, policies, reason) => {
    expect(ask(policies, [STOREFRONT, ALICE], old)).toMatchObject({ outcome: 'deny', reason, challenges: [] });
  });

  test('a release whose challenge nobody understands denies', () => {
    const loaded = withPolicies(all + stepUp(3600));
    const policies = loaded.release.policies.map((policy) => ({ ...policy, annotations: { challenge: 'dance:3' } }));
    const policiesById = new Map(policies.map((policy) => [policy.id, policy]));
    const odd = { ...loaded, release: { ...loaded.release, policies }, policiesById };
    expect(decide(odd, inputOf([ALICE], old))).toMatchObject({ outcome: 'deny', reason: 'forbidden' });
  });
});

test('obligations come from the permits that allowed, each once, and only with an allow', () => {
  const permit = (id: string, who: string, obligation: string) =>
    `@id("${id}") @obligation("remove-header:${obligation}") permit (principal is ${who}, action, resource);`;
  const policies =
    permit('1', 'Workload', 'a') + permit('2', 'User', 'b') + permit('3', 'User', 'a') + permit('4', 'Anonymous', 'c');
  expect(ask(policies, [STOREFRONT, ALICE]).obligations).toEqual(['remove-header:a', 'remove-header:b']);
  expect(ask(policies + FORBID_USER, [STOREFRONT, ALICE]).obligations).toEqual([]);
});

describe('the nearest permits', () => {
  const policies = `
    @id("two-off") permit (principal, action, resource) when { context.local.hour < 9 && context.request.method == "GET" };
    @id("one-off") permit (principal, action, resource) when { context.local.hour < 9 };
    @id("elsewhere") permit (principal, action == Action::"payments:balance", resource);
    @id("others") permit (principal is Workload, action, resource);
    @id("by-unless") permit (principal, action, resource) unless { context.local.hour > 8 };
    @id("three-off") permit (principal, action, resource)
      when { context.local.hour < 9 && context.request.method == "GET" && context has device };`;

  test('are ordered by how little is missing, with the values that failed', () => {
    const [user] = ask(policies, [ALICE]).parties;
    expect(
      user?.nearest.map(({ id, failed }) => [id, failed.map(({ line, clause, text }) => `${line} ${clause} ${text}`)]),
    ).toEqual([
      ['one-off', ['3 when `context.local.hour < 9` is false: `context.local.hour` is 12']],
      ['by-unless', ['6 unless `context.local.hour > 8` is true: `context.local.hour` is 12']],
      [
        'two-off',
        [
          '2 when `context.local.hour < 9` is false: `context.local.hour` is 12',
          '2 when `context.request.method == "GET"` is false: `context.request.method` is "POST"',
        ],
      ],
    ]);
  });

  test('are not worked out unless somebody looks, nor where a forbid decided', () => {
    const loaded = withPolicies(policies);
    let explained = 0;
    const counted = {
      ...loaded,
      policies: Object.assign(Object.create(loaded.policies), {
        authorize: loaded.policies.authorize.bind(loaded.policies),
        reads: loaded.policies.reads.bind(loaded.policies),
        explain: (...known: Parameters<typeof loaded.policies.explain>) => {
          explained++;
          return loaded.policies.explain(...known);
        },
      }),
    };
    const decision = decide(counted, inputOf([ALICE]));
    expect(explained).toBe(0);
    expect(decision.parties[0]?.nearest).toHaveLength(3);
    expect(decision.parties[0]?.nearest).toHaveLength(3);
    // Not of the permit for workloads: it is for nobody like her.
    expect(explained).toBe(4);
    expect(ask(policies + FORBID_USER, [ALICE]).parties[0]?.nearest).toEqual([]);
  });
});
