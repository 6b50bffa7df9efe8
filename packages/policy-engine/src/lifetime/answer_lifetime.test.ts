import fc from 'fast-check';
import { describe, expect, test } from 'vitest';
import { contextOf, type RequestContext } from '../context.ts';
import { decide } from '../decide.ts';
import type { DecisionInput, Party } from '../decision.ts';
import { userEntity, userUid, workloadUid } from '../model.ts';
import { parsePolicy } from '../publish/cedar_wasm.ts';
import { createSource, placeOf } from '../publish/source.ts';
import { type LoadedRelease, loadRelease, type ReleasedPolicy, type Service } from '../release/index.ts';
import { assertInTime, PAYMENTS_FILES, releaseFrom } from '../testing/index.ts';
import { cacheKeyOf, inputsRead } from './index.ts';

const NOW = Date.UTC(2026, 0, 5, 12);
const MINUTE_MS = 60_000;
const ISSUER = 'https://id.test';
const ALICE: Party = { kind: 'user', principal: userUid(ISSUER, 'alice') };
const STOREFRONT: Party = { kind: 'workload', principal: workloadUid('spiffe://demo.test/storefront') };
const BASE = releaseFrom(PAYMENTS_FILES);

/** Parsed and not validated, which takes most of the time of compiling and is not what is tested here. */
function releasedPolicy(text: string, index: number): ReleasedPolicy {
  const parsed = parsePolicy(placeOf(createSource('org/a.cedar', text), 0, text.length));
  if (parsed.kind !== 'policy') throw new Error(`${text}: ${JSON.stringify(parsed)}`);
  const { json } = parsed;
  const { effect } = json;
  return { id: `p${index}`, effect, level: 'org', file: 'a', line: index + 1, annotations: {}, json, digest: '' };
}

function loadedFrom(policies: readonly string[], timeZone?: string): LoadedRelease {
  const services: Service[] = BASE.services.map((service) => ({
    ...service,
    ...(timeZone !== undefined && { timeZone }),
  }));
  const loaded = loadRelease({ ...BASE, services, policies: policies.map(releasedPolicy) });
  if (!loaded.ok) throw new Error(loaded.detail);
  return loaded.value;
}

function inputAt(
  nowMs: number,
  known: Partial<RequestContext> = {},
  change: Partial<DecisionInput> = {},
): DecisionInput {
  const request = { method: 'POST', path: '/refunds', host: 'payments.demo.test' };
  return {
    service: 'payments',
    action: 'payments:refund',
    parties: [STOREFRONT, ALICE],
    context: contextOf({ nowMs, request, network: {}, ...known }),
    entities: [userEntity({ issuer: ISSUER, subject: 'alice', groups: ['support'] })],
    nowMs,
    ...change,
  };
}

const signedIn = (secondsAgo: number, nowMs = NOW) => ({ auth: { timeMs: nowMs - secondsAgo * 1000, amr: ['otp'] } });

describe('an answer holds until time can change it', () => {
  const lifetimeOf = (condition: string, known: Partial<RequestContext> = {}, nowMs = NOW) => {
    const loaded = loadedFrom([`permit (principal, action, resource) when { ${condition} };`]);
    return decide(loaded, inputAt(nowMs, known)).validUntilMs - nowMs;
  };
  const at = (text: string) => `datetime("2026-01-05T${text}Z")`;

  const rows: [condition: string, lifetimeMs: number, known?: Partial<RequestContext>, nowMs?: number][] = [
    // Nothing of it changes by time.
    ['true', MINUTE_MS],
    ['context.request.method == "POST"', MINUTE_MS],
    ['context has auth', MINUTE_MS],
    ['context has auth && context.auth.amr.contains("otp")', MINUTE_MS, signedIn(60)],
    ['context has auth && context.auth.time > datetime("2026-01-01")', MINUTE_MS, signedIn(60)],
    // The clock.
    [`context.now < ${at('12:00:30')}`, 30_000],
    [`context.now <= ${at('12:00:30')}`, 30_001],
    [`context.now >= ${at('12:00:30.250')}`, 30_250],
    [`${at('12:00:30')} < context.now`, 30_001],
    [`context.now == ${at('12:00:00')}`, 1],
    [`context.now != ${at('12:00:07')}`, 7000],
    [`context.now > ${at('11:00:00')}`, MINUTE_MS],
    [`context.now < ${at('13:00:00')}`, MINUTE_MS],
    [`context.now.offset(duration("1h")) < ${at('13:00:10')}`, 10_000],
    [`context.now.offset(duration("-1h")) >= ${at('11:00:10')}`, 10_000],
    [`context.now.durationSince(${at('11:00:00')}) <= duration("1h20s")`, 20_001],
    [`${at('13:00:00')}.durationSince(context.now) > duration("59m50s")`, 10_000],
    [`${at('13:00:00')}.durationSince(context.now) < duration("59m50s")`, 10_001],
    [`context.now.durationSince(${at('11:00:05')}).toHours() < 1`, 5000],
    [`context.now.toTime() < duration("12h40s")`, 40_000],
    ['context.now.toTime() < duration("13h")', 1000, {}, Date.UTC(2026, 0, 5, 23, 59, 59)],
    ['context.now.toDate() == datetime("2026-01-05")', MINUTE_MS],
    ['context.now.toDate() == datetime("2026-01-05")', 1, {}, Date.UTC(2026, 0, 5, 23, 59, 59, 999)],
    // The age of a sign-in.
    ['context has auth && context.auth.ageSeconds < 70', 10_000, signedIn(60)],
    ['context has auth && context.auth.ageSeconds <= 70', 11_000, signedIn(60)],
    ['context has auth && context.auth.ageSeconds > 70', 11_000, signedIn(60)],
    ['context has auth && context.auth.ageSeconds == 70', 10_000, signedIn(60)],
    ['context has auth && context.auth.ageSeconds == 60', 1000, signedIn(60)],
    ['context has auth && context.auth.ageSeconds < 60', MINUTE_MS, signedIn(60)],
    ['context has auth && context.auth.ageSeconds + 5 < 3600', 1000, signedIn(60)],
    ['context has auth && context.auth == context.auth', 1000, signedIn(60)],
    ['context has auth && context.auth.ageSeconds < 70', 10_250, { auth: { timeMs: NOW - 59_750, amr: [] } }],
    ['context has auth && context.auth.ageSeconds < 1', 6000, { auth: { timeMs: NOW + 5000, amr: [] } }],
    ['context has auth && context.auth.ageSeconds < 70', MINUTE_MS],
    // Local time.
    ['context.local.hour > 8', MINUTE_MS],
    ['context.local.hour < 13', 5000, {}, NOW + 59 * MINUTE_MS + 55_000],
    ['context.local.hour < 14', MINUTE_MS, {}, NOW + 59 * MINUTE_MS + 55_000],
    ['context.local.minuteOfDay == 720', 55_000, {}, NOW + 5000],
    ['[12, 13].contains(context.local.hour)', 5000, {}, NOW + 59 * MINUTE_MS + 55_000],
    ['context.local == {hour: 1, weekday: 1, minuteOfDay: 1}', 58_000, {}, NOW + 2000],
    // What evaluation does not come to does not count, and what it comes to first does.
    [`context.request.method == "GET" && context.now < ${at('12:00:30')}`, MINUTE_MS],
    [`context.now < ${at('12:00:30')} && context.request.method == "GET"`, 30_000],
    [`context.request.method == "POST" || context.now < ${at('12:00:30')}`, MINUTE_MS],
    [`context.now < ${at('12:00:30')} || context.now < ${at('12:00:20')}`, 30_000],
    [`!(context.now < ${at('12:00:30')} && context.now < ${at('12:00:20')})`, 20_000],
    [`if context.now < ${at('12:00:30')} then context.local.hour < 9 else context.now < ${at('12:00:10')}`, 30_000],
    [`if context.request.method == "GET" then context.now < ${at('12:00:10')} else true`, MINUTE_MS],
    // It cannot be told.
    ['context == context', 0],
    ['[context.now].contains(datetime("2026-01-05"))', 0],
    [`context.now.durationSince(${at('13:00:00')}).toHours() < 1`, 0],
    [`context.now.durationSince(${at('11:00:00')}) < ${at('13:00:00')}.durationSince(context.now)`, 0],
    // It fails, now and later.
    ['context.now < 5', MINUTE_MS],
    ['context.local.hour < "x"', MINUTE_MS],
  ];
  test.each(rows)('%s: %i ms', (condition, lifetimeMs, known, nowMs) => {
    expect(lifetimeOf(condition, known, nowMs)).toBe(lifetimeMs);
  });

  test('of a request whose time attributes are not of its instant nothing is said', () => {
    const loaded = loadedFrom([
      'permit (principal, action, resource) when { context.local.hour < 13 };',
      'permit (principal, action, resource) when { context has auth && context.auth.ageSeconds < 7200 };',
    ]);
    const input = inputAt(NOW, signedIn(60));
    expect(decide(loaded, input).validUntilMs).toBe(NOW + MINUTE_MS);
    expect(decide(loaded, { ...input, nowMs: NOW + 3_600_000 }).validUntilMs).toBe(NOW + 3_600_000);
    expect(decide(loaded, { ...input, nowMs: NOW + 1000 }).validUntilMs).toBe(NOW + 1000);
  });

  test('policies that are for others, or of another action, do not shorten it', () => {
    const window = `when { context.now < ${at('12:00:10')} }`;
    const others = [
      `permit (principal in Group::"sales", action, resource) ${window};`,
      `permit (principal == Workload::"spiffe://demo.test/batch", action, resource) ${window};`,
      `permit (principal, action == Action::"payments:balance", resource) ${window};`,
      `forbid (principal, action, resource in Team::"shop") ${window};`,
    ];
    const own = `permit (principal in Group::"support", action, resource) ${window};`;
    expect(decide(loadedFrom(others), inputAt(NOW)).validUntilMs).toBe(NOW + MINUTE_MS);
    expect(decide(loadedFrom([...others, own]), inputAt(NOW)).validUntilMs).toBe(NOW + 10_000);
  });

  test('a policy that an index leaves out until its hour comes does', () => {
    const hourly = Array.from(
      { length: 24 },
      (_, hour) => `permit (principal, action, resource) when { context.local.hour == ${hour} };`,
    );
    const lateAt = NOW + 59 * MINUTE_MS + 30_000;
    expect(decide(loadedFrom(hourly), inputAt(lateAt)).validUntilMs).toBe(lateAt + 30_000);
    const minutely = Array.from(
      { length: 100 },
      (_, minute) => `permit (principal, action, resource) when { context.local.minuteOfDay == ${minute + 700} };`,
    );
    expect(decide(loadedFrom(minutely), inputAt(NOW)).validUntilMs).toBe(NOW);
  });

  test('a decision about what the release does not have holds for the moment', () => {
    const loaded = loadedFrom([]);
    expect(decide(loaded, inputAt(NOW, {}, { action: 'payments:x' })).validUntilMs).toBe(NOW);
    expect(decide(loaded, inputAt(NOW)).validUntilMs).toBe(NOW + MINUTE_MS);
  });
});

describe('whatever policies say', () => {
  const soon = fc.integer({ min: -5000, max: 65_000 });
  const comparison = fc.constantFrom('<', '<=', '>', '>=', '==', '!=');
  const instant = (offset: fc.Arbitrary<number>, from: number) =>
    offset.map((ms) => `datetime("${new Date(from + ms).toISOString()}")`);

  /** Conditions of which time may change most within a minute of `nowMs`. */
  function conditionNear(nowMs: number): fc.Arbitrary<string> {
    const near = instant(soon, nowMs);
    const later = instant(
      soon.map((ms) => ms + 3_600_000),
      nowMs,
    );
    const dayMs = nowMs % 86_400_000;
    const date = new Date(nowMs);
    const minute = fc.integer({ min: -1, max: 2 }).map((more) => date.getUTCHours() * 60 + date.getUTCMinutes() + more);
    const hour = fc.integer({ min: -1, max: 2 }).map((more) => date.getUTCHours() + more);
    const seconds = fc.integer({ min: 3540, max: 3660 });
    const atom = fc.oneof(
      fc.constantFrom(
        'true',
        'context has auth',
        'context has device',
        'context.request.method == "POST"',
        'context.request.method == "GET"',
        'principal in Group::"support"',
        'context.local == {hour: 12, weekday: 1, minuteOfDay: 720}',
        'context.now.toDate() == datetime("2026-01-05")',
        'context.workload.notAfter > context.now',
        // Fails from the second second on, and before that is true.
        'context.auth.ageSeconds * 9223372036854775 >= 0',
        'context.auth.ageSeconds < "x"',
      ),
      fc.tuple(comparison, near).map(([op, at]) => `context.now ${op} ${at}`),
      fc.tuple(comparison, near).map(([op, at]) => `${at} ${op} context.now`),
      fc.tuple(comparison, later).map(([op, at]) => `context.now.offset(duration("1h")) ${op} ${at}`),
      fc
        .tuple(near, comparison, soon)
        .map(([at, op, ms]) => `context.now.durationSince(${at}) ${op} duration("${ms}ms")`),
      fc
        .tuple(near, comparison, soon)
        .map(([at, op, ms]) => `${at}.durationSince(context.now) ${op} duration("${ms}ms")`),
      fc
        .tuple(
          instant(fc.integer({ min: -65_000, max: 500 }), nowMs),
          fc.constantFrom('toSeconds', 'toMinutes'),
          comparison,
          fc.integer({ min: -1, max: 60 }),
        )
        .map(([at, unit, op, count]) => `context.now.durationSince(${at}).${unit}() ${op} ${count}`),
      fc.tuple(comparison, soon).map(([op, ms]) => `context.now.toTime() ${op} duration("${dayMs + ms}ms")`),
      // Comes out otherwise at midnight alone.
      fc
        .tuple(comparison, fc.constantFrom(1, 12, 23))
        .map(([op, hours]) => `context.now.toTime() ${op} duration("${hours}h")`),
      fc.tuple(comparison, seconds).map(([op, age]) => `context.auth.ageSeconds ${op} ${age}`),
      fc.tuple(comparison, seconds).map(([op, age]) => `context.auth.ageSeconds + 3 ${op} ${age}`),
      seconds.map((age) => `[${age}, ${age + 7}].contains(context.auth.ageSeconds)`),
      fc.tuple(comparison, minute).map(([op, at]) => `context.local.minuteOfDay ${op} ${at}`),
      fc.tuple(comparison, hour).map(([op, at]) => `${at} ${op} context.local.hour`),
      minute.map((at) => `[${at}, 7].contains(context.local.minuteOfDay)`),
      fc
        .tuple(comparison, soon)
        .map(([op, ms]) => `context.now.durationSince(context.device.observedAt) ${op} duration("${ms}ms")`),
    );
    // Of which nothing is told; often enough to be met, seldom enough to leave the others their say.
    const unclear = fc.oneof(
      near.map((at) => `{a: context.now} == {a: ${at}}`),
      fc.constant('context.now == context.now'),
    );
    const part = fc.oneof({ weight: 40, arbitrary: atom }, { weight: 1, arbitrary: unclear });
    const { condition } = fc.letrec<{ condition: string }>((tie) => ({
      condition: fc.oneof(
        { maxDepth: 3, withCrossShrink: true },
        part,
        fc.tuple(tie('condition'), tie('condition')).map(([a, b]) => `(${a}) && (${b})`),
        fc.tuple(tie('condition'), tie('condition')).map(([a, b]) => `(${a}) || (${b})`),
        tie('condition').map((a) => `!(${a})`),
        fc
          .tuple(tie('condition'), tie('condition'), tie('condition'))
          .map(([a, b, c]) => `if (${a}) then (${b}) else (${c})`),
      ),
    }));
    return condition;
  }

  const policyNear = (nowMs: number) =>
    fc
      .record({
        effect: fc.constantFrom('permit', 'permit', 'forbid'),
        principal: fc.constantFrom('principal', 'principal is User', 'principal in Group::"support"'),
        clauses: fc.array(fc.tuple(fc.constantFrom('when', 'unless'), conditionNear(nowMs)), {
          minLength: 1,
          maxLength: 2,
        }),
      })
      .map(({ effect, principal, clauses }) => {
        const text = clauses.map(([kind, body]) => `${kind} { ${body} }`).join(' ');
        return `${effect} (${principal}, action, resource) ${text};`;
      });

  /** Noon, before midnight, in the middle of a second, and before clocks change in Berlin, which is when they do in UTC. */
  const INSTANTS = [
    NOW,
    NOW - 37,
    Date.UTC(2026, 0, 5, 23, 59, 20, 500),
    Date.UTC(2026, 2, 29, 0, 59, 31),
    Date.UTC(2026, 9, 25, 0, 59, 45, 3),
  ];

  const world = fc.constantFrom(...INSTANTS).chain((nowMs) =>
    fc.record({
      nowMs: fc.constant(nowMs),
      timeZone: fc.constantFrom(undefined, 'Europe/Berlin', 'Asia/Kathmandu'),
      policies: fc.oneof(
        fc.array(policyNear(nowMs), { minLength: 1, maxLength: 4 }),
        fc.array(policyNear(nowMs), { minLength: 6, maxLength: 10 }),
      ),
      known: fc.record(
        {
          auth: fc.integer({ min: 3_540_000, max: 3_601_000 }).map((ms) => ({ timeMs: nowMs - ms, amr: ['otp'] })),
          device: fc.integer({ min: -1000, max: 60_000 }).map((ms) => ({
            id: 'd',
            posture: { compliant: true, managed: true, observedAtMs: nowMs - ms },
          })),
          workload: soon.map((ms) => ({
            spiffeId: 'spiffe://demo.test/storefront',
            assurance: 'certificate' as const,
            notAfterMs: nowMs + ms,
          })),
        },
        { requiredKeys: [] },
      ),
      laterMs: fc.array(fc.nat(MINUTE_MS), { minLength: 3, maxLength: 3 }),
    }),
  );

  /** What of an answer time must not change before it ends. */
  const answerOf = ({ outcome, reason, parties }: ReturnType<typeof decide>) => ({
    outcome,
    reason,
    parties: parties.map(({ determining, errors }) => [
      determining.map(({ id }) => id),
      errors.map(({ policyId }) => policyId),
    ]),
  });

  /** `endOf`: when an answer ends, from what the engine says of it. */
  function property(endOf: (validUntilMs: number, nowMs: number) => number) {
    return fc.property(world, ({ nowMs, timeZone, policies, known, laterMs }) => {
      const loaded = loadedFrom(policies, timeZone);
      const at = (instant: number) =>
        decide(loaded, inputAt(instant, { ...known, ...(timeZone !== undefined && { timeZone }) }));
      const now = at(nowMs);
      const endMs = endOf(now.validUntilMs, nowMs);
      const instants = [endMs - 1, ...laterMs.map((ms) => nowMs + (ms % Math.max(1, endMs - nowMs)))];
      for (const instant of instants.filter((ms) => ms > nowMs && ms < endMs)) {
        expect(answerOf(at(instant)), `after ${instant - nowMs} ms`).toEqual(answerOf(now));
      }
    });
  }

  test('re-evaluating at any instant before the end gives the same answer', () => {
    assertInTime(
      'lifetime',
      property((validUntilMs) => validUntilMs),
      { numRuns: 1500, atLeast: 100 },
    );
  });

  test('the end is worth something: most answers hold longer than the moment', () => {
    const ends = fc.sample(world, { numRuns: 150, seed: 7 }).map(({ nowMs, timeZone, policies, known }) => {
      const loaded = loadedFrom(policies, timeZone);
      return (
        decide(loaded, inputAt(nowMs, { ...known, ...(timeZone !== undefined && { timeZone }) })).validUntilMs - nowMs
      );
    });
    expect(ends.filter((ms) => ms > 0).length).toBeGreaterThan(ends.length / 2);
    expect(ends.filter((ms) => ms > 0 && ms < MINUTE_MS).length).toBeGreaterThan(ends.length / 10);
  });

  const planted: [name: string, endOf: (validUntilMs: number, nowMs: number) => number][] = [
    ['one millisecond more', (validUntilMs) => validUntilMs + 2],
    ['a minute for all', (_, nowMs) => nowMs + MINUTE_MS],
    ['twice as long', (validUntilMs, nowMs) => nowMs + 2 * (validUntilMs - nowMs)],
  ];
  test.each(planted)('the property finds a planted fault: %s', (_name, endOf) => {
    expect(fc.check(property(endOf), { numRuns: 1500, seed: 1, endOnFailure: true }).failed).toBe(true);
  });

  test('two requests with one cache key get one answer', () => {
    const other = fc.constantFrom<(known: Partial<RequestContext>) => Partial<RequestContext>>(
      (known) => known,
      ({ auth: _, ...known }) => known,
      ({ device: _, ...known }) => known,
      (known) => ({ ...known, ...signedIn(3590) }),
      (known) => ({ ...known, device: { id: 'other' } }),
      (known) => ({ ...known, network: { sourceIp: '192.0.2.1' } }),
      (known) => ({ ...known, request: { method: 'GET', path: '/refunds', host: 'payments.demo.test' } }),
    );
    let [same, different] = [0, 0];
    assertInTime(
      'cache key',
      fc.property(world, other, ({ nowMs, timeZone, policies, known }, change) => {
        const loaded = loadedFrom(policies, timeZone);
        const zone = timeZone === undefined ? {} : { timeZone };
        const [left, right] = [known, change(known)].map((facts) => inputAt(nowMs, { ...facts, ...zone })) as [
          DecisionInput,
          DecisionInput,
        ];
        if (cacheKeyOf(loaded, left) !== cacheKeyOf(loaded, right)) {
          different++;
          return;
        }
        same++;
        expect(answerOf(decide(loaded, right))).toEqual(answerOf(decide(loaded, left)));
      }),
      { numRuns: 600, atLeast: 60 },
    );
    expect(Math.min(same, different)).toBeGreaterThan((same + different) / 6);
  });
});

describe('a cache key', () => {
  const reading = (condition: string) => loadedFrom([`permit (principal, action, resource) when { ${condition} };`]);
  const keyOf = (
    loaded: LoadedRelease,
    known: Partial<RequestContext>,
    nowMs = NOW,
    change: Partial<DecisionInput> = {},
  ) => cacheKeyOf(loaded, inputAt(nowMs, known, change));

  test('names what the policies of an action read', () => {
    const loaded = loadedFrom([
      'permit (principal, action in Action::"write", resource) when { context has device && context.device.compliant };',
      'permit (principal, action, resource) unless { context.auth.ageSeconds > 60 || context.request.path like "/x*" };',
      'permit (principal, action in Action::"read", resource) when { context.network has sourceIp };',
    ]);
    expect(inputsRead(loaded, 'payments', 'payments:refund').paths).toEqual([
      'context.auth.ageSeconds',
      'context.device',
      'context.request.path',
    ]);
  });

  test('is one for what no policy reads', () => {
    const loaded = reading('context.request.method == "POST"');
    expect(keyOf(loaded, {})).toBe(keyOf(loaded, { ...signedIn(1), device: { id: 'd' } }));
  });

  test('tells two sign-ins of one age apart, which do not age alike', () => {
    const loaded = reading('context has auth && context.auth.ageSeconds < 60');
    const early = { auth: { timeMs: NOW - 59_000, amr: [] } };
    const late = { auth: { timeMs: NOW - 59_900, amr: [] } };
    expect(keyOf(loaded, early)).not.toBe(keyOf(loaded, late));
    expect(keyOf(loaded, early)).toBe(keyOf(loaded, early, NOW + 500));
  });

  test('leaves out the time, for which there is an end', () => {
    for (const condition of ['context.local.hour < 13 && context.now < datetime("2027-01-01")', 'context == context']) {
      const loaded = reading(condition);
      expect(keyOf(loaded, signedIn(10))).toBe(keyOf(loaded, signedIn(20, NOW + 10_000), NOW + 10_000));
    }
  });

  test('tells people and their groups apart', () => {
    const loaded = reading('true');
    const entities = [userEntity({ issuer: ISSUER, subject: 'alice', groups: ['sales'] })];
    const keys = [
      {},
      { parties: [ALICE] },
      { parties: [ALICE, STOREFRONT] },
      { entities },
      { action: 'payments:balance' },
    ];
    expect(new Set(keys.map((change) => keyOf(loaded, {}, NOW, change))).size).toBe(keys.length);
  });
});
