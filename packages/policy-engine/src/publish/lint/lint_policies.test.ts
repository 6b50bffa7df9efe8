import fc from 'fast-check';
import { describe, expect, test } from 'vitest';
import { contextOf, type RequestContext } from '../../context.ts';
import type { DecisionInput, Party } from '../../decision.ts';
import { ANONYMOUS_USER, userEntity, userUid, workloadUid } from '../../model.ts';
import { partyRequest, requestEntities } from '../../party_request.ts';
import { loadRelease } from '../../release/index.ts';
import { assertInTime, PAYMENTS_FILES } from '../../testing/index.ts';
import { checkRepository, compileRelease } from '../compile_release.ts';

const NOW = Date.UTC(2026, 0, 5, 12);

type Files = { readonly [path: string]: string };

function checked(policies: string, files: Files = {}) {
  const compilation = checkRepository({
    files: new Map(Object.entries({ ...PAYMENTS_FILES, 'org/a.cedar': policies, ...files })),
    trustDomain: 'demo.test',
    number: 1,
    nowMs: NOW,
    nextSigners: [],
  });
  if (!compilation.ok) throw new Error(JSON.stringify(compilation.problems));
  return compilation;
}

/** `code line:column message` of each warning of ours; Cedar's own are another's to test. */
function warningsOf(policies: string, files: Files = {}): string[] {
  return checked(policies, files)
    .warnings.filter(({ code }) => code !== 'policy-suspicious')
    .map(({ code, line, column, message }) => `${code} ${line}:${column} ${message}`);
}

const permit = (id: string, scope: string, rest = '') => `@id("${id}") permit (${scope}) ${rest};\n`;
const forbid = (id: string, scope: string, rest = '') => `@id("${id}") forbid (${scope}) ${rest};\n`;
const ALL = 'principal, action, resource';
const USERS = 'principal is User, action, resource';
const SUPPORT = 'principal in Group::"support", action, resource';
const hours = (from: number, to: number) => `when { context.local.hour >= ${from} && context.local.hour < ${to} }`;

describe('a policy that never applies is found, at the condition that says so', () => {
  const impossible: [condition: string, message: string][] = [
    [
      'when { context.local.hour >= 20 && context.local.hour < 8 }',
      '`context.local.hour < 8` is ruled out by `context.local.hour >= 20`',
    ],
    ['when { context.local.hour > 23 }', '`context.local.hour > 23` is never true here'],
    ['when { 0 > context.local.weekday }', '`context.local.weekday < 0` is never true here'],
    ['when { context.request.method == "DELETE" }', '`context.request.method == "DELETE"` is never true here'],
    [
      'when { context.request.host == "payment.demo.test" }',
      '`context.request.host == "payment.demo.test"` is never true here',
    ],
    [
      'when { ["PUT", "PATCH"].contains(context.request.method) }',
      '`["PUT", "PATCH"].contains(context.request.method)` is never true here',
    ],
    [
      'when { context has workload && context.workload.assurance == "xfcc-uri" }',
      '`context.workload.assurance == "xfcc-uri"` is never true here',
    ],
    [
      'when { context has device && context.device.posture == "good" }',
      '`context.device.posture == "good"` is never true here',
    ],
    [
      'when { context has device && context.device.compliant } unless { context.device.compliant }',
      '`!context.device.compliant` is ruled out by `context.device.compliant`',
    ],
    [
      'when { context.now < datetime("2026-01-01") && context.now > datetime("2026-02-01") }',
      '`context.now > datetime("2026-02-01")` is ruled out by `context.now < datetime("2026-01-01")`',
    ],
    [
      'when { context.request.path == "/a" && context.request.path != "/a" }',
      '`context.request.path != "/a"` is ruled out by `context.request.path == "/a"`',
    ],
    [
      'when { context.request.path like "/a*" && context.local.hour < 9 } unless { context.local.hour < 10 && context.request.path like "/*" }',
      '`!(context.local.hour < 10 && context.request.path like "/*")` is ruled out by `context.local.hour < 9` and `context.request.path like "/a*"`',
    ],
  ];
  test.each(impossible)('%s', (condition, message) => {
    const column = condition.includes('unless') ? condition.indexOf('unless') + 1 : 1;
    const text = `@id("p") permit (${ALL})\n${condition};`;
    expect(warningsOf(text)).toEqual([`policy-impossible 2:${column} ${message}`]);
  });

  test('and what Cedar finds by itself is said once', () => {
    for (const condition of ['when { false }', 'when { context has device } unless { context has device }']) {
      expect(warningsOf(permit('p', ALL, condition) + permit('all', ALL))).toEqual([
        'policy-impossible 1:1 policy is impossible: the policy expression evaluates to false for all valid requests',
      ]);
    }
  });

  const possible = [
    'when { context.local.hour >= 20 || context.local.hour < 8 }',
    'when { context.local.hour >= 23 && context.local.hour <= 23 }',
    'when { context.request.method == "POST" }',
    'when { context.request.path == "/a" && context.request.host != "/a" }',
    'when { context has device && context.device.compliant } unless { context.device.managed }',
    'unless { context has device && context.device.compliant }',
    'unless { context.local.hour < 8 || context.local.hour > 18 }',
    'when { context.local.hour == 9 || context.local.hour == 25 }',
  ];
  test.each(possible)('and one that may is not: %s', (condition) => {
    expect(warningsOf(permit('p', ALL, condition))).toEqual([]);
  });

  const route = (text: string) => ({
    'services/payments.yaml': (PAYMENTS_FILES['services/payments.yaml'] ?? '').replace('user: optional', text),
  });
  const issuer = `issuers: [{ issuer: "https://id.test", audiences: [a], algorithms: [ES256], groups: { x: support } }]\n`;
  const nobody: [name: string, policies: string, files: Files, message: string][] = [
    [
      'for a group that no issuer gives',
      permit('p', 'principal in Group::"suport", action, resource'),
      { 'postern.yaml': `${PAYMENTS_FILES['postern.yaml']}${issuer}` },
      'no issuer of `postern.yaml` gives the group Group::"suport"',
    ],
    [
      'for a workload group that there is not',
      permit('p', 'principal in WorkloadGroup::"jobs", action, resource'),
      {},
      'there is no WorkloadGroup::"jobs"',
    ],
    [
      'for users where nobody looks for one',
      permit('p', USERS),
      route('user: none'),
      'no route here looks at users: `user: none`',
    ],
    [
      'for nobody where somebody is required',
      permit('p', 'principal == Anonymous::"user", action, resource'),
      route('user: required'),
      'nobody stands in for a user here: no route says `user: optional`',
    ],
  ];
  const settings = { 'postern.yaml': `${PAYMENTS_FILES['postern.yaml']}${issuer}` };
  const person = (id: string) => permit('p', `principal == User::"${id}", action, resource`);
  nobody.push(
    ['for a person without an issuer', person('alice'), {}, 'User::"alice" is nobody: a user is `issuer#subject`'],
    [
      'for a person without a subject',
      person('https://id.test#'),
      {},
      'User::"https://id.test#" is nobody: a user is `issuer#subject`',
    ],
    [
      'for a person of an issuer that is not declared',
      person('https://id.tset#alice'),
      settings,
      '`postern.yaml` does not declare the issuer of User::"https://id.tset#alice"',
    ],
    [
      'for a workload that has no SPIFFE ID',
      permit('p', 'principal == Workload::"demo.test/batch", action, resource'),
      {},
      'Workload::"demo.test/batch" is no SPIFFE ID',
    ],
  );

  test.each(nobody)('%s', (_name, policies, files, message) => {
    expect(warningsOf(policies, files)).toEqual([`policy-never-applies 1:1 ${message}`]);
  });

  const suport = 'no issuer of `postern.yaml` gives the group Group::"suport"';
  const named: [name: string, rest: string, warnings: string[]][] = [
    ['a condition', 'when { principal in Group::"suport" }', [`policy-never-applies 1:47 ${suport}`]],
    [
      'a condition beside others',
      'when { context.local.hour > 8 && principal in [Group::"suport"] }',
      [`policy-never-applies 1:47 ${suport}`],
    ],
    [
      'one of several',
      'when { principal in [Group::"suport", Group::"support"] }',
      [`principal-unknown 1:47 ${suport}`],
    ],
    [
      'an exception, which excepts nobody',
      'unless { principal in Group::"suport" }',
      [`principal-unknown 1:47 ${suport}`],
    ],
    [
      'a person in a condition',
      'when { principal == User::"alice" }',
      ['policy-never-applies 1:47 User::"alice" is nobody: a user is `issuer#subject`'],
    ],
    ['what there is', 'when { principal in Group::"support" || principal == User::"https://id.test#a#b" }', []],
  ];
  test.each(named)('in %s, where it stands', (_name, rest, warnings) => {
    expect(warningsOf(permit('p', ALL, rest), settings)).toEqual(warnings);
  });

  test('nor is one for a group while no issuer is configured, or that its issuer gives', () => {
    expect(warningsOf(permit('p', SUPPORT))).toEqual([]);
    expect(warningsOf(permit('p', SUPPORT), { 'postern.yaml': `${PAYMENTS_FILES['postern.yaml']}${issuer}` })).toEqual(
      [],
    );
  });
});

describe('a policy that decides nothing is found', () => {
  const shadowed: [name: string, policies: string, warning: string][] = [
    ['by one for everybody', permit('all', ALL) + permit('p', USERS), 'policy-shadowed 2:1 `all`'],
    ['that comes later', permit('p', USERS) + permit('all', ALL), 'policy-shadowed 1:1 `all`'],
    ['of two that say the same the later', permit('a', USERS) + permit('b', USERS), 'policy-shadowed 2:1 `a`'],
    ['by one for all of that type', permit('a', USERS) + permit('p', SUPPORT), 'policy-shadowed 2:1 `a`'],
    ['by longer hours', permit('a', USERS, hours(7, 19)) + permit('p', USERS, hours(8, 18)), 'policy-shadowed 2:1 `a`'],
    [
      'by one condition fewer',
      permit('a', USERS, 'when { context has device }') +
        permit('p', USERS, 'when { context has device && context.device.compliant }'),
      'policy-shadowed 2:1 `a`',
    ],
    [
      'by an alternative more',
      permit('a', USERS, 'when { context.local.hour < 9 || context has device }') +
        permit('p', USERS, 'when { context has device }'),
      'policy-shadowed 2:1 `a`',
    ],
    [
      'by a longer list',
      permit('a', USERS, 'when { ["/a", "/b"].contains(context.request.path) }') +
        permit('p', USERS, 'when { context.request.path == "/a" }'),
      'policy-shadowed 2:1 `a`',
    ],
    [
      'by a shorter path',
      permit('a', USERS, 'when { context.request.path like "/a*" }') +
        permit('p', USERS, 'when { context.request.path like "/a/b*" }'),
      'policy-shadowed 2:1 `a`',
    ],
    [
      'by a pattern for its path',
      permit('a', USERS, 'when { context.request.path like "*x" }') +
        permit('p', USERS, 'when { context.request.path == "/x" }'),
      'policy-shadowed 2:1 `a`',
    ],
    [
      'by one for the group of its action',
      permit('a', 'principal, action in Action::"read", resource') +
        permit('p', 'principal, action == Action::"payments:balance", resource'),
      'policy-shadowed 2:1 `a`',
    ],
    [
      'by one for the team above',
      permit('a', 'principal in Team::"company", action, resource') +
        permit('p', 'principal == Workload::"spiffe://demo.test/payments", action, resource'),
      'policy-shadowed 2:1 `a`',
    ],
    ['by a forbid of everything', permit('p', USERS) + forbid('no', ALL), 'permit-overruled 1:1 `no`'],
    [
      'by a forbid of what it asks for',
      permit('p', USERS, 'when { context has device && context.device.managed }') +
        forbid('no', ALL, 'when { context has device }'),
      'permit-overruled 1:1 `no`',
    ],
    ['a forbid by a wider one', forbid('a', ALL) + forbid('p', USERS), 'policy-shadowed 2:1 `a`'],
  ];
  test.each(shadowed)('%s', (_name, policies, warning) => {
    const warnings = warningsOf(policies);
    expect(warnings).toHaveLength(1);
    expect(warnings[0]).toContain(warning);
  });

  const kept: [name: string, policies: string][] = [
    ['hours that overlap', permit('a', USERS, hours(9, 18)) + permit('p', USERS, hours(8, 17))],
    ['other people', permit('a', SUPPORT) + permit('p', 'principal in Group::"sales", action, resource')],
    [
      'another service',
      permit('a', 'principal, action in Action::"read", resource') +
        permit('p', 'principal, action in Action::"write", resource'),
    ],
    [
      'an obligation',
      permit('a', ALL) + permit('p', USERS).replace('permit', '@obligation("set-header:x-a=b") permit'),
    ],
    [
      'a forbid without a way out beside one with it',
      forbid('a', ALL, 'when { context has device }').replace('forbid', '@challenge("step-up:60") forbid') +
        forbid('p', USERS, 'when { context has device }'),
    ],
    [
      'a forbid of something else',
      permit('p', USERS, 'unless { context has device }') + forbid('no', ALL, 'when { context has device }'),
    ],
    [
      'a set that only begins alike',
      permit('a', USERS, 'when { context.request.path like "/a*b" }') +
        permit('p', USERS, 'when { context.request.path like "/a*" }'),
    ],
    ['a permit for a forbid', permit('a', ALL) + forbid('p', USERS, 'when { context has device }')],
  ];
  test.each(kept)('%s is not', (_name, policies) => {
    expect(warningsOf(policies)).toEqual([]);
  });

  test('a team’s policy is compared on the services of its team alone', () => {
    const shop = (PAYMENTS_FILES['services/payments.yaml'] ?? '')
      .replaceAll('payments', 'shop')
      .replace('finance', 'shop');
    const files = { 'services/shop.yaml': shop, 'teams/finance/a.cedar': permit('team', ALL) };
    expect(warningsOf(permit('p', 'principal, action, resource == Service::"payments"'), files)).toHaveLength(1);
    expect(warningsOf(permit('p', USERS), files)).toEqual([]);
  });
});

test('publishing does not ask what only authors want to know', () => {
  const files = new Map(Object.entries({ ...PAYMENTS_FILES, 'org/a.cedar': permit('all', ALL) + permit('p', USERS) }));
  const compilation = compileRelease({ files, trustDomain: 'demo.test', number: 1, nowMs: NOW, nextSigners: [] });
  expect(compilation).toMatchObject({ ok: true, warnings: [] });
});

describe('no warning is wrong', () => {
  const comparisons = ['<', '<=', '>', '>=', '==', '!='].flatMap((operator) =>
    [8, 9, 10].map((hour) => `context.local.hour ${operator} ${hour}`),
  );
  const atom = fc.constantFrom(
    ...comparisons,
    '9 < context.local.hour',
    '[8, 9].contains(context.local.hour)',
    'context has device',
    'context has device && context.device.compliant',
    '!(context has device && context.device.compliant)',
    'context.request.path like "/r*"',
    'context.request.path like "/re*"',
    'context.request.path == "/refunds"',
    'context.request.method == "POST"',
    'context has user',
    'principal in Group::"support"',
  );
  const condition = fc.oneof(
    atom,
    fc.tuple(atom, atom).map(([a, b]) => `(${a}) && (${b})`),
    fc.tuple(atom, atom).map(([a, b]) => `(${a}) || (${b})`),
    atom.map((a) => `!(${a})`),
  );
  const policy = fc
    .record({
      effect: fc.constantFrom('permit', 'permit', 'forbid'),
      principal: fc.constantFrom(
        'principal',
        'principal is User',
        'principal in Group::"support"',
        'principal is Workload',
      ),
      action: fc.constantFrom('action', 'action in Action::"write"', 'action == Action::"payments:refund"'),
      clauses: fc.array(fc.tuple(fc.constantFrom('when', 'unless'), condition), { maxLength: 2 }),
    })
    .map(({ effect, principal, action, clauses }) => {
      const text = clauses.map(([kind, body]) => `${kind} { ${body} }`).join(' ');
      return `${effect} (${principal}, ${action}, resource) ${text};`;
    });
  /** Alike in all but a condition or two, so that ends of ranges meet. */
  const hourly = fc
    .tuple(
      fc.constantFrom('permit', 'forbid'),
      fc.array(fc.constantFrom(...comparisons), { minLength: 1, maxLength: 2 }),
    )
    .map(([effect, conditions]) => `${effect} (principal, action, resource) when { ${conditions.join(' && ')} };`);
  const ALICE: Party = { kind: 'user', principal: userUid('https://id.test', 'alice') };
  const parties: readonly Party[] = [
    ALICE,
    { kind: 'anonymous-user', principal: ANONYMOUS_USER },
    { kind: 'workload', principal: workloadUid('spiffe://demo.test/payments') },
  ];
  const device = (compliant: boolean) => ({ id: 'd', posture: { compliant, managed: true, observedAtMs: NOW } });
  const worlds: Partial<RequestContext>[] = [7, 8, 9, 10, 11].flatMap((hour) =>
    [{}, { device: { id: 'd' } }, { device: device(true) }, { device: device(false) }].flatMap((known) =>
      [{}, { user: { issuer: 'https://id.test', subject: 'alice', groups: [] } }].map((user) => ({
        nowMs: Date.UTC(2026, 0, 5, hour),
        ...known,
        ...user,
      })),
    ),
  );
  const operations = [
    ['payments:refund', 'POST', '/refunds'],
    ['payments:balance', 'GET', '/balance'],
  ] as const;

  /** Ids of the policies that apply, of each effect, for every party, operation and world. */
  function* satisfied(release: ReturnType<typeof checked>['release']) {
    const loaded = loadRelease(release);
    if (!loaded.ok) throw new Error(loaded.reason);
    for (const known of worlds) {
      for (const [action, method, path] of operations) {
        const request = { method, path, host: 'payments.demo.test' };
        const context = contextOf({ nowMs: NOW, request, network: {}, ...known });
        const entities = [userEntity({ issuer: 'https://id.test', subject: 'alice', groups: ['support'] })];
        const input: DecisionInput = { service: 'payments', action, parties, context, entities, nowMs: NOW };
        for (const party of parties) {
          const asked = partyRequest(input, party);
          const all = requestEntities(loaded.value, input);
          yield new Set(
            release.policies
              .filter(({ id }) => {
                const explanation = loaded.value.policies.explain(id, asked, all);
                return explanation?.scopeMatches === true && explanation.missing === 0;
              })
              .map(({ id }) => id),
          );
        }
      }
    }
  }

  test('generated policies', () => {
    assertInTime(
      'lint',
      fc.property(fc.array(fc.oneof(policy, hourly, hourly), { minLength: 2, maxLength: 6 }), (policies) => {
        const { release, warnings } = checked(policies.join('\n'));
        const idAt = (line: number) => `org/a.cedar:${line}:1`;
        for (const applying of satisfied(release)) {
          for (const { code, line, message } of warnings) {
            if (!applying.has(idAt(line))) continue;
            expect(code, `${policies[line - 1]}: ${message}`).not.toBe('policy-impossible');
            if (code !== 'policy-shadowed' && code !== 'permit-overruled') continue;
            const other = /^`(.*?)`/.exec(message)?.[1] ?? '';
            expect(applying.has(other), `${policies[line - 1]} without ${other}`).toBe(true);
          }
        }
      }),
      { numRuns: 150, atLeast: 15 },
    );
  });
});
