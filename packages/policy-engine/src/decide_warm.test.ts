/** A release that has decided much decides as one that was just loaded: what it keeps between decisions tells in none. */
import fc from 'fast-check';
import { expect, test } from 'vitest';
import { contextOf, type RequestContext } from './context.ts';
import { decide } from './decide.ts';
import type { DecisionInput, Party } from './decision.ts';
import { explainDecision } from './explain/index.ts';
import { cacheKeyOf } from './lifetime/index.ts';
import { ANONYMOUS_USER, ANONYMOUS_WORKLOAD, userEntity, userUid, workloadUid } from './model.ts';
import { parsePolicy } from './publish/cedar_wasm.ts';
import { createSource, placeOf } from './publish/source.ts';
import { type LoadedRelease, loadRelease, type ReleasedPolicy } from './release/index.ts';
import { assertInTime, PAYMENTS_FILES, releaseFrom } from './testing/index.ts';

const NOW = Date.UTC(2026, 0, 5, 12);
const ISSUER = 'https://id.test';
const SHOP = (PAYMENTS_FILES['services/payments.yaml'] ?? '')
  .replaceAll('payments', 'shop')
  .replace('owner: finance', 'owner: shop');
const BASE = releaseFrom({
  ...PAYMENTS_FILES,
  'services/shop.yaml': SHOP,
  'postern.yaml': `${PAYMENTS_FILES['postern.yaml']}workloadGroups: { jobs: [spiffe://demo.test/batch, spiffe://demo.test/shop] }\n`,
});

const GROUPS = ['support', 'sales', 'audit'];
const WORKLOADS = ['batch', 'shop', 'payments', 'x'];
const scopes = fc.constantFrom(
  'principal',
  'principal is User',
  'principal is Workload',
  'principal in Group::"support"',
  'principal in WorkloadGroup::"jobs"',
  'principal in Team::"company"',
  'principal == Anonymous::"user"',
  'principal == Workload::"spiffe://demo.test/batch"',
);
const actions = fc.constantFrom(
  'action',
  'action in Action::"read"',
  'action in [Action::"write"]',
  'action == Action::"shop:refund"',
);
const resources = fc.constantFrom('resource', 'resource == Service::"payments"', 'resource in Team::"shop"');
/** Many that name entities or attributes which only conditions name: by these the index divides. */
const conditions = fc.oneof(
  fc.constantFrom(...GROUPS).map((group) => `when { principal in Group::"${group}" }`),
  fc.constantFrom(...WORKLOADS).map((name) => `when { principal == Workload::"spiffe://demo.test/${name}" }`),
  fc.constantFrom(
    'when { context.device.compliant }',
    'when { context has device && context.device.posture == "unknown" }',
    'when { context.device.platform == "linux" }',
    'when { context has device && context.device has platform && context.device.platform == "linux" }',
    'when { context has device.platform && context.device.platform == "macos" }',
    'unless { context has auth && context.auth.ageSeconds <= 30 }',
    'when { context.auth.acr == "phr" }',
    'when { context.local.minuteOfDay < 721 }',
    'when { context.user.email like "*@demo.test" }',
    'when { context.request.path == "/refunds" }',
    '',
  ),
);
const policies = fc.array(
  fc
    .tuple(
      fc.constantFrom(
        'permit',
        'permit',
        'permit',
        'forbid',
        '@challenge("step-up:30") forbid',
        '@obligation("remove-header:a") permit',
      ),
      fc.oneof({ weight: 3, arbitrary: fc.constant('principal') }, scopes),
      fc.oneof({ weight: 3, arbitrary: fc.constant('action') }, actions),
      fc.oneof({ weight: 3, arbitrary: fc.constant('resource') }, resources),
      conditions,
      fc.oneof({ weight: 2, arbitrary: fc.constant('') }, conditions),
    )
    .map(
      ([effect, principal, action, resource, ...clauses]) =>
        `${effect} (${principal}, ${action}, ${resource}) ${clauses.join(' ')};`,
    ),
  { minLength: 4, maxLength: 40, size: 'max' },
);

const parties: fc.Arbitrary<Party> = fc.oneof(
  fc.constantFrom<Party>(
    { kind: 'user', principal: userUid(ISSUER, 'alice') },
    { kind: 'anonymous-user', principal: ANONYMOUS_USER },
    { kind: 'anonymous-workload', principal: ANONYMOUS_WORKLOAD },
  ),
  fc
    .constantFrom(...WORKLOADS)
    .map((name): Party => ({ kind: 'workload', principal: workloadUid(`spiffe://demo.test/${name}`) })),
);
const posture = fc.record(
  {
    compliant: fc.boolean(),
    managed: fc.constant(false),
    observedAtMs: fc.constant(NOW),
    platform: fc.constantFrom('linux', 'macos'),
  },
  { requiredKeys: ['compliant', 'managed', 'observedAtMs'] },
);
const known: fc.Arbitrary<Partial<RequestContext>> = fc.record(
  {
    device: fc.record({ id: fc.constant('d'), posture }, { requiredKeys: ['id'] }),
    auth: fc.record(
      { timeMs: fc.constantFrom(NOW, NOW - 20_000), amr: fc.constant(['otp']), acr: fc.constant('phr') },
      { requiredKeys: ['timeMs', 'amr'] },
    ),
  },
  { requiredKeys: [] },
);
const asked: fc.Arbitrary<DecisionInput> = fc
  .record({
    service: fc.constantFrom('payments', 'shop'),
    isWrite: fc.boolean(),
    parties: fc.array(parties, { minLength: 1, maxLength: 2 }),
    groups: fc.subarray(GROUPS),
    laterMs: fc.constantFrom(0, 0, 11_000, 59_999, 60_000),
    known,
  })
  .map(({ service, isWrite, groups, laterMs, known: facts, parties: who }) => {
    const nowMs = NOW + laterMs;
    const [method, path, action] = isWrite ? ['POST', '/refunds', 'refund'] : ['GET', '/balance', 'balance'];
    return {
      service,
      action: `${service}:${action}`,
      parties: who,
      context: contextOf({ nowMs, request: { method, path, host: `${service}.demo.test` }, network: {}, ...facts }),
      entities: [userEntity({ issuer: ISSUER, subject: 'alice', groups })],
      nowMs,
    };
  });

function released(text: string, index: number): ReleasedPolicy {
  const parsed = parsePolicy(placeOf(createSource('org/a.cedar', text), 0, text.length));
  if (parsed.kind !== 'policy') throw new Error(text);
  const { json } = parsed;
  const annotations = { ...json.annotations } as { [name: string]: string };
  return {
    id: `p${index}`,
    effect: json.effect,
    level: 'org',
    file: 'a',
    line: index + 1,
    annotations,
    json,
    digest: '',
  };
}

function loaded(texts: readonly string[]): LoadedRelease {
  const made = loadRelease({ ...BASE, policies: texts.map(released) });
  if (!made.ok) throw new Error(made.detail);
  return made.value;
}

/** All that anybody learns of a decision. */
function answerOf(release: LoadedRelease, input: DecisionInput) {
  const { outcome, reason, cedarOutcome, challenges, obligations, validUntilMs, ...decision } = decide(release, input);
  const who = decision.parties.map(({ kind, principal, outcome: own, determining, errors, nearest }) => {
    return { kind, principal, outcome: own, determining, errors, nearest };
  });
  const key = cacheKeyOf(release, input);
  return { outcome, reason, cedarOutcome, challenges, obligations, validUntilMs, key, parties: who };
}

test('whatever was asked before, and in whatever order', () => {
  const seen = new Set<string>();
  assertInTime(
    'warm release',
    fc.property(policies, fc.array(asked, { minLength: 8, maxLength: 24, size: 'max' }), (texts, inputs) => {
      const warm = loaded(texts);
      for (const [place, input] of inputs.entries()) {
        const fresh = loaded(texts);
        const answer = answerOf(warm, input);
        expect(answer, `request ${place}`).toEqual(answerOf(fresh, input));
        expect(explainDecision(warm, input), `request ${place}`).toEqual(explainDecision(loaded(texts), input));
        seen.add(answer.reason);
      }
    }),
    { numRuns: 300, atLeast: 10 },
  );
  // What all of them come to alike would compare nothing.
  expect([...seen].sort()).toEqual(['forbidden', 'no-permit', 'permitted', 'policy-error', 'step-up-required']);
});
