import { createHash, createPublicKey, generateKeyPairSync } from 'node:crypto';
import { createSoftwareSigner } from '@postern/keys';
import { type Certificate, parseCertificate, parseTrustDomain, type TrustBundle } from '@postern/spiffe';
import fc from 'fast-check';
import * as jose from 'jose';
import { describe, expect, test } from 'vitest';
import { createRequestProof, MAX_REQUEST_PROOF_LENGTH, verifyRequestProof } from './request_proof.ts';
import { createTestAuthority, createTestLeaf, type TestLeaf } from './testing/index.ts';

const nowMs = Date.parse('2026-11-24T10:00:00Z');
const root = createTestAuthority({ trustDomain: 'demo.test', nowMs });
const issuer = createTestAuthority({ trustDomain: 'demo.test', nowMs, parent: root });
const rogue = createTestAuthority({ trustDomain: 'demo.test', nowMs });
const AGENT = 'spiffe://demo.test/postern/agent/node-1';
const leafOf = (change: Partial<Parameters<typeof createTestLeaf>[0]> = {}) =>
  createTestLeaf({ issuer, uris: [AGENT], notBeforeMs: nowMs - 60_000, notAfterMs: nowMs + 3_600_000, ...change });
const agent = leafOf();

function bundle(name = 'demo.test'): TrustBundle {
  const trustDomain = parseTrustDomain(name);
  if (!trustDomain.ok) throw new Error(trustDomain.reason);
  return { trustDomain: trustDomain.value, sequence: 1, x509Authorities: [root.certificate], jwtAuthorities: [] };
}

const call = {
  method: 'POST',
  target: '/v1/svids?x=%2F',
  body: Buffer.from('{"requests":[]}'),
  trustDomain: 'demo.test',
  audience: 'https://control.demo.test',
};
const digestOfBody = (body: Uint8Array) => createHash('sha256').update(body).digest();
const prove = (change: Partial<Parameters<typeof createRequestProof>[0]> = {}, leaf: TestLeaf = agent) =>
  createRequestProof({
    ...call,
    signer: createSoftwareSigner(leaf.privateKey, 'ES256'),
    chain: [leaf.certificate, issuer.certificate],
    nowMs,
    ...change,
  });

function setUp() {
  const used = new Set<string>();
  const consume = async (id: string) => !used.has(id) && Boolean(used.add(id));
  const verify = async (
    proof: string | undefined,
    change: Partial<Parameters<typeof verifyRequestProof>[1]> = {},
  ): Promise<string> => {
    const verified = await verifyRequestProof(proof, {
      method: call.method,
      target: call.target,
      bodyDigest: digestOfBody(call.body),
      audience: call.audience,
      nowMs,
      bundle: bundle(),
      issuers: [],
      consume,
      ...change,
    });
    return verified.ok ? verified.value.spiffeId.uri : verified.reason;
  };
  return { used, verify };
}

test('a proof names the caller whose SVID signed it', async () => {
  const { verify } = setUp();
  expect(await verify(await prove())).toBe(AGENT);
});

test('a leaf alone does where the feed has its issuer', async () => {
  const { verify } = setUp();
  const parsed = parseCertificate(issuer.certificate);
  const issuers: Certificate[] = parsed.ok ? [parsed.value] : [];
  const proof = await prove({ chain: [agent.certificate] });
  expect(await verify(proof)).toBe('proof-svid-untrusted');
  expect(await verify(proof, { issuers })).toBe(AGENT);
});

test('another JOSE library verifies the proof by the same leaf', async () => {
  const verified = await jose.compactVerify(await prove(), createPublicKey(agent.privateKey));
  expect(verified.protectedHeader).toMatchObject({ alg: 'ES256', typ: 'postern-proof+jws' });
});

describe('a captured proof makes no other call', () => {
  test.each<[string, Partial<Parameters<typeof verifyRequestProof>[1]>, string]>([
    ['method', { method: 'DELETE' }, 'proof-method'],
    ['method in lower case', { method: 'post' }, 'proof-method'],
    ['path', { target: '/v1/admin/entries' }, 'proof-target'],
    ['query', { target: '/v1/svids?x=/' }, 'proof-target'],
    ['no query', { target: '/v1/svids' }, 'proof-target'],
    ['body', { bodyDigest: digestOfBody(Buffer.from('{}')) }, 'proof-body'],
    ['no body', { bodyDigest: digestOfBody(new Uint8Array()) }, 'proof-body'],
    ['deployment', { audience: 'https://control.other.test' }, 'proof-audience'],
    ['trust domain', { bundle: bundle('other.test') }, 'proof-trust-domain'],
    ['later', { nowMs: nowMs + 60_001 }, 'proof-expired'],
    ['earlier', { nowMs: nowMs - 60_001 }, 'proof-not-yet-valid'],
  ])('another %s', async (_, change, reason) => {
    const { verify, used } = setUp();
    expect(await verify(await prove(), change)).toBe(reason);
    expect(used.size).toBe(0);
  });

  test('the same call again', async () => {
    const { verify } = setUp();
    const proof = await prove();
    expect(await verify(proof)).toBe(AGENT);
    expect(await verify(proof)).toBe('proof-replayed');
    expect(await verify(await prove())).toBe(AGENT);
  });

  test('at the ends of its minute it still counts, and is remembered at least as long', async () => {
    const expiries: number[] = [];
    const consume = async (_: string, expiresAtMs: number) => expiries.push(expiresAtMs) > 0;
    const { verify } = setUp();
    expect(await verify(await prove(), { nowMs: nowMs + 60_000, consume })).toBe(AGENT);
    expect(await verify(await prove(), { nowMs: nowMs - 60_000, consume })).toBe(AGENT);
    for (const expiresAtMs of expiries) expect(expiresAtMs).toBeGreaterThanOrEqual(nowMs + 60_000);
  });

  test('another caller cannot use up its id', async () => {
    const { verify } = setUp();
    const random = () => Buffer.alloc(16, 1);
    const other = leafOf({ uris: ['spiffe://demo.test/postern/agent/node-2'] });
    expect(await verify(await prove({ random }, other))).toBe('spiffe://demo.test/postern/agent/node-2');
    expect(await verify(await prove({ random }))).toBe(AGENT);
    expect(await verify(await prove({ random }))).toBe('proof-replayed');
  });
});

describe('nobody without the SVID’s key makes a call', () => {
  const stranger = generateKeyPairSync('ec', { namedCurve: 'P-256' });
  const raw = async (header: object, payload: object | string = {}, key = agent.privateKey) => {
    const claims = {
      htm: call.method,
      htu: call.target,
      bsh: digestOfBody(call.body).toString('base64url'),
      td: 'demo.test',
      aud: call.audience,
      jti: 'a'.repeat(22),
      iat: nowMs / 1000,
    };
    const x5c = [agent, issuer].map(({ certificate }) => Buffer.from(certificate).toString('base64'));
    const text = typeof payload === 'string' ? payload : JSON.stringify({ ...claims, ...payload });
    return new jose.CompactSign(Buffer.from(text))
      .setProtectedHeader({ alg: 'ES256', typ: 'postern-proof+jws', x5c, ...header })
      .sign(key);
  };

  test('(the raw proof is right in itself)', async () => {
    expect(await setUp().verify(await raw({}))).toBe(AGENT);
  });

  test.each<[string, () => Promise<string | undefined>, string]>([
    ['no proof', async () => undefined, 'proof-missing'],
    ['an empty proof', async () => '', 'proof-missing'],
    ['24 KiB and a byte', async () => 'a'.repeat(MAX_REQUEST_PROOF_LENGTH + 1), 'proof-too-large'],
    ['garbage', async () => 'a.b.c', 'proof-malformed'],
    ['two proofs', async () => `${await prove()}, ${await prove()}`, 'proof-malformed'],
    ['claims that are no object', () => raw({}, '[]'), 'proof-malformed'],
    ['claims that are null', () => raw({}, 'null'), 'proof-malformed'],
    ['a short id', () => raw({}, { jti: 'a'.repeat(21) }), 'proof-malformed'],
    ['an id with a separator', () => raw({}, { jti: `${'a'.repeat(22)}#` }), 'proof-malformed'],
    ['a time with a fraction', () => raw({}, { iat: nowMs / 1000 + 0.5 }), 'proof-malformed'],
    ['a time as text', () => raw({}, { iat: `${nowMs / 1000}` }), 'proof-malformed'],
    ['another type', () => raw({ typ: 'JWT' }), 'proof-type'],
    ['another key', () => raw({}, {}, stranger.privateKey), 'proof-signature'],
    [
      'a key in the header',
      () => raw({ jwk: stranger.publicKey.export({ format: 'jwk' }) }, {}, stranger.privateKey),
      'proof-signature',
    ],
    ['no chain', () => raw({ x5c: undefined }), 'proof-chain'],
    ['an empty chain', () => raw({ x5c: [] }), 'proof-chain'],
    ['a chain that is text', () => raw({ x5c: 'AAAA' }), 'proof-chain'],
    ['a chain of five', () => raw({ x5c: Array(5).fill('AAAA') }), 'proof-chain'],
    ['a chain in base64url', () => raw({ x5c: ['-_-_'] }), 'proof-chain'],
    ['a chain of garbage', () => raw({ x5c: ['AAAA'] }), 'proof-svid-untrusted'],
    [
      'an issuer’s certificate',
      () => raw({ x5c: [Buffer.from(issuer.certificate).toString('base64')] }),
      'proof-svid-untrusted',
    ],
    [
      'a rogue authority',
      async () => {
        const forged = leafOf({ issuer: rogue });
        return prove({ chain: [forged.certificate, rogue.certificate] }, forged);
      },
      'proof-svid-untrusted',
    ],
    [
      'another trust domain’s name',
      async () => {
        const foreign = leafOf({ uris: ['spiffe://other.test/a'] });
        return prove({}, foreign);
      },
      'proof-svid-untrusted',
    ],
    ['an expired SVID', async () => prove({}, leafOf({ notAfterMs: nowMs - 61_000 })), 'proof-svid-expired'],
    ['an SVID for later', async () => prove({}, leafOf({ notBeforeMs: nowMs + 61_000 })), 'proof-svid-not-yet-valid'],
    [
      'an algorithm that does not fit the key',
      async () => {
        const [header, ...rest] = (await raw({})).split('.');
        const decoded = JSON.parse(Buffer.from(header as string, 'base64url').toString());
        return [Buffer.from(JSON.stringify({ ...decoded, alg: 'ES384' })).toString('base64url'), ...rest].join('.');
      },
      'proof-algorithm',
    ],
    [
      'no algorithm',
      async () => {
        const [header, payload] = (await raw({})).split('.');
        const decoded = JSON.parse(Buffer.from(header as string, 'base64url').toString());
        return `${Buffer.from(JSON.stringify({ ...decoded, alg: 'none' })).toString('base64url')}.${payload}.`;
      },
      'proof-algorithm',
    ],
  ])('%s', async (_, make, reason) => {
    const { verify, used } = setUp();
    expect(await verify(await make())).toBe(reason);
    expect(used.size).toBe(0);
  });

  test('one flipped bit anywhere is seen, and nothing throws', async () => {
    const proof = await prove();
    await fc.assert(
      fc.asyncProperty(fc.nat(proof.length - 1), fc.integer({ min: 1, max: 127 }), async (at, bits) => {
        const flipped = proof.slice(0, at) + String.fromCharCode(proof.charCodeAt(at) ^ bits) + proof.slice(at + 1);
        expect(await setUp().verify(flipped)).toMatch(/^proof-/);
      }),
      { numRuns: 60 },
    );
  });

  test('a replay guard that fails is no permission', async () => {
    const { verify } = setUp();
    const consume = () => Promise.reject(new Error('down'));
    await expect(verify(await prove(), { consume })).rejects.toThrow('down');
  });
});
