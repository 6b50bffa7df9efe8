import { readdirSync, readFileSync } from 'node:fs';
import { join, relative } from 'node:path';
import { describe, expect, test } from 'vitest';
import { contextOf, type DevicePosture } from '../context.ts';
import { decide } from '../decide.ts';
import type { EngineDecision, Party } from '../decision.ts';
import { ANONYMOUS_USER, ANONYMOUS_WORKLOAD, userEntity, userUid, workloadUid } from '../model.ts';
import { loadRelease } from '../release/index.ts';
import { routeRequest } from '../route_request.ts';
import { compileRelease, runPolicyTests } from './index.ts';

const DIR = join(import.meta.dirname, '../../../../examples/demo/policies');
const NOON = Date.UTC(2026, 0, 5, 12);

function readFiles(): Map<string, string> {
  const entries = readdirSync(DIR, { recursive: true, withFileTypes: true }).filter((entry) => entry.isFile());
  const paths = entries.map((entry) => join(entry.parentPath, entry.name));
  return new Map(paths.map((path) => [relative(DIR, path), readFileSync(path, 'utf8')]));
}

const compiled = compileRelease({
  files: readFiles(),
  trustDomain: 'demo.test',
  number: 1,
  nowMs: NOON,
  nextSigners: [],
});
if (!compiled.ok) throw new Error(JSON.stringify(compiled.problems));
const loaded = loadRelease(compiled.release);
if (!loaded.ok) throw new Error(loaded.reason);
const release = loaded.value;

const COMPLIANT: DevicePosture = { compliant: true, managed: true, observedAtMs: NOON };

interface Asked {
  readonly method?: string;
  readonly target?: string;
  readonly service?: string;
  readonly workload?: string | undefined;
  readonly groups?: readonly string[] | undefined;
  readonly signedInSecondsAgo?: number | undefined;
  readonly posture?: DevicePosture | undefined;
  readonly nowMs?: number;
}

/** By default what the demo declares as allowed: storefront pays back for somebody of support, in hours. */
function ask(asked: Asked): EngineDecision {
  const { service = 'payments', nowMs = NOON } = asked;
  const workload = 'workload' in asked ? asked.workload : 'spiffe://demo.test/storefront';
  const groups = 'groups' in asked ? asked.groups : ['support'];
  const age = 'signedInSecondsAgo' in asked ? asked.signedInSecondsAgo : 60;
  const posture = 'posture' in asked ? asked.posture : COMPLIANT;
  const raw = { method: asked.method ?? 'POST', target: asked.target ?? '/refunds', authority: `${service}.demo.test` };
  const routed = routeRequest(release, service, raw);
  if (!routed.ok) throw new Error(routed.reason);
  const user = { issuer: 'http://127.0.0.1:9400', subject: 'alice', groups: groups ?? [] };
  const parties: Party[] = [
    workload === undefined
      ? { kind: 'anonymous-workload', principal: ANONYMOUS_WORKLOAD }
      : { kind: 'workload', principal: workloadUid(workload) },
    groups === undefined
      ? { kind: 'anonymous-user', principal: ANONYMOUS_USER }
      : { kind: 'user', principal: userUid(user.issuer, user.subject) },
  ];
  const { path, host } = routed.value;
  const context = contextOf({
    nowMs,
    ...(routed.value.service.timeZone !== undefined && { timeZone: routed.value.service.timeZone }),
    request: { method: raw.method, path, host },
    network: { sourceIp: '127.0.0.1' },
    ...(workload !== undefined && {
      workload: { spiffeId: workload, assurance: 'certificate' as const, notAfterMs: nowMs + 3_600_000 },
    }),
    ...(groups !== undefined && { user }),
    ...(age !== undefined && { auth: { timeMs: nowMs - age * 1000, amr: ['pwd'] } }),
    device: { id: 'laptop-1', ...(posture !== undefined && { posture }) },
  });
  const entities = groups === undefined ? [] : [userEntity(user)];
  return decide(release, { service, action: routed.value.action, parties, context, entities, nowMs });
}

describe('the demo decides as it declares', () => {
  test('compiles without a problem or a warning', () => {
    expect(compiled).toMatchObject({ ok: true, warnings: [] });
  });

  test('its own tests pass and leave no policy unexercised', () => {
    const report = runPolicyTests(release, readFiles());
    expect(report.results.filter(({ passed }) => !passed)).toEqual([]);
    expect(report).toMatchObject({ ok: true, unexercised: [] });
  });

  const declared: [name: string, asked: Asked, outcome: string, reason: string][] = [
    ['storefront for support, fresh sign-in, compliant device, in hours', {}, 'allow', 'permitted'],
    ['another workload', { workload: 'spiffe://demo.test/batch' }, 'deny', 'no-permit'],
    ['no workload at all', { workload: undefined }, 'deny', 'no-permit'],
    ['a workload of another trust domain', { workload: 'spiffe://evil.test/storefront' }, 'deny', 'forbidden'],
    ['no user', { groups: undefined }, 'deny', 'no-permit'],
    ['a user of another group', { groups: ['accounting'] }, 'deny', 'no-permit'],
    ['a device that is not compliant', { posture: { ...COMPLIANT, compliant: false } }, 'deny', 'no-permit'],
    ['a device nobody reports on', { posture: undefined }, 'deny', 'no-permit'],
    ['a sign-in two hours ago', { signedInSecondsAgo: 7200 }, 'challenge', 'step-up-required'],
    ['a sign-in of unknown age', { signedInSecondsAgo: undefined }, 'challenge', 'step-up-required'],
    ['a sign-in an hour ago', { signedInSecondsAgo: 3600 }, 'allow', 'permitted'],
    ['a sign-in an hour and a second ago', { signedInSecondsAgo: 3601 }, 'challenge', 'step-up-required'],
    // Signing in again would not help them: no challenge.
    ['an old sign-in of the wrong group', { signedInSecondsAgo: 7200, groups: [] }, 'deny', 'forbidden'],
    [
      'an old sign-in by another workload',
      { signedInSecondsAgo: 7200, workload: 'spiffe://demo.test/x' },
      'deny',
      'no-permit',
    ],
    ['eight in the morning', { nowMs: Date.UTC(2026, 0, 5, 8) }, 'allow', 'permitted'],
    ['a minute before', { nowMs: Date.UTC(2026, 0, 5, 7, 59) }, 'deny', 'no-permit'],
    ['eight in the evening', { nowMs: Date.UTC(2026, 0, 5, 20) }, 'deny', 'no-permit'],
    [
      'the balance for accounting at night, signed in yesterday',
      {
        method: 'GET',
        target: '/balance',
        groups: ['accounting'],
        signedInSecondsAgo: 86_400,
        nowMs: NOON + 43_200_000,
      },
      'allow',
      'permitted',
    ],
    [
      'the home page for nobody in particular',
      { service: 'storefront', method: 'GET', target: '/', workload: undefined, groups: undefined },
      'allow',
      'permitted',
    ],
  ];
  test.each(declared)('%s', (_name, asked, outcome, reason) => {
    expect(ask(asked)).toMatchObject({ outcome, reason });
  });

  test('a challenge says how fresh the sign-in has to be and which policy asks', () => {
    const decision = ask({ signedInSecondsAgo: 7200 });
    expect(decision.challenges).toEqual(['step-up:3600']);
    expect(decision.cedarOutcome).toBe('deny');
    expect(decision.parties[1]).toMatchObject({
      outcome: 'challenge',
      determining: [{ id: 'org-recent-sign-in-for-writes', effect: 'forbid', file: 'org/guardrails.cedar', line: 3 }],
    });
  });

  test('a denial names the nearest permit and the condition that failed', () => {
    const [, user] = ask({ posture: { ...COMPLIANT, compliant: false } }).parties;
    expect(user?.nearest[0]).toMatchObject({
      id: 'payments-support-refunds',
      failed: [{ clause: 'when', line: 21, text: '`context.device.compliant` is false' }],
    });
    const [, late] = ask({ nowMs: Date.UTC(2026, 0, 5, 21) }).parties;
    expect(late?.nearest[0]?.failed).toEqual([
      { clause: 'when', line: 22, text: '`context.local.hour < 20` is false: `context.local.hour` is 21' },
    ]);
  });
});
