import { describe, expect, test } from 'vitest';
import { createBroker } from './decide_request.ts';
import type { Decision } from './decision.ts';
import type { CheckRequest } from './request.ts';
import * as world from './testing/index.ts';

const { NOW_MS, HOUR_MS, STATE, REQUEST, POINT, bearer, tokenOf } = world;
const broker = createBroker({ clock: { nowMs: () => NOW_MS } });
const check = (change: Partial<CheckRequest> = {}, state = STATE) =>
  broker.check(state, { ...REQUEST, ...change }, POINT);
const namesOf = (decision: Decision, kind: 'set-header' | 'remove-header') =>
  decision.obligations.flatMap((item) => (item.kind === kind ? [item.name] : []));

describe('observe lets through what its own team would have denied, and nothing else', () => {
  const observing = (until = NOW_MS + HOUR_MS, policies: readonly world.PolicySource[] = world.POLICIES) =>
    world.stateWith({
      policies,
      services: world.SERVICES.map((service) => ({ ...service, mode: 'observe' as const, observeUntilMs: until })),
    });
  const stranger = { peerCertificate: world.batch.certificate, peerPrincipal: 'spiffe://demo.test/batch' };

  test.each<[string, Partial<CheckRequest>, string]>([
    ['a missing permit', stranger, 'no-permit'],
    ['a forbid of its team', { method: 'GET', target: '/files/tuesday' }, 'forbidden'],
    ['a broken forbid of its team', { method: 'GET', target: '/files/broken' }, 'policy-error'],
  ])('%s', (_, change, reason) => {
    const decision = check(change, observing());
    expect(decision).toMatchObject({ outcome: 'allow', observed: true, mode: 'observe', reason });
    // A request it would have denied carries nobody's name.
    expect(namesOf(decision, 'set-header')).toEqual([]);
    expect(namesOf(decision, 'remove-header')).toEqual(expect.arrayContaining(['authorization', 'x-postern-user']));
  });

  test.each<[string, Partial<CheckRequest>, string]>([
    ['a guardrail', { headers: bearer(tokenOf({ sub: 'mallory' })) }, 'forbidden'],
    [
      'a challenge of the organisation',
      { headers: bearer(tokenOf({ auth_time: NOW_MS / 1000 - 4000 })) },
      'step-up-required',
    ],
    ['authentication', { headers: [] }, 'user-missing'],
    ['an invalid credential', { headers: bearer('x') }, 'token-malformed'],
    ['canonical form', { target: '//refunds' }, 'path-empty-segment'],
    ['a route', { target: '/elsewhere' }, 'path-not-routed'],
    [
      'the caller’s certificate',
      { peerCertificate: world.leafOf('storefront', { issuer: world.rogue }).certificate },
      'svid-untrusted',
    ],
  ])('never waives %s', (_, change, reason) => {
    expect(check(change, observing())).toMatchObject({ observed: false, reason });
    expect(check(change, observing()).outcome).not.toBe('allow');
  });

  test('never waives a guardrail that cannot be evaluated', () => {
    const broken = 'forbid (principal, action, resource) when { context.device.osVersion == "1" };';
    expect(check(stranger, observing(undefined, [['org', broken]]))).toMatchObject({
      outcome: 'deny',
      reason: 'policy-error',
    });
  });

  test('never waives revocation or freshness', () => {
    const { revocations } = world.revoking('session:session-1');
    expect(check({}, { ...observing(), revocations })).toMatchObject({ outcome: 'deny', reason: 'session-revoked' });
    expect(check({}, { ...observing(), headAtMs: 0 })).toMatchObject({ outcome: 'deny', reason: 'state-stale' });
  });

  test('ends by itself, and without an end is no observation', () => {
    expect(check(stranger, observing(NOW_MS))).toMatchObject({ outcome: 'deny', mode: 'enforce' });
    const services = world.SERVICES.map((service) => ({ ...service, mode: 'observe' as const }));
    expect(check(stranger, world.stateWith({ services }))).toMatchObject({ outcome: 'deny', mode: 'enforce' });
  });

  test('an allow stays an ordinary allow', () => {
    const decision = check({}, observing());
    expect(decision).toMatchObject({ outcome: 'allow', observed: false, mode: 'observe' });
    expect(namesOf(decision, 'set-header')).toContain('x-postern-user');
  });
});
