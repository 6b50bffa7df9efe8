/** A small world for tests: two services, an authority, a provider, a person with a laptop, all of one moment. */
import { createHmac, generateKeyPairSync, sign } from 'node:crypto';
import type { DecisionState } from '@postern/feed';
import { createTestAuthority, createTestLeaf } from '@postern/identity/testing';
import type { TokenIssuer } from '@postern/policy-engine';
import { type Certificate, parseCertificate, parseTrustDomain, type TrustBundle } from '@postern/spiffe';
import type { CheckRequest, EnforcementPoint } from '../request.ts';
import { type PolicySource, testRelease, testService } from './release.ts';

export const NOW_MS = Date.parse('2026-11-24T10:00:00Z');
export const HOUR_MS = 3_600_000;
export const ISSUER = 'https://idp.demo.test';

const root = createTestAuthority({ trustDomain: 'demo.test', nowMs: NOW_MS });
export const issuer = createTestAuthority({ trustDomain: 'demo.test', nowMs: NOW_MS, parent: root });
/** An authority that nobody has heard of. */
export const rogue = createTestAuthority({ trustDomain: 'demo.test', nowMs: NOW_MS });

export type LeafChange = Partial<Parameters<typeof createTestLeaf>[0]>;
export const leafOf = (name: string, change: LeafChange = {}) =>
  createTestLeaf({
    issuer,
    uris: [`spiffe://demo.test/${name}`],
    notBeforeMs: NOW_MS - 60_000,
    notAfterMs: NOW_MS + HOUR_MS,
    ...change,
  });
export const storefront = leafOf('storefront');
export const batch = leafOf('batch');

const provider = generateKeyPairSync('ec', { namedCurve: 'P-256' });
const segment = (value: unknown) => Buffer.from(JSON.stringify(value)).toString('base64url');

type Members = { readonly [name: string]: unknown };

/** An access token of `alice`, in order unless changed. */
export function tokenOf(claims: Members = {}, header: Members = {}): string {
  const nowSeconds = NOW_MS / 1000;
  const signed = `${segment({ alg: 'ES256', typ: 'at+jwt', kid: 'provider', ...header })}.${segment({
    iss: ISSUER,
    sub: 'alice',
    aud: 'demo',
    iat: nowSeconds - 10,
    exp: nowSeconds + 300,
    auth_time: nowSeconds - 60,
    groups: ['idp-support'],
    device_id: 'laptop-1',
    sid: 'session-1',
    ...claims,
  })}`;
  const signature = sign('sha256', Buffer.from(signed), { key: provider.privateKey, dsaEncoding: 'ieee-p1363' });
  return `${signed}.${signature.toString('base64url')}`;
}

/** The same, MACed with the provider's public key as secret. */
export function hmacTokenOf(): string {
  const [, claims] = tokenOf().split('.');
  const signed = `${segment({ alg: 'HS256', typ: 'at+jwt', kid: 'provider' })}.${claims}`;
  const secret = provider.publicKey.export({ type: 'spki', format: 'pem' });
  return `${signed}.${createHmac('sha256', secret).update(signed).digest('base64url')}`;
}

const tokenIssuer: TokenIssuer = {
  issuer: ISSUER,
  audiences: ['demo'],
  algorithms: ['ES256'],
  tokens: ['access-token'],
  groupsClaim: 'groups',
  groups: { 'idp-support': 'support' },
  deviceClaim: 'device_id',
};

const route = (action: string, method: string, path: string, user?: 'none' | 'optional') => ({
  action,
  methods: [method],
  path,
  groups: [method === 'GET' ? 'read' : 'write'],
  ...(user !== undefined && { user }),
});

export const SERVICES = [
  testService({
    name: 'payments',
    routes: [
      route('refund', 'POST', '/refunds'),
      route('balance', 'GET', '/balance'),
      route('rates', 'GET', '/rates', 'optional'),
      route('health', 'GET', '/health', 'none'),
      route('tail', 'GET', '/files/{path*}'),
    ],
  }),
  testService({
    name: 'storefront',
    owner: 'shop',
    user: 'optional',
    assurance: ['certificate', 'xfcc-certificate', 'xfcc-uri'],
  }),
];

export const POLICIES: readonly PolicySource[] = [
  [
    'org',
    `@id("fresh-sign-in") @challenge("step-up:3600") forbid (principal is User, action == Action::"payments:refund", resource)
     when { context has auth && context.auth.ageSeconds > 3600 };`,
  ],
  [
    'org',
    '@id("no-mallory") forbid (principal, action, resource) when { context has user && context.user.subject == "mallory" };',
  ],
  [
    'finance',
    `@id("callers") permit (principal == Workload::"spiffe://demo.test/storefront", action, resource == Service::"payments");`,
  ],
  [
    'finance',
    `@id("support") permit (principal in Group::"support", action, resource == Service::"payments")
     when { context has device && context.device.compliant };`,
  ],
  ['finance', '@id("anyone-rates") permit (principal is Anonymous, action == Action::"payments:rates", resource);'],
  [
    'finance',
    '@id("not-tuesdays") forbid (principal, action, resource == Service::"payments") when { context.request.path == "/files/tuesday" };',
  ],
  [
    'finance',
    '@id("broken") forbid (principal, action, resource == Service::"payments") when { context.request.path == "/files/broken" && context.device.osVersion == "1" };',
  ],
  ['shop', '@id("shoppers") permit (principal, action, resource == Service::"storefront");'],
];

function bundle(): TrustBundle {
  const trustDomain = parseTrustDomain('demo.test');
  if (!trustDomain.ok) throw new Error(trustDomain.reason);
  return { trustDomain: trustDomain.value, sequence: 1, x509Authorities: [root.certificate], jwtAuthorities: [] };
}

function issuers(): Certificate[] {
  const parsed = parseCertificate(issuer.certificate);
  if (!parsed.ok) throw new Error(parsed.reason);
  return [parsed.value];
}

const jwks = { keys: [{ ...provider.publicKey.export({ format: 'jwk' }), kid: 'provider', alg: 'ES256', use: 'sig' }] };
const observed = { observedAtMs: NOW_MS - 60_000, expiresAtMs: NOW_MS + HOUR_MS };

export const RELEASE = testRelease({
  nowMs: NOW_MS,
  services: SERVICES,
  policies: POLICIES,
  change: { issuers: [tokenIssuer] },
});

/** What a decision point knows: fresh, complete, nothing revoked. */
export const STATE: DecisionState = {
  release: RELEASE,
  epoch: 'epoch-1',
  sequence: 42,
  headAtMs: NOW_MS - 1000,
  bundles: new Map([['demo.test', bundle()]]),
  issuers: issuers(),
  tokenKeys: new Map([[ISSUER, { kind: 'token-keys', subject: ISSUER, jwks, ...observed }]]),
  postures: new Map([
    [
      'laptop-1',
      { kind: 'posture', subject: 'laptop-1', source: 'fleet', compliant: true, managed: true, ...observed },
    ],
    [
      'laptop-2',
      { kind: 'posture', subject: 'laptop-2', source: 'fleet', compliant: false, managed: true, ...observed },
    ],
  ]),
  revocations: new Map(),
};

/** A state in which the release is changed. */
export function stateWith(change: Partial<Parameters<typeof testRelease>[0]>): DecisionState {
  return {
    ...STATE,
    release: testRelease({
      nowMs: NOW_MS,
      services: SERVICES,
      policies: POLICIES,
      ...change,
      change: { issuers: [tokenIssuer], ...change.change },
    }),
  };
}

export function revoking(subject: string, notBeforeMs = NOW_MS): DecisionState {
  const fact = { kind: 'revocation', subject, notBeforeMs, reason: 'test', ...observed } as const;
  return { ...STATE, revocations: new Map([[subject, fact]]) };
}

/** The proxy of `payments`, which runs with the service's own SVID. */
export const POINT: EnforcementPoint = { id: 'spiffe://demo.test/payments', kind: 'svid' };

/** `storefront` asks `payments` for a refund, for `alice`. */
export const REQUEST: CheckRequest = {
  service: 'payments',
  method: 'POST',
  target: '/refunds',
  authority: 'payments.demo.test',
  scheme: 'https',
  headers: [
    ['authorization', `Bearer ${tokenOf()}`],
    ['user-agent', 'test'],
  ],
  peerCertificate: storefront.certificate,
  peerPrincipal: 'spiffe://demo.test/storefront',
  sourceAddress: '192.0.2.7',
  requestId: 'request-1',
  transport: 'grpc',
};

export const bearer = (token: string): CheckRequest['headers'] => [['authorization', `Bearer ${token}`]];
