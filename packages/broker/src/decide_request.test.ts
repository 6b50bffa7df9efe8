import { urlEncodedPem } from '@postern/identity/testing';
import { describe, expect, test } from 'vitest';
import { createBroker } from './decide_request.ts';
import type { Decision } from './decision.ts';
import { readGrpcCheck } from './grpc_check.ts';
import { readHttpCheck } from './http_check.ts';
import type { CheckRequest, EnforcementPoint } from './request.ts';
import * as world from './testing/index.ts';

const { NOW_MS, STATE, REQUEST, POINT, bearer, tokenOf } = world;
const clock = { nowMs: () => NOW_MS };
const broker = createBroker({ clock });
const check = (change: Partial<CheckRequest> = {}, state = STATE) =>
  broker.check(state, { ...REQUEST, ...change }, POINT);
const headersOf = (decision: Decision) =>
  Object.fromEntries(
    decision.obligations.flatMap((item) => (item.kind === 'set-header' ? [[item.name, item.value]] : [])),
  );
const removedOf = (decision: Decision) =>
  decision.obligations.flatMap((item) => (item.kind === 'remove-header' ? [item.name] : []));

describe('an allow names every party and shows the upstream who they are', () => {
  test('the record of it holds names and no claims', () => {
    expect(check()).toMatchObject({
      outcome: 'allow',
      reason: 'permitted',
      service: 'payments',
      action: 'payments:refund',
      path: '/refunds',
      host: 'payments.demo.test',
      enforcementPoint: POINT.id,
      assurance: 'certificate',
      workload: { spiffeId: 'spiffe://demo.test/storefront', serial: world.storefront.serial },
      user: { issuer: world.ISSUER, subject: 'alice' },
      device: { id: 'laptop-1' },
      releaseNumber: 7,
      feedSequence: 42,
      mode: 'enforce',
      observed: false,
    });
    expect(check().parties.map((party) => [party.kind, party.determining.map((policy) => policy.id)])).toEqual([
      ['workload', ['callers']],
      ['user', ['support']],
    ]);
    expect(JSON.stringify(check())).not.toMatch(/eyJ|idp-support/);
  });

  test('identity headers are ours alone, and the user’s credential ends here', () => {
    const forged: CheckRequest['headers'] = [
      ...bearer(tokenOf()),
      ['x-postern-user', 'root'],
      ['x-postern-role', 'admin'],
      ['x-postern-decision-id', 'x'],
    ];
    const decision = check({ headers: forged });
    expect(headersOf(decision)).toEqual({
      'x-postern-user': `${world.ISSUER}#alice`,
      'x-postern-user-groups': 'support',
      'x-postern-workload': 'spiffe://demo.test/storefront',
      'x-postern-decision-id': decision.id,
    });
    expect(removedOf(decision)).toEqual(
      expect.arrayContaining(['authorization', 'x-postern-role', 'x-postern-service']),
    );
    // Envoy removes last: what is set must not be removed.
    for (const name of Object.keys(headersOf(decision))) expect(removedOf(decision)).not.toContain(name);
  });

  test('what is unknown of a party is removed, never left to the client', () => {
    const rates = { method: 'GET', target: '/rates', headers: [['x-postern-user', 'root']] as const };
    const decision = check(rates);
    expect(decision.outcome).toBe('allow');
    expect(headersOf(decision)).not.toHaveProperty('x-postern-user');
    expect(removedOf(decision)).toEqual(expect.arrayContaining(['x-postern-user', 'x-postern-user-groups']));
  });

  test('a service that wants no identity headers gets none, not even the client’s', () => {
    const services = world.SERVICES.map((service) => ({ ...service, identityHeaders: false }));
    const decision = check(
      { headers: [...bearer(tokenOf()), ['x-postern-user', 'root']] },
      world.stateWith({ services }),
    );
    expect(headersOf(decision)).toEqual({});
    expect(removedOf(decision)).toEqual(
      expect.arrayContaining([
        'x-postern-user',
        'x-postern-user-groups',
        'x-postern-workload',
        'x-postern-decision-id',
      ]),
    );
  });

  test('a subject or group with separators cannot be taken for another', () => {
    const policies: world.PolicySource[] = [['org', 'permit (principal, action, resource);']];
    const issuers = [{ ...STATE.release.release.issuers[0]!, groups: { g: 'a,b', h: 'ü' } }];
    const state = world.stateWith({ policies, change: { issuers } });
    const decision = check({ headers: bearer(tokenOf({ sub: 'bob#x,y %', groups: ['g', 'h'] })) }, state);
    expect(headersOf(decision)).toMatchObject({
      'x-postern-user': `${world.ISSUER}#bob%23x%2Cy%20%25`,
      'x-postern-user-groups': 'a%2Cb,%C3%BC',
    });
  });

  test('obligations of the permit are added', () => {
    const permit = '@obligation("set-header:x-tenant=demo") permit (principal, action, resource);';
    expect(headersOf(check({}, world.stateWith({ policies: [['org', permit]] })))).toMatchObject({
      'x-tenant': 'demo',
    });
  });
});

describe('leaving something out never widens access', () => {
  test('an absent user is Anonymous and needs a permit as such', () => {
    const decision = check({ method: 'GET', target: '/rates', headers: [] });
    expect(decision.parties.map(({ kind }) => kind)).toEqual(['workload', 'anonymous-user']);
    const policies = world.POLICIES.filter(([, text]) => !text.includes('anyone-rates'));
    const state = world.stateWith({ policies });
    expect(check({ method: 'GET', target: '/rates', headers: [] }, state)).toMatchObject({
      outcome: 'deny',
      reason: 'no-permit',
    });
  });

  test('an absent workload is Anonymous too', () => {
    const decision = check({ peerCertificate: undefined, peerPrincipal: undefined });
    expect(decision).toMatchObject({ outcome: 'deny', reason: 'no-permit' });
    expect(decision.parties.map(({ kind }) => kind)).toEqual(['anonymous-workload', 'user']);
  });

  test('where no user is asked for, credentials are not looked at and stay the service’s own', () => {
    const decision = check({ method: 'GET', target: '/health', headers: [['authorization', 'Basic YTpi']] });
    expect(decision.outcome).toBe('allow');
    expect(decision.parties.map(({ kind }) => kind)).toEqual(['workload']);
    expect(removedOf(decision)).not.toContain('authorization');
  });
});

describe('a workload known from a sanitised header', () => {
  const point = { id: 'spiffe://demo.test/storefront', kind: 'svid' } as const;
  const asked = (forwardedClientCert: string) =>
    broker.check(
      STATE,
      {
        ...REQUEST,
        service: 'storefront',
        authority: 'storefront.demo.test',
        method: 'GET',
        target: '/',
        peerCertificate: undefined,
        peerPrincipal: undefined,
        forwardedClientCert,
      },
      point,
    );

  test('by its certificate, verified by us', () => {
    const header = `Hash=${'a'.repeat(64)};Cert="${urlEncodedPem(world.batch.certificate)}";URI=spiffe://demo.test/batch`;
    expect(asked(header)).toMatchObject({
      outcome: 'allow',
      assurance: 'xfcc-certificate',
      workload: { spiffeId: 'spiffe://demo.test/batch', serial: world.batch.serial },
    });
  });

  test('by its name alone, and the record says so', () => {
    const decision = asked('By=spiffe://demo.test/ingress;URI=spiffe://demo.test/batch');
    expect(decision).toMatchObject({ outcome: 'allow', assurance: 'xfcc-uri' });
    expect(decision.workload).toEqual({ spiffeId: 'spiffe://demo.test/batch' });
  });
});

describe('no answer outlives what it rests on', () => {
  const state = world.stateWith({ policies: [['org', 'permit (principal, action, resource);']] });
  const until = (change: Partial<CheckRequest>, changed: Partial<typeof STATE> = {}) =>
    check(change, { ...state, ...changed }).validUntilMs - NOW_MS;
  const readingDevice = world.stateWith({
    policies: [
      ['org', 'permit (principal, action, resource) unless { context has device && context.device.id == "x" };'],
    ],
  });
  const expiring = <T extends object>(map: ReadonlyMap<string, T>, key: string, expiresAtMs: number) =>
    new Map([[key, { ...map.get(key)!, expiresAtMs }]]);

  const posture = expiring(STATE.postures, 'laptop-1', NOW_MS + 9_000);

  test.each<[string, number, number]>([
    ['the feed’s freshness', 29_000, until({})],
    ['a minute', 60_000, until({}, { headAtMs: NOW_MS + 40_000 })],
    ['the user’s token', 5_000, until({ headers: bearer(tokenOf({ exp: NOW_MS / 1000 + 5 })) })],
    ['a token within the skew', 0, until({ headers: bearer(tokenOf({ exp: NOW_MS / 1000 - 5 })) })],
    [
      'the SVID',
      7_000,
      until({ peerCertificate: world.leafOf('storefront', { notAfterMs: NOW_MS + 7_000 }).certificate }),
    ],
    ['a posture that no policy reads', 29_000, until({}, { postures: posture })],
    ['one that a policy may read', 9_000, until({}, { ...readingDevice, postures: posture })],
    ['the provider’s keys', 8_000, until({}, { tokenKeys: expiring(STATE.tokenKeys, world.ISSUER, NOW_MS + 8_000) })],
  ])('%s', (_, expected, actual) => {
    expect(actual).toBe(expected);
  });

  test('a policy that will come out otherwise', () => {
    const signedIn = (secondsAgo: number) =>
      check({ headers: bearer(tokenOf({ auth_time: NOW_MS / 1000 - secondsAgo })) }).validUntilMs - NOW_MS;
    expect(signedIn(3500)).toBe(29_000);
    // More than 3600 is too long ago.
    expect(signedIn(3590)).toBe(11_000);
  });

  test('the moment, where a policy reads the end of a certificate and there is only a name', () => {
    const header = 'By=spiffe://demo.test/ingress;URI=spiffe://demo.test/batch';
    const until = (condition: string) => {
      const policies = [['org', `permit (principal, action, resource) unless { ${condition} };`]] as const;
      const point: EnforcementPoint = { id: 'spiffe://demo.test/storefront', kind: 'svid' };
      const request = {
        ...REQUEST,
        service: 'storefront',
        method: 'GET',
        target: '/',
        authority: 'storefront.demo.test',
      };
      const named = { peerCertificate: undefined, peerPrincipal: undefined, forwardedClientCert: header };
      return (
        broker.check(world.stateWith({ policies }), { ...request, ...named, headers: [] }, point).validUntilMs - NOW_MS
      );
    };
    expect(until('context has device')).toBe(29_000);
    expect(until('context.workload.notAfter < datetime("2020-01-01")')).toBe(0);
  });

  test('the end of an observation', () => {
    const services = world.SERVICES.map((service) => ({
      ...service,
      mode: 'observe' as const,
      observeUntilMs: NOW_MS + 3_000,
    }));
    expect(check({}, world.stateWith({ services, policies: [] })).validUntilMs).toBe(NOW_MS + 3_000);
  });
});

test('both flavours of one request make the same decision', () => {
  const certificate = urlEncodedPem(world.storefront.certificate);
  const token = `Bearer ${tokenOf()}`;
  const grpc = readGrpcCheck(
    {
      attributes: {
        source: {
          address: { socket_address: { address: '::ffff:192.0.2.7', port_value: 1234 } },
          principal: 'spiffe://demo.test/storefront',
          certificate,
        },
        request: {
          http: {
            id: 'request-1',
            method: 'POST',
            path: '/refunds?amount=1',
            host: 'payments.demo.test:8443',
            scheme: 'https',
            header_map: {
              headers: [
                { key: ':method', raw_value: Buffer.from('POST') },
                { key: ':path', raw_value: Buffer.from('/refunds?amount=1') },
                { key: 'authorization', raw_value: Buffer.from(token) },
              ],
            },
          },
        },
      },
    },
    [['x-postern-service', 'payments']],
  );
  const http = readHttpCheck({
    rawHeaders: [
      ['Host', 'payments.demo.test:8443'],
      ['Content-Length', '0'],
      ['X-Postern-Service', 'payments'],
      ['x-postern-method', 'POST'],
      ['x-postern-target', '/refunds?amount=1'],
      ['x-postern-authority', 'payments.demo.test:8443'],
      ['x-postern-scheme', 'https'],
      ['x-postern-peer-certificate', certificate],
      ['x-postern-peer-uri', 'spiffe://demo.test/storefront'],
      ['x-postern-source-address', '192.0.2.7'],
      ['x-postern-request-id', 'request-1'],
      ['Authorization', token],
    ],
  });
  if (!grpc.ok || !http.ok) throw new Error('was not read');
  const decisionOf = (request: CheckRequest) => {
    const { id: _, obligations, ...decision } = broker.check(STATE, request, POINT);
    return {
      ...decision,
      obligations: obligations.filter((item) => !('name' in item) || item.name !== 'x-postern-decision-id'),
    };
  };
  expect(decisionOf(http.value)).toMatchObject({ outcome: 'allow', path: '/refunds', host: 'payments.demo.test' });
  expect(decisionOf(http.value)).toEqual(decisionOf(grpc.value));
});
