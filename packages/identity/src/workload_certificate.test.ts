import { type Certificate, parseCertificate, parseTrustDomain, type TrustBundle } from '@postern/spiffe';
import { describe, expect, test } from 'vitest';
import type { Revocations } from './revocation.ts';
import { createTestAuthority, createTestLeaf, type TestAuthority } from './testing/index.ts';
import { createWorkloadVerifier, type WorkloadTrust } from './workload_certificate.ts';

const nowMs = Date.parse('2026-11-24T10:00:00Z');
const HOUR_MS = 3_600_000;
const ID = 'spiffe://demo.test/storefront';

const root = createTestAuthority({ trustDomain: 'demo.test', nowMs });
const issuer = createTestAuthority({ trustDomain: 'demo.test', nowMs, parent: root });
const otherIssuer = createTestAuthority({ trustDomain: 'demo.test', nowMs, parent: root });
const shortIssuer = createTestAuthority({ trustDomain: 'demo.test', nowMs, parent: root, lifeMs: 60_000 });
const foreignRoot = createTestAuthority({ trustDomain: 'foreign.test', nowMs });
const rogueRoot = createTestAuthority({ trustDomain: 'demo.test', nowMs });
const rogueIssuer = createTestAuthority({ trustDomain: 'demo.test', nowMs, parent: rogueRoot });

function bundleOf(name: string, ...authorities: TestAuthority[]): TrustBundle {
  const trustDomain = parseTrustDomain(name);
  if (!trustDomain.ok) throw new Error(trustDomain.reason);
  const x509Authorities = authorities.map((authority) => authority.certificate);
  return { trustDomain: trustDomain.value, sequence: 1, x509Authorities, jwtAuthorities: [] };
}

function certificateOf(authority: TestAuthority): Certificate {
  const parsed = parseCertificate(authority.certificate);
  if (!parsed.ok) throw new Error(parsed.detail);
  return parsed.value;
}

const bundle = bundleOf('demo.test', root);
const foreignBundle = bundleOf('foreign.test', foreignRoot);
const issuers = [issuer, otherIssuer, shortIssuer, rogueIssuer].map(certificateOf);
const trust: WorkloadTrust = {
  bundles: new Map([
    ['demo.test', bundle],
    ['foreign.test', foreignBundle],
  ]),
  issuers,
  revocations: new Map(),
};
const leafOf = (change: Partial<Parameters<typeof createTestLeaf>[0]> = {}) =>
  createTestLeaf({ issuer, uris: [ID], notBeforeMs: nowMs - 60_000, notAfterMs: nowMs + HOUR_MS, ...change });
const leaf = leafOf();
const issuerKeyId = Buffer.from(issuer.keyId).toString('hex');

const reasonOf = (der: Uint8Array, change: Partial<WorkloadTrust> = {}, atMs = nowMs) => {
  const verified = createWorkloadVerifier({ maxEntries: 10 }).verify(der, 'certificate', { ...trust, ...change }, atMs);
  return verified.ok ? 'verified' : verified.reason;
};

test('a leaf alone names its workload, since its issuer is known from the feed', () => {
  expect(createWorkloadVerifier({ maxEntries: 10 }).verify(leaf.certificate, 'certificate', trust, nowMs)).toEqual({
    ok: true,
    value: {
      spiffeId: ID,
      trustDomain: 'demo.test',
      path: '/storefront',
      assurance: 'certificate',
      serial: leaf.serial,
      issuerKeyId,
      notAfterMs: nowMs + HOUR_MS,
    },
  });
});

test('an authority that is not in the bundle of a known trust domain is told of, for it may be new', () => {
  const told: string[] = [];
  const verifier = createWorkloadVerifier({ maxEntries: 10, onUnknownAuthority: (name) => told.push(name) });
  const newRoot = createTestAuthority({ trustDomain: 'foreign.test', nowMs });
  const foreign = leafOf({ issuer: newRoot, uris: ['spiffe://foreign.test/a'] });
  expect(verifier.verify(foreign.certificate, 'certificate', trust, nowMs)).toMatchObject({ reason: 'svid-untrusted' });
  expect(told).toEqual(['foreign.test']);
  // Nothing that a newer bundle would make right.
  for (const [der, atMs] of [
    [leaf.certificate, nowMs],
    [leafOf({ uris: ['spiffe://nowhere.test/a'] }).certificate, nowMs],
    [foreign.certificate, nowMs + 2 * HOUR_MS],
    [foreign.certificate.subarray(1), nowMs],
    [leafOf({ issuer: newRoot, uris: ['spiffe://foreign.test'] }).certificate, nowMs],
  ] as const)
    verifier.verify(der, 'certificate', trust, atMs);
  expect(told).toEqual(['foreign.test']);
});

test('an identity lasts no longer than the issuer it rests on', () => {
  const verifier = createWorkloadVerifier({ maxEntries: 10 });
  const short = leafOf({ issuer: shortIssuer });
  expect(verifier.verify(short.certificate, 'certificate', trust, nowMs)).toMatchObject({
    value: { notAfterMs: nowMs + 60_000 },
  });
});

describe('a certificate that is no SVID of ours names nobody', () => {
  const tampered = Uint8Array.from(leaf.certificate);
  tampered[tampered.length - 1] = (tampered[tampered.length - 1] as number) ^ 1;
  test.each<[string, Uint8Array, string]>([
    ['garbage', Uint8Array.of(1, 2, 3), 'svid-malformed'],
    ['nothing', new Uint8Array(), 'svid-malformed'],
    ['17 KiB', new Uint8Array(17 * 1024), 'svid-malformed'],
    ['a flipped bit of the signature', tampered, 'svid-untrusted'],
    ['the same name from another root', leafOf({ issuer: rogueIssuer }).certificate, 'svid-untrusted'],
    ['the same name from a federated root', leafOf({ issuer: foreignRoot }).certificate, 'svid-untrusted'],
    ['an unknown trust domain', leafOf({ uris: ['spiffe://nowhere.test/a'] }).certificate, 'svid-untrusted'],
    ['a DNS name that looks like an ID', leafOf({ uris: [], dnsNames: [ID] }).certificate, 'svid-not-an-svid'],
    ['a subject that looks like an ID', leafOf({ uris: [] }).certificate, 'svid-not-an-svid'],
    ['two SPIFFE IDs', leafOf({ uris: [ID, 'spiffe://demo.test/admin'] }).certificate, 'svid-not-an-svid'],
    ['a web address before the ID', leafOf({ uris: ['https://x.test/a', ID] }).certificate, 'svid-not-an-svid'],
    ['a web address', leafOf({ uris: ['https://demo.test/storefront'] }).certificate, 'svid-not-an-svid'],
    ['the trust domain itself', leafOf({ uris: ['spiffe://demo.test'] }).certificate, 'svid-not-an-svid'],
    ['an ID in upper case', leafOf({ uris: ['spiffe://DEMO.test/storefront'] }).certificate, 'svid-not-an-svid'],
    ['an authority', leafOf({ isAuthority: true }).certificate, 'svid-not-an-svid'],
    ['the issuer itself', issuer.certificate, 'svid-not-an-svid'],
    ['a key that signs certificates', leafOf({ keyUsage: [0, 5] }).certificate, 'svid-not-an-svid'],
    ['an expired leaf', leafOf({ notAfterMs: nowMs - 61_000 }).certificate, 'svid-expired'],
    ['a leaf for later', leafOf({ notBeforeMs: nowMs + 61_000 }).certificate, 'svid-not-yet-valid'],
  ])('%s', (_, der, reason) => {
    expect(reasonOf(der)).toBe(reason);
  });

  test('an issuer that has not been seen', () => {
    expect(reasonOf(leaf.certificate, { issuers: [] })).toBe('svid-untrusted');
  });
});

describe('what was verified once is not believed for ever', () => {
  const revoking = (subject: string, notBeforeMs = nowMs, expiresAtMs = nowMs + HOUR_MS): Revocations =>
    new Map([[subject, { notBeforeMs, expiresAtMs }]]);
  const verifier = createWorkloadVerifier({ maxEntries: 10 });
  const verify = (change: Partial<WorkloadTrust> = {}, atMs = nowMs) => {
    const verified = verifier.verify(leaf.certificate, 'certificate', { ...trust, ...change }, atMs);
    return verified.ok ? 'verified' : verified.reason;
  };

  test.each<[string, Partial<WorkloadTrust>, number, string]>([
    ['its own end', {}, nowMs + HOUR_MS + 61_000, 'svid-expired'],
    ['its serial', { revocations: revoking(`svid:${leaf.serial}`) }, nowMs, 'svid-revoked'],
    ['its name', { revocations: revoking(`spiffe-id:${ID}`) }, nowMs, 'svid-revoked'],
    ['its issuer', { revocations: revoking(`issuer:${issuerKeyId}`) }, nowMs, 'svid-revoked'],
    ['its root', { revocations: revoking(`issuer:${Buffer.from(root.keyId).toString('hex')}`) }, nowMs, 'svid-revoked'],
    [
      'another root in the bundle',
      { bundles: new Map([['demo.test', bundleOf('demo.test', rogueRoot)]]) },
      nowMs,
      'svid-untrusted',
    ],
    ['no bundle', { bundles: new Map() }, nowMs, 'svid-untrusted'],
    ['its issuer gone from the feed', { issuers: [certificateOf(otherIssuer)] }, nowMs, 'svid-untrusted'],
  ])('%s ends it', (_, change, atMs, reason) => {
    expect(verify()).toBe('verified');
    expect(verify(change, atMs)).toBe(reason);
    expect(verify()).toBe('verified');
  });

  test.each<[string, Revocations]>([
    ['another serial', revoking('svid:00')],
    ['another name', revoking('spiffe-id:spiffe://demo.test/payments')],
    ['a revocation of earlier SVIDs of its name', revoking(`spiffe-id:${ID}`, nowMs - 60_001)],
    ['a revocation that has expired', revoking(`svid:${leaf.serial}`, nowMs, nowMs)],
  ])('%s leaves it', (_, revocations) => {
    expect(verify({ revocations })).toBe('verified');
  });

  test('a leaf verified before costs no signature check', () => {
    const counting = createWorkloadVerifier({ maxEntries: 1 });
    const accesses = { count: 0 };
    const watched: WorkloadTrust = {
      ...trust,
      bundles: {
        get: (name: string) => trust.bundles.get(name),
        get size() {
          return trust.bundles.size;
        },
      } as WorkloadTrust['bundles'],
      get issuers() {
        accesses.count++;
        return issuers;
      },
    };
    counting.verify(leaf.certificate, 'certificate', watched, nowMs);
    const first = accesses.count;
    for (let count = 0; count < 10; count++) counting.verify(leaf.certificate, 'certificate', watched, nowMs);
    // Once per call to see that the issuer on the path is still there; a verification reads it once more.
    expect(accesses.count - first).toBeLessThanOrEqual(10);
  });
});

describe('a name without a certificate', () => {
  const verifier = createWorkloadVerifier({ maxEntries: 10 });
  test('is taken as the proxy gives it, and says so', () => {
    expect(verifier.acceptName(ID, trust, nowMs)).toEqual({
      ok: true,
      value: { spiffeId: ID, trustDomain: 'demo.test', path: '/storefront', assurance: 'xfcc-uri' },
    });
  });

  test.each<[string, string, Partial<WorkloadTrust>, string]>([
    ['a web address', 'https://demo.test/storefront', {}, 'svid-not-an-svid'],
    ['a trust domain', 'spiffe://demo.test', {}, 'svid-not-an-svid'],
    ['a foreign trust domain', 'spiffe://nowhere.test/a', {}, 'svid-untrusted'],
    [
      'a revoked name',
      ID,
      { revocations: new Map([[`spiffe-id:${ID}`, { notBeforeMs: 0, expiresAtMs: nowMs + 1 }]]) },
      'svid-revoked',
    ],
  ])('is refused: %s', (_, uri, change, reason) => {
    expect(verifier.acceptName(uri, { ...trust, ...change }, nowMs)).toMatchObject({ ok: false, reason });
  });
});
