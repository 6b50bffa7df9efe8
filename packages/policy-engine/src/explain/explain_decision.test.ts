import { describe, expect, test } from 'vitest';
import { contextOf, type RequestContext } from '../context.ts';
import type { DecisionInput, Party } from '../decision.ts';
import { ANONYMOUS_WORKLOAD, userEntity, userUid, workloadUid } from '../model.ts';
import { loadRelease } from '../release/index.ts';
import { loadedFrom, PAYMENTS_FILES } from '../testing/index.ts';
import { explainDecision } from './index.ts';

const NOW = Date.UTC(2026, 0, 5, 12);
const ISSUER = 'https://id.test';
const ALICE: Party = { kind: 'user', principal: userUid(ISSUER, 'alice') };
const STOREFRONT: Party = { kind: 'workload', principal: workloadUid('spiffe://demo.test/storefront') };
const NOBODY: Party = { kind: 'anonymous-workload', principal: ANONYMOUS_WORKLOAD };

function explained(policies: string, parties: readonly Party[], known: Partial<RequestContext> = {}) {
  return explainedOf({ 'org/a.cedar': policies }, parties, known);
}

function explainedOf(
  files: { readonly [path: string]: string },
  parties: readonly Party[],
  known: Partial<RequestContext> = {},
) {
  return explainDecision(loadedFrom({ ...PAYMENTS_FILES, ...files }), inputOf(parties, known));
}

function inputOf(parties: readonly Party[], known: Partial<RequestContext> = {}): DecisionInput {
  const request = { method: 'POST', path: '/refunds', host: 'payments.demo.test' };
  return {
    service: 'payments',
    action: 'payments:refund',
    parties,
    context: contextOf({ nowMs: NOW, request, network: {}, ...known }),
    entities: [userEntity({ issuer: ISSUER, subject: 'alice', groups: ['support'] })],
    nowMs: NOW,
  };
}

const COMPLIANT = `@id("compliant") @reason("from good devices")
permit (principal, action, resource) when { context has device && context.device.compliant };`;
const OLD = `@id("old") @reason("sign in again")
forbid (principal is User, action, resource) when { context has auth && context.auth.ageSeconds > 60 };`;
const signedIn = (seconds: number) => ({ auth: { timeMs: NOW - seconds * 1000, amr: [] } });
const device = (compliant: boolean) => ({
  device: { id: 'd', posture: { compliant, managed: false, observedAtMs: NOW } },
});

describe('who asks why', () => {
  test('learns by which policy, where it stands, and what each of its conditions came to', () => {
    const [alice] = explained(`\n${COMPLIANT}`, [ALICE], device(true)).parties;
    expect(alice).toMatchObject({ outcome: 'allow', errors: [], nearest: [] });
    expect(alice?.determining).toMatchObject([
      {
        id: 'compliant',
        file: 'org/a.cedar',
        line: 2,
        annotations: { reason: 'from good devices' },
        conditions: [
          { clause: 'when', line: 3, text: '`context has device` is true: `context.device` is present' },
          { clause: 'when', line: 3, text: '`context.device.compliant` is true' },
        ],
      },
    ]);
  });

  test('learns what a permit lacked', () => {
    const [alice] = explained(COMPLIANT, [ALICE], device(false)).parties;
    expect(alice?.nearest).toMatchObject([
      { id: 'compliant', line: 1, failed: [{ clause: 'when', line: 2, text: '`context.device.compliant` is false' }] },
    ]);
  });

  test('is not told twice of one thing that is absent', () => {
    const [alice] = explained(COMPLIANT, [ALICE]).parties;
    expect(alice?.nearest[0]?.failed).toEqual([
      { clause: 'when', line: 2, text: '`context has device` is false: `context.device` is absent' },
    ]);
  });

  test('sees which forbid decided, and that a permit was there', () => {
    const explanation = explained(COMPLIANT + OLD, [ALICE], { ...device(true), ...signedIn(90) });
    expect(explanation).toMatchObject({ outcome: 'deny', reason: 'forbidden' });
    expect(explanation.parties[0]).toMatchObject({
      determining: [
        {
          id: 'old',
          conditions: [
            { text: '`context has auth` is true: `context.auth` is present' },
            { text: '`context.auth.ageSeconds > 60` is true: `context.auth.ageSeconds` is 90' },
          ],
        },
      ],
      nearest: [{ id: 'compliant', failed: [] }],
    });
  });

  test('sees what could not be evaluated, and where it stands', () => {
    const overflow = `@id("sum") forbid (principal, action, resource)
when { context.local.hour + 9223372036854775807 > 0 };`;
    expect(explained(COMPLIANT + overflow, [ALICE], device(true)).parties[0]?.errors).toEqual([
      { policyId: 'sum', file: 'org/a.cedar', line: 2, message: 'integer overflow in addition' },
    ]);
  });

  test('finds the clause of a permit that failed by the line where it begins, whatever stands before it', () => {
    const permits = `
@id("clauses") // when { not this }
permit (principal, action, resource)
  // unless { nor this }
when { context.request.path == "when { }" || context.request.method == "POST" }

unless {
  context.local.hour > 8
}
  when { context.local.hour < 9 && context has device };`;
    const ofTeam = permits.replace('@id("clauses")', '@id("of-team")');
    const expected = [
      { clause: 'unless', line: 7, text: '`context.local.hour > 8` is true: `context.local.hour` is 12' },
      { clause: 'when', line: 10, text: '`context.local.hour < 9` is false: `context.local.hour` is 12' },
      { clause: 'when', line: 10, text: '`context has device` is false: `context.device` is absent' },
    ];
    const asked = explainedOf({ 'org/a.cedar': permits, 'teams/finance/a.cedar': ofTeam }, [ALICE]);
    expect(asked.parties[0]?.nearest).toMatchObject([
      { id: 'clauses', file: 'org/a.cedar', failed: expected },
      { id: 'of-team', file: 'teams/finance/a.cedar', failed: expected },
    ]);
  });

  test('of the condition that a release adds to a team’s permit is told where the permit stands', () => {
    const policy = `@id("t")
permit (principal, action, resource == Service::"payments")
when { context has device };`;
    const loaded = loadedFrom({ ...PAYMENTS_FILES, 'teams/finance/a.cedar': policy });
    expect(loaded.release.policies[0]?.clauseLines).toEqual([1, 3]);
    const [alice] = explainedOf({ 'teams/finance/a.cedar': policy }, [ALICE]).parties;
    expect(alice?.nearest[0]?.failed).toMatchObject([{ line: 3 }]);
  });

  test('of a release that does not say where clauses stand sees where the policy does', () => {
    const loaded = loadedFrom({ ...PAYMENTS_FILES, 'org/a.cedar': COMPLIANT });
    const older = loaded.release.policies.map(({ clauseLines: _, ...policy }) => policy);
    const reloaded = loadRelease({ ...loaded.release, policies: older });
    if (!reloaded.ok) throw new Error(reloaded.reason);
    const [alice] = explainDecision(reloaded.value, inputOf([ALICE])).parties;
    expect(alice?.nearest[0]?.failed).toMatchObject([{ clause: 'when', line: 1 }]);
  });

  test('of a permit for others sees for whom it is, and who asked', () => {
    const policies = `@id("admins") permit (principal in Group::"admins", action, resource);
@id("jobs") permit (principal in WorkloadGroup::"jobs", action, resource);
@id("batch") permit (principal == Workload::"spiffe://demo.test/batch", action, resource);
@id("workloads") permit (principal is Workload, action, resource) when { context has device };`;
    const { parties } = explained(policies, [ALICE, STOREFRONT, NOBODY]);
    const near = parties.map(({ nearest }) => nearest.map(({ id, failed }) => [id, failed[0]?.text]));
    expect(near[0]).toEqual([
      [
        'admins',
        '`principal in Group::"admins"` is false: `principal` is User::"https://id.test#alice", in Group::"support"',
      ],
    ]);
    expect(near[1]?.map(([id]) => id)).toEqual(['workloads', 'jobs', 'batch']);
    // Nothing is for them, so all of it is told.
    expect(near[2]).toHaveLength(3);
    expect(near[2]?.[0]?.[1]).toContain('`principal` is Anonymous::"workload", in nothing else');
  });

  test('of an action that the release does not have learns no more than that', () => {
    const loaded = loadedFrom({ ...PAYMENTS_FILES, 'org/a.cedar': COMPLIANT });
    const context = contextOf({ nowMs: NOW, request: { method: 'GET', path: '/', host: 'a' }, network: {} });
    const input = { service: 'payments', action: 'payments:x', parties: [ALICE], context, entities: [], nowMs: NOW };
    expect(explainDecision(loaded, input)).toMatchObject({ reason: 'action-unknown', parties: [], toCaller: [] });
  });
});

describe('a caller is told nothing', () => {
  const told = (policy: string) => policy.replace('@id', '@tell("caller") @id');

  test('that the policy does not say may be told', () => {
    expect(explained(COMPLIANT, [ALICE]).toCaller).toEqual([]);
    expect(explained(told(COMPLIANT), [ALICE]).toCaller).toEqual([
      'from good devices: when `context has device` is false: `context.device` is absent',
    ]);
  });

  test('of permits where a forbid decided', () => {
    const known = { ...device(false), ...signedIn(90) };
    expect(explained(told(COMPLIANT) + OLD, [ALICE], known).toCaller).toEqual([]);
    expect(explained(COMPLIANT + told(OLD), [ALICE], known).toCaller).toEqual([
      'sign in again: when `context has auth` is true: `context.auth` is present; when `context.auth.ageSeconds > 60` is true: `context.auth.ageSeconds` is 90',
    ]);
  });

  test('of a party that was allowed, nor of a request that was', () => {
    const workload = told('@id("w") permit (principal is Workload, action, resource);');
    expect(explained(workload + COMPLIANT, [STOREFRONT, ALICE]).toCaller).toEqual([]);
    expect(explained(told(COMPLIANT), [ALICE], device(true)).toCaller).toEqual([]);
  });

  test('by an annotation that means something else', () => {
    const loaded = loadedFrom({ ...PAYMENTS_FILES, 'org/a.cedar': told(COMPLIANT) });
    const policies = loaded.release.policies.map((policy) => ({ ...policy, annotations: { tell: 'everybody' } }));
    const odd = { ...loaded, release: { ...loaded.release, policies }, policiesById: new Map() };
    const context = contextOf({ nowMs: NOW, request: { method: 'POST', path: '/', host: 'a' }, network: {} });
    const input = {
      service: 'payments',
      action: 'payments:refund',
      parties: [ALICE],
      context,
      entities: [],
      nowMs: NOW,
    };
    expect(explainDecision(odd, input)).toMatchObject({ outcome: 'deny', toCaller: [] });
  });
});
