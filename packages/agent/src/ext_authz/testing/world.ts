/** A node for tests, of the present moment since real proxies have a clock of their own: authority, release, identities. */
import { generateKeyPairSync, sign } from 'node:crypto';
import type { RecordBody } from '@postern/audit';
import { type Broker, createBroker } from '@postern/broker';
import { type PolicySource, testRelease, testService } from '@postern/broker/testing';
import type { DecisionState } from '@postern/feed';
import { createTestAuthority, createTestLeaf } from '@postern/identity/testing';
import { parseCertificate, parseTrustDomain } from '@postern/spiffe';
import type { IdentitySource, WorkloadIdentity } from '../../identity_source.ts';

const HOUR_MS = 3_600_000;
const nowMs = Date.now();
export const TRUST_DOMAIN = 'demo.test';
export const TOKEN_ISSUER = 'https://idp.demo.test';
export const APP = 'spiffe://demo.test/app';
/** Of a proxy that asks through a function URL. */
export const APP_ROLE = 'arn:aws:iam::123456789012:role/app-proxy';
export const STOREFRONT = 'spiffe://demo.test/storefront';

export const root = createTestAuthority({ trustDomain: TRUST_DOMAIN, nowMs });
export const issuer = createTestAuthority({ trustDomain: TRUST_DOMAIN, nowMs, parent: root });

type LeafNames = Pick<Parameters<typeof createTestLeaf>[0], 'uris' | 'dnsNames'>;
export type Leaf = ReturnType<typeof createTestLeaf>;
export const leafOf = (names: LeafNames): Leaf =>
  createTestLeaf({ issuer, notBeforeMs: nowMs - HOUR_MS, notAfterMs: nowMs + HOUR_MS, ...names });
export const storefront = leafOf({ uris: [STOREFRONT] });

const provider = generateKeyPairSync('ec', { namedCurve: 'P-256' });
const segment = (value: unknown) => Buffer.from(JSON.stringify(value)).toString('base64url');

/** An access token of `alice`, who is in no group. */
export function tokenOf(subject = 'alice'): string {
  const iat = Math.floor(nowMs / 1000) - 10;
  const claims = { iss: TOKEN_ISSUER, sub: subject, aud: 'demo', iat, exp: iat + 3600, auth_time: iat };
  const signed = `${segment({ alg: 'ES256', typ: 'at+jwt', kid: 'provider' })}.${segment(claims)}`;
  const signature = sign('sha256', Buffer.from(signed), { key: provider.privateKey, dsaEncoding: 'ieee-p1363' });
  return `${signed}.${signature.toString('base64url')}`;
}

const policies: readonly PolicySource[] = [
  ['finance', `@id("storefront") permit (principal == Workload::"${STOREFRONT}", action, resource == Service::"app");`],
  ['finance', '@id("users") permit (principal is User, action, resource == Service::"app");'],
  ['finance', '@id("no-user") permit (principal == Anonymous::"user", action, resource == Service::"app");'],
  [
    'finance',
    '@id("anyone-public") permit (principal is Anonymous, action, resource == Service::"app") when { context.request.path == "/public" };',
  ],
  [
    'finance',
    '@id("no-admin") forbid (principal, action, resource == Service::"app") when { context.request.path like "/admin*" };',
  ],
  [
    'finance',
    '@id("not-from-10") forbid (principal, action, resource == Service::"app") when { context.network.sourceIp.isInRange(ip("10.0.0.0/8")) };',
  ],
];

const release = testRelease({
  nowMs,
  services: [
    testService({
      name: 'app',
      hosts: ['app.demo.test'],
      enforcementPoints: [APP, APP_ROLE],
      user: 'optional',
      feedStaleAfterSeconds: 3600,
      routes: [
        { action: 'read', methods: ['GET', 'HEAD'], path: '/{path*}', groups: ['read'] },
        { action: 'write', methods: ['POST', 'PUT'], path: '/{path*}', groups: ['write'] },
      ],
    }),
    testService({ name: 'other', hosts: ['other.demo.test'] }),
  ],
  policies,
  change: {
    issuers: [
      {
        issuer: TOKEN_ISSUER,
        audiences: ['demo'],
        algorithms: ['ES256'],
        tokens: ['access-token'],
        groupsClaim: 'groups',
        groups: {},
      },
    ],
  },
});

const orThrow = <T>(result: { ok: true; value: T } | { ok: false; reason: string }): T => {
  if (!result.ok) throw new Error(result.reason);
  return result.value;
};
const jwks = { keys: [{ ...provider.publicKey.export({ format: 'jwk' }), kid: 'provider', alg: 'ES256', use: 'sig' }] };

export const STATE: DecisionState = {
  release,
  epoch: 'epoch-1',
  sequence: 1,
  headAtMs: nowMs,
  bundles: new Map([
    [
      TRUST_DOMAIN,
      {
        trustDomain: orThrow(parseTrustDomain(TRUST_DOMAIN)),
        sequence: 1,
        x509Authorities: [root.certificate],
        jwtAuthorities: [],
      },
    ],
  ]),
  issuers: [orThrow(parseCertificate(issuer.certificate))],
  tokenKeys: new Map([
    [
      TOKEN_ISSUER,
      { kind: 'token-keys', subject: TOKEN_ISSUER, jwks, observedAtMs: nowMs, expiresAtMs: nowMs + HOUR_MS },
    ],
  ]),
  postures: new Map(),
  revocations: new Map(),
};

/** The identity of a workload on this node, as the agent holds it. */
export function identityOf(spiffeId: string): WorkloadIdentity {
  const leaf = leafOf({ uris: [spiffeId] });
  return {
    entryId: spiffeId,
    spiffeId,
    hint: '',
    chain: [leaf.certificate, issuer.certificate],
    privateKey: leaf.privateKey.export({ format: 'der', type: 'pkcs8' }),
    serial: leaf.serial,
    notBeforeMs: nowMs - HOUR_MS,
    notAfterMs: nowMs + HOUR_MS,
  };
}

/** `entitled`: which identities a caller of these selectors gets. */
export function sourceOf(entitled: (selectors: readonly string[]) => readonly WorkloadIdentity[]): IdentitySource {
  return {
    trustDomain: TRUST_DOMAIN,
    isReady: () => true,
    identitiesFor: entitled,
    bundles: () => new Map([[TRUST_DOMAIN, [root.certificate]]]),
    jwtAuthorities: () => new Map(),
    subscribe: () => () => {},
  };
}

export type Kept = RecordBody & { readonly id: string };

/** Keeps what was recorded. */
export function recorder(): {
  readonly kept: Kept[];
  readonly record: (body: RecordBody, id?: string) => Promise<void>;
} {
  const kept: Kept[] = [];
  return {
    kept,
    record: async (body, id = '') => {
      kept.push({ ...body, id });
    },
  };
}

export const brokerOfNow = (): Broker => createBroker({ clock: { nowMs: () => Date.now() } });
