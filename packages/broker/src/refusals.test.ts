/** Every reason of the table is produced here by the input that it names, and every such request is denied. */
import { urlEncodedPem } from '@postern/identity/testing';
import { afterAll, describe, expect, test } from 'vitest';
import { renderClientAnswer } from './client_answer.ts';
import { createBroker } from './decide_request.ts';
import type { Decision } from './decision.ts';
import { type EnvoyCheckRequest, readGrpcCheck } from './grpc_check.ts';
import { readHttpCheck } from './http_check.ts';
import { type DecisionReason, REASONS } from './reasons.ts';
import { renderGrpcAnswer } from './render_grpc.ts';
import { renderHttpAnswer } from './render_http.ts';
import type { CheckRequest, EnforcementPoint } from './request.ts';
import * as world from './testing/index.ts';

const { NOW_MS, HOUR_MS, STATE, REQUEST, POINT, bearer, leafOf, tokenOf } = world;
const broker = createBroker({ clock: { nowMs: () => NOW_MS } });
const nowSeconds = NOW_MS / 1000;

const produced = new Set<DecisionReason>();
afterAll(() => {
  expect([...produced].sort()).toEqual(Object.keys(REASONS).sort());
});

/** What holds of every denial, whatever its reason. */
function expectDenied(decision: Decision, reason: DecisionReason): void {
  produced.add(decision.reason);
  expect(decision.reason).toBe(reason);
  expect(decision.outcome).not.toBe('allow');
  expect(decision.observed).toBe(false);
  expect(decision.obligations.filter(({ kind }) => kind === 'set-header')).toEqual([]);
  const http = renderHttpAnswer(decision);
  expect([401, 403, 500, 503]).toContain(http.status);
  expect(http).toEqual(renderClientAnswer(decision));
  const grpc = renderGrpcAnswer(decision);
  expect(grpc.status.code).not.toBe(0);
  expect(grpc.ok_response).toBeUndefined();
  expect((grpc.denied_response ?? grpc.error_response)?.status.code).toBe(http.status);
  expect(http.body).toContain(decision.id);
  // The caller learns one code; the record has the reason.
  if (reason !== 'step-up-required') expect(http.body).not.toContain(reason);
  expect(http.body).not.toContain('alice');
}

type Change = Partial<CheckRequest>;
type State = typeof STATE;
const refused = (change: Change, reason: DecisionReason, state: State = STATE, point = POINT) => {
  const decision = broker.check(state, { ...REQUEST, ...change }, point);
  expectDenied(decision, reason);
  return decision;
};

test('(the request that all of these change is allowed)', () => {
  const decision = broker.check(STATE, REQUEST, POINT);
  produced.add(decision.reason);
  expect(decision).toMatchObject({ outcome: 'allow', reason: 'permitted' });
});

describe('a path or host that two servers could read differently is refused', () => {
  test.each<[string, DecisionReason]>([
    ['', 'target-empty'],
    [`/${'a'.repeat(8192)}`, 'target-too-long'],
    ['http://payments.demo.test/refunds', 'target-absolute-form'],
    ['https://evil.test/refunds', 'target-absolute-form'],
    ['*', 'target-asterisk-form'],
    ['payments.demo.test:443', 'target-authority-form'],
    ['/refunds#x', 'target-fragment'],
    ['/refunds\t', 'path-control'],
    ['/refunds x', 'path-control'],
    ['/refunds\0', 'path-control'],
    ['/réfunds', 'path-not-ascii'],
    ['/a\\..\\refunds', 'path-backslash'],
    ['/re"funds', 'path-character'],
    ['/re|funds', 'path-character'],
    ['//refunds', 'path-empty-segment'],
    ['/a//refunds', 'path-empty-segment'],
    ['/./refunds', 'path-dot-segment'],
    ['/a/../refunds', 'path-dot-segment'],
    ['/..', 'path-dot-segment'],
    ['/..;/refunds', 'path-dot-segment'],
    ['/user/..;foo=bar/refunds', 'path-dot-segment'],
    ['/refunds;x=1', 'path-parameter'],
    ['/refunds;', 'path-parameter'],
    ['/%zz', 'path-escape-malformed'],
    ['/refunds%', 'path-escape-malformed'],
    ['/%c3%a9', 'path-escape-lower-case'],
    ['/%61dmin', 'path-escape-unreserved'],
    ['/a/%2e%2e/refunds', 'path-escape-unreserved'],
    ['/%2e%2e;/refunds', 'path-escape-unreserved'],
    ['/%C0%AE%C0%AE/refunds', 'path-escape-not-utf8'],
    ['/a%2F..%2Frefunds', 'path-escaped-slash'],
    ['/a%2frefunds', 'path-escaped-slash'],
    ['/a%5Crefunds', 'path-escaped-backslash'],
    ['/a%252Frefunds', 'path-escaped-percent'],
    ['/refunds%00', 'path-escaped-control'],
    ['/refunds%0A', 'path-escaped-control'],
    ['/refunds?a=b c', 'query-control'],
    ['/elsewhere', 'path-not-routed'],
    ['/refunds/', 'path-not-routed'],
    ['/balance', 'method-not-routed'],
  ])('target `%s`', (target, reason) => {
    refused({ target }, reason);
  });

  test.each<[string, DecisionReason]>([
    ['', 'host-empty'],
    [`${'a.'.repeat(140)}test`, 'host-too-long'],
    ['alice@payments.demo.test', 'host-userinfo'],
    ['päyments.demo.test', 'host-not-ascii'],
    ['payments.demo.test:99999', 'host-port-malformed'],
    ['payments.demo.test:80:80', 'host-port-malformed'],
    ['pay_ments.demo.test', 'host-name-malformed'],
    ['payments.demo.test..', 'host-name-malformed'],
    ['192.0.2', 'host-ip-malformed'],
    ['[::1', 'host-ip-malformed'],
    ['storefront.demo.test', 'host-not-served'],
    ['evil.test', 'host-not-served'],
  ])('host `%s`', (authority, reason) => {
    refused({ authority }, reason);
  });

  test('method in lower case is another method', () => {
    refused({ method: 'post' }, 'method-not-routed');
  });
});

describe('nobody asks about what is not theirs', () => {
  test.each<[string, Change, EnforcementPoint | undefined, DecisionReason]>([
    ['an unknown proxy', {}, { id: 'spiffe://demo.test/elsewhere', kind: 'svid' }, 'enforcement-point-unknown'],
    ['a proxy that proved nothing', {}, undefined, 'enforcement-point-unknown'],
    ['an empty name', {}, { id: '', kind: 'svid' }, 'enforcement-point-unknown'],
    ['another service’s proxy', {}, { id: 'spiffe://demo.test/storefront', kind: 'svid' }, 'service-not-bound'],
    ['a service that does not exist', { service: 'treasury' }, POINT, 'service-not-bound'],
    ['a service named like a member of every object', { service: 'constructor' }, POINT, 'service-not-bound'],
  ])('%s', (_, change, point, reason) => {
    expectDenied(broker.check(STATE, { ...REQUEST, ...change }, point), reason);
  });
});

describe('a request that is not plainly one is refused', () => {
  const many = Array.from({ length: 129 }, (): [string, string] => ['accept', 'a']);
  test.each<[string, Change, DecisionReason]>([
    ['too many headers', { headers: many }, 'request-too-large'],
    ['a broken header', { headers: [['a b', 'c']] }, 'request-malformed'],
    ['two credentials', { headers: [...bearer(tokenOf()), ...bearer(tokenOf())] }, 'header-duplicate'],
    [
      'two identity headers',
      {
        headers: [
          ['x-postern-user', 'a'],
          ['x-postern-user', 'b'],
        ],
      },
      'header-duplicate',
    ],
    ['two joined credentials', { headers: bearer(`${tokenOf()},Bearer x`) }, 'credential-ambiguous'],
    ['a place that is none', { sourceAddress: '10.0.0.1, 192.0.2.7' }, 'source-address-malformed'],
  ])('%s', (_, change, reason) => {
    refused(change, reason);
  });
});

describe('a caller without an SVID of ours is not the workload it says it is', () => {
  const forged = (name: string, change: world.LeafChange = {}): Change => ({
    peerCertificate: leafOf(name, change).certificate,
    peerPrincipal: undefined,
  });
  const ID = 'spiffe://demo.test/storefront';
  test.each<[string, Change, DecisionReason]>([
    ['garbage for a certificate', { peerCertificate: Uint8Array.of(1) }, 'svid-malformed'],
    ['a DNS name that looks like an ID', forged('x', { uris: [], dnsNames: [ID] }), 'svid-not-an-svid'],
    ['two SPIFFE IDs', forged('x', { uris: [ID, 'spiffe://demo.test/batch'] }), 'svid-not-an-svid'],
    ['a web address first', forged('x', { uris: ['https://x.test/a', ID] }), 'svid-not-an-svid'],
    ['an unknown authority', forged('storefront', { issuer: world.rogue }), 'svid-untrusted'],
    ['an expired SVID', forged('storefront', { notAfterMs: NOW_MS - 61_000 }), 'svid-expired'],
    ['an SVID for later', forged('storefront', { notBeforeMs: NOW_MS + 61_000 }), 'svid-not-yet-valid'],
    ['another principal than its certificate', { peerPrincipal: 'spiffe://demo.test/batch' }, 'principal-mismatch'],
    ['a principal of another case', { peerPrincipal: 'SPIFFE://demo.test/storefront' }, 'principal-mismatch'],
    ['a principal without certificate', { peerCertificate: undefined }, 'peer-certificate-missing'],
  ])('%s', (_, change, reason) => {
    refused(change, reason);
  });

  test('a revoked SVID, name or issuer', () => {
    refused({}, 'svid-revoked', world.revoking(`svid:${world.storefront.serial}`));
    refused({}, 'svid-revoked', world.revoking(`spiffe-id:${ID}`));
    refused({}, 'svid-revoked', world.revoking(`issuer:${Buffer.from(world.issuer.keyId).toString('hex')}`));
  });

  const anonymous: CheckRequest = { ...REQUEST, peerCertificate: undefined, peerPrincipal: undefined };
  const asStorefront = { service: 'storefront', authority: 'storefront.demo.test', method: 'GET', target: '/' };
  const storefrontPoint = { id: ID, kind: 'svid' } as const;
  test.each<[string, Change, DecisionReason]>([
    [
      'a name in a header where only certificates count',
      { forwardedClientCert: `URI=${ID}` },
      'assurance-insufficient',
    ],
    [
      'a certificate in a header there',
      { forwardedClientCert: `Cert="${urlEncodedPem(world.storefront.certificate)}"` },
      'assurance-insufficient',
    ],
    ['a header with the client’s element', { forwardedClientCert: `URI=${ID},URI=${ID}` }, 'xfcc-malformed'],
  ])('%s', (_, change, reason) => {
    expectDenied(broker.check(STATE, { ...anonymous, ...change }, POINT), reason);
  });

  test.each<[string, string, DecisionReason]>([
    ['no name', `Hash=${'a'.repeat(64)}`, 'xfcc-malformed'],
    ['two names', `URI=${ID};URI=spiffe://demo.test/batch`, 'xfcc-malformed'],
    [
      'another name than its certificate',
      `Cert="${urlEncodedPem(world.storefront.certificate)}";URI=spiffe://demo.test/batch`,
      'principal-mismatch',
    ],
    [
      'a forged certificate',
      `Cert="${urlEncodedPem(leafOf('storefront', { issuer: world.rogue }).certificate)}"`,
      'svid-untrusted',
    ],
    ['a foreign name', 'URI=spiffe://nowhere.test/a', 'svid-untrusted'],
  ])('a header with %s, where headers count', (_, forwardedClientCert, reason) => {
    expectDenied(broker.check(STATE, { ...anonymous, ...asStorefront, forwardedClientCert }, storefrontPoint), reason);
  });
});

describe('an invalid credential is a denial and never an absence', () => {
  const tokens: readonly [string, string, DecisionReason][] = [
    ['alg none', tokenOf({}, { alg: 'none' }), 'token-algorithm'],
    ['HS256 with the public key', world.hmacTokenOf(), 'token-algorithm'],
    ['a key set by URL', tokenOf({}, { jku: 'https://evil.test/' }), 'token-header'],
    ['a key of its own', tokenOf({}, { jwk: {} }), 'token-header'],
    ['an ID token', tokenOf({}, { typ: 'JWT' }), 'token-type'],
    ['another audience', tokenOf({ aud: 'other' }), 'token-audience'],
    ['an unknown issuer', tokenOf({ iss: 'https://evil.test' }), 'token-issuer-unknown'],
    ['an unknown key', tokenOf({}, { kid: 'other' }), 'token-key-unknown'],
    ['a changed signature', `${tokenOf().slice(0, -4)}AAAA`, 'token-signature'],
    ['an expired token', tokenOf({ exp: nowSeconds - 60 }), 'token-expired'],
    ['a token for later', tokenOf({ nbf: nowSeconds + 61 }), 'token-not-yet-valid'],
    ['a bound token', tokenOf({ cnf: { jkt: 'x' } }), 'token-bound'],
    ['no subject', tokenOf({ sub: '' }), 'token-claims'],
    ['garbage', 'x', 'token-malformed'],
    ['100 kB', 'a'.repeat(60_000), 'token-too-large'],
  ];

  test.each(tokens)('%s, where a user is required', (_, token, reason) => {
    refused({ headers: bearer(token) }, reason);
  });

  test.each(tokens)('%s, where a user is optional and leaving it out would be allowed', (_, token, reason) => {
    const rates = { method: 'GET', target: '/rates' };
    expect(broker.check(STATE, { ...REQUEST, ...rates, headers: [] }, POINT)).toMatchObject({ outcome: 'allow' });
    refused({ ...rates, headers: bearer(token) }, reason);
  });

  test.each(['Basic YTpi', 'DPoP x', 'Bearer', 'Bearer ', 'Bearer a b', `Bearer\t${tokenOf()}`, tokenOf(), ''])(
    'scheme `%s`',
    (authorization) => {
      refused({ headers: [['authorization', authorization]] }, 'credential-scheme');
    },
  );

  test('nobody at all, where a user is required', () => {
    expect(refused({ headers: [] }, 'user-missing').obligations).toEqual([{ kind: 'authenticate' }]);
  });

  test('a provider whose keys are not here, or have expired', () => {
    refused({}, 'token-keys-missing', { ...STATE, tokenKeys: new Map() });
    const keys = STATE.tokenKeys.get(world.ISSUER)!;
    const expired = { ...STATE, tokenKeys: new Map([[world.ISSUER, { ...keys, expiresAtMs: NOW_MS }]]) };
    refused({}, 'token-keys-missing', expired);
  });

  test('whose access was taken back', () => {
    refused({}, 'user-revoked', world.revoking(`user:${world.ISSUER}#alice`));
    refused({}, 'session-revoked', world.revoking('session:session-1'));
    refused({}, 'device-revoked', world.revoking('device:laptop-1'));
    const before = world.revoking(`user:${world.ISSUER}#alice`, NOW_MS - 10_001);
    expect(broker.check(before, REQUEST, POINT)).toMatchObject({ outcome: 'allow' });
  });
});

describe('what the policies do not allow is denied', () => {
  const batch: Change = { peerCertificate: world.batch.certificate, peerPrincipal: 'spiffe://demo.test/batch' };
  test.each<[string, Change, DecisionReason]>([
    ['another workload, for the same person', batch, 'no-permit'],
    ['a person without the group', { headers: bearer(tokenOf({ groups: [] })) }, 'no-permit'],
    ['a device that is not compliant', { headers: bearer(tokenOf({ device_id: 'laptop-2' })) }, 'no-permit'],
    ['a device nobody knows', { headers: bearer(tokenOf({ device_id: 'laptop-3' })) }, 'no-permit'],
    ['no device', { headers: bearer(tokenOf({ device_id: undefined })) }, 'no-permit'],
    ['nobody calling', { peerCertificate: undefined, peerPrincipal: undefined }, 'no-permit'],
    ['a forbidden person', { headers: bearer(tokenOf({ sub: 'mallory' })) }, 'forbidden'],
    ['a forbid that cannot be evaluated', { method: 'GET', target: '/files/broken' }, 'policy-error'],
    ['a sign-in of yesterday', { headers: bearer(tokenOf({ auth_time: nowSeconds - 3601 })) }, 'step-up-required'],
  ])('%s', (_, change, reason) => {
    refused(change, reason);
  });

  test('a posture that has expired is unknown', () => {
    const posture = STATE.postures.get('laptop-1')!;
    refused({}, 'no-permit', { ...STATE, postures: new Map([['laptop-1', { ...posture, expiresAtMs: NOW_MS }]]) });
  });

  test('a challenge says what would satisfy it, and is none for who is denied anyway', () => {
    const old = tokenOf({ auth_time: nowSeconds - 3601 });
    const decision = refused({ headers: bearer(old) }, 'step-up-required');
    expect(decision).toMatchObject({ outcome: 'challenge', obligations: [{ kind: 'step-up', maxAgeSeconds: 3600 }] });
    refused({ headers: bearer(old), ...batch }, 'no-permit');
  });

  test('a permit under a condition that nobody would meet', () => {
    const permit = '@obligation("call-me") permit (principal, action, resource);';
    refused({}, 'obligation-unknown', world.stateWith({ policies: [['org', permit]] }));
  });
});

describe('a decision point that does not know enough denies', () => {
  test('before its first release', () => {
    const decision = broker.check(undefined, REQUEST, POINT);
    expectDenied(decision, 'not-ready');
    expect(renderGrpcAnswer(decision)).toMatchObject({
      status: { code: 14 },
      error_response: { status: { code: 503 } },
    });
  });

  test('once the feed is older than the service bears', () => {
    expect(broker.check({ ...STATE, headAtMs: NOW_MS - 30_000 }, REQUEST, POINT)).toMatchObject({ outcome: 'allow' });
    refused({}, 'state-stale', { ...STATE, headAtMs: NOW_MS - 30_001 });
    refused({}, 'state-stale', { ...STATE, headAtMs: NOW_MS + HOUR_MS });
  });

  test('unless the service prefers the last known good', () => {
    const services = world.SERVICES.map((service) => ({ ...service, whenStale: 'last-known-good' as const }));
    const stale = { ...world.stateWith({ services }), headAtMs: NOW_MS - 30_001 };
    expect(broker.check(stale, REQUEST, POINT)).toMatchObject({ outcome: 'allow' });
  });

  test('after a fault', () => {
    const faulty = {
      ...STATE,
      get bundles(): never {
        throw new Error('bug');
      },
    };
    expectDenied(broker.check(faulty, REQUEST, POINT), 'internal-error');
  });
});

describe('a call that cannot be read is denied and recorded', () => {
  const facts: readonly (readonly [string, string])[] = [
    ['x-postern-service', 'payments'],
    ['x-postern-method', 'POST'],
    ['x-postern-target', '/refunds'],
    ['x-postern-authority', 'payments.demo.test'],
    ['x-postern-scheme', 'https'],
  ];
  const http = (...lines: readonly (readonly [string, string])[]) =>
    readHttpCheck({ rawHeaders: [...facts, ...lines] });
  const without = (name: string) => readHttpCheck({ rawHeaders: facts.filter(([known]) => known !== name) });
  const grpc = (attributes: EnvoyCheckRequest['attributes'], metadata: [string, string][] = []) =>
    readGrpcCheck(
      { attributes: { request: { http: { method: 'GET', path: '/', host: 'a', scheme: 'http' } }, ...attributes } },
      metadata,
    );
  const named: [string, string][] = [['x-postern-service', 'payments']];

  test.each<[string, ReturnType<typeof readHttpCheck>, DecisionReason]>([
    ['a client’s copy of a fact', http(['x-postern-target', '/balance']), 'header-duplicate'],
    ['the same in upper case', http(['X-Postern-Service', 'storefront']), 'header-duplicate'],
    ['a header that no template sets', http(['x-postern-user', 'root']), 'header-unknown'],
    ['a credential where only a signed call has one', http(['x-postern-authorization', 'Bearer a']), 'header-unknown'],
    ['no service', without('x-postern-service'), 'header-missing'],
    ['no target', without('x-postern-target'), 'header-missing'],
    ['no authority', without('x-postern-authority'), 'header-missing'],
    ['no method', without('x-postern-method'), 'header-missing'],
    ['no scheme', without('x-postern-scheme'), 'header-missing'],
    ['too many headers', http(...Array.from({ length: 124 }, () => ['a', 'b'] as const)), 'request-too-large'],
    ['a certificate that is none', http(['x-postern-peer-certificate', 'x']), 'peer-certificate-malformed'],
    ['a huge certificate', http(['x-postern-peer-certificate', 'x'.repeat(16_385)]), 'peer-certificate-too-large'],
    ['no service in gRPC', grpc({}), 'service-missing'],
    ['an empty service in gRPC', grpc({}, [['x-postern-service', '']]), 'service-missing'],
    ['two services', grpc({ context_extensions: [['postern.service', 'storefront']] }, named), 'service-ambiguous'],
    ['two services in metadata', grpc({}, [...named, ['x-postern-service', 'storefront']]), 'service-ambiguous'],
    ['a network filter’s call', grpc({ request: {} }, named), 'request-malformed'],
    ['no attributes', readGrpcCheck({}, named), 'request-malformed'],
    [
      'another path in the headers',
      grpc(
        { request: { http: { method: 'GET', path: '/', host: 'a', scheme: 'http', headers: [[':path', '/admin']] } } },
        named,
      ),
      'request-malformed',
    ],
    [
      'a protocol of its own',
      grpc(
        {
          request: {
            http: { method: 'CONNECT', path: '/', host: 'a', scheme: 'http', headers: [[':protocol', 'websocket']] },
          },
        },
        named,
      ),
      'request-malformed',
    ],
    ['a certificate that is none in gRPC', grpc({ source: { certificate: 'x' } }, named), 'peer-certificate-malformed'],
    [
      'too many headers in gRPC',
      grpc(
        {
          request: {
            http: {
              method: 'GET',
              path: '/',
              host: 'a',
              scheme: 'http',
              headers: Array.from({ length: 133 }, () => ['a', 'b'] as const),
            },
          },
        },
        named,
      ),
      'request-too-large',
    ],
  ])('%s', (_, read, reason) => {
    if (read.ok) throw new Error('was read');
    expectDenied(broker.refuse(read, POINT), reason);
  });
});
