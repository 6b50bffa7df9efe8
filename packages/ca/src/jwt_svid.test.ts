import { generateKeyPairSync } from 'node:crypto';
import {
  createSoftwareSigner,
  generateSoftwareSigner,
  jwkFromSpki,
  type Signer,
  SignerUnavailable,
  verifyJoseSignature,
} from '@postern/keys';
import { type CountedSigner, countSigns, createFailingSigner } from '@postern/keys/testing';
import { parseSpiffeId, verifyJwtSvid } from '@postern/spiffe';
import { StoreUnavailable } from '@postern/store';
import fc from 'fast-check';
import { createLocalJWKSet, decodeJwt, decodeProtectedHeader, type JWK, jwtVerify } from 'jose';
import { describe, expect, test } from 'vitest';
import { MAX_AUDIENCE_LENGTH, MAX_AUDIENCES } from './jwt_audience.ts';
import {
  createJwtSvidIssuer,
  DEFAULT_JWT_TTL_SECONDS,
  type JwtIssuance,
  type JwtIssuanceAudit,
  type JwtIssueRequest,
  type JwtKeys,
  MAX_JWT_TTL_SECONDS,
  MIN_JWT_TTL_SECONDS,
} from './jwt_svid.ts';
import { must, START_MS, spiffeId, trustDomain } from './testing/world.ts';
import { createTrustBundle } from './trust_bundle.ts';

const ISSUER = 'https://postern.demo.test';
const AUDIENCE = 'https://ledger.demo.test';
const SECOND_MS = 1000;

interface Options {
  readonly nowMs?: number;
  readonly audit?: Partial<JwtIssuanceAudit>;
  readonly signer?: (own: Signer) => Signer;
  readonly keys?: (own: JwtKeys) => Promise<JwtKeys>;
}

function createJwtWorld({ nowMs = START_MS, audit = {}, signer: replace, keys }: Options = {}) {
  const own = generateSoftwareSigner('ES256');
  const signer: CountedSigner = countSigns(replace?.(own) ?? own);
  const published = [jwkFromSpki(own.spki)];
  const log: (readonly [string, JwtIssuance])[] = [];
  const jwtKeys: JwtKeys = { signer: async () => signer, published };
  const issuer = createJwtSvidIssuer({
    trustDomain,
    issuer: ISSUER,
    jwtKeys: () => keys?.(jwtKeys) ?? Promise.resolve(jwtKeys),
    audit: {
      issued: async (issuance) => void log.push(['issued', issuance]),
      failed: async (issuance, reason) => void log.push([`failed ${reason}`, issuance]),
      ...audit,
    },
    clock: { nowMs: () => nowMs },
  });
  const bundle = createTrustBundle({ trustDomain, roots: [], jwtKeys: published });
  const bundles = new Map([[trustDomain as string, bundle]]);
  return {
    signer,
    log,
    published,
    issue: (over: Partial<JwtIssueRequest> = {}) =>
      issuer.issueJwtSvid({ spiffeId, audience: [AUDIENCE], requester: 'spiffe://demo.test/postern/agent/n', ...over }),
    verdict(token: string, audience = AUDIENCE, atMs = nowMs): string {
      const verified = verifyJwtSvid(token, { audience, bundles, nowMs: atMs, verifyJws: verifyJoseSignature });
      return verified.ok ? verified.value.spiffeId.uri : verified.reason;
    },
  };
}

describe('a JWT-SVID', () => {
  test('has the three headers of the standard and no other', async () => {
    const world = createJwtWorld();
    const { token } = must(await world.issue());
    expect(decodeProtectedHeader(token)).toEqual({ alg: 'ES256', kid: world.signer.keyId, typ: 'JWT' });
  });

  test('says who, for whom, by whom and how long, and nothing else', async () => {
    const issued = must(await createJwtWorld({ nowMs: START_MS + 999 }).issue({ audience: [AUDIENCE, 'b'] }));
    expect(decodeJwt(issued.token)).toEqual({
      iss: ISSUER,
      sub: 'spiffe://demo.test/payments',
      aud: [AUDIENCE, 'b'],
      iat: START_MS / 1000,
      exp: START_MS / 1000 + DEFAULT_JWT_TTL_SECONDS,
      jti: issued.tokenId,
    });
    expect(issued).toMatchObject({ issuedAtMs: START_MS, expiresAtMs: START_MS + DEFAULT_JWT_TTL_SECONDS * 1000 });
  });

  test('is taken by our own verifier and by jose, with keys from the bundle', async () => {
    const world = createJwtWorld();
    const { token } = must(await world.issue());
    expect(world.verdict(token)).toBe(spiffeId.uri);
    const verified = await jwtVerify(token, createLocalJWKSet({ keys: world.published as JWK[] }), {
      issuer: ISSUER,
      audience: AUDIENCE,
      algorithms: ['ES256'],
      typ: 'JWT',
      requiredClaims: ['iss', 'sub', 'aud', 'exp', 'iat', 'jti'],
      currentDate: new Date(START_MS),
    });
    expect(verified.payload.sub).toBe(spiffeId.uri);
  });

  test('is worth nothing to another service, after its end, or when a character is another', async () => {
    const world = createJwtWorld();
    const { token, expiresAtMs } = must(await world.issue());
    expect(world.verdict(token, 'https://other.demo.test')).toBe('jwt-svid-audience-mismatch');
    expect(world.verdict(token, AUDIENCE, expiresAtMs + 60 * SECOND_MS)).toBe('jwt-svid-expired');
    expect(createJwtWorld().verdict(token)).toBe('jwt-svid-key-unknown');
    const [header, claims, signature] = token.split('.') as [string, string, string];
    const forged = JSON.stringify({ ...decodeJwt(token), sub: 'spiffe://demo.test/admin' });
    expect(world.verdict([header, Buffer.from(forged).toString('base64url'), signature].join('.'))).toBe(
      'jwt-svid-signature',
    );
    const none = Buffer.from(JSON.stringify({ alg: 'none', kid: world.signer.keyId })).toString('base64url');
    expect(world.verdict([none, claims, signature].join('.'))).toBe('jwt-svid-algorithm');
  });

  test('is never the same twice', async () => {
    const world = createJwtWorld();
    const tokens = [must(await world.issue()), must(await world.issue())];
    expect(new Set(tokens.map(({ tokenId }) => tokenId)).size).toBe(2);
  });

  test('has a signature of 64 octets whatever the signer’s DER looks like (RFC 7518 3.4)', async () => {
    // About every 128th ECDSA signature has a short r or s: these are what a careless conversion shortens.
    const world = createJwtWorld();
    for (let times = 0; times < 400; times++) {
      const { token } = must(await world.issue());
      expect(Buffer.from(token.split('.')[2] ?? '', 'base64url')).toHaveLength(64);
    }
  });
});

describe('its life', () => {
  const lives: [wish: number | undefined, seconds: number][] = [
    [undefined, DEFAULT_JWT_TTL_SECONDS],
    [1, MIN_JWT_TTL_SECONDS],
    [MIN_JWT_TTL_SECONDS, MIN_JWT_TTL_SECONDS],
    [MIN_JWT_TTL_SECONDS + 1, MIN_JWT_TTL_SECONDS + 1],
    [MAX_JWT_TTL_SECONDS, MAX_JWT_TTL_SECONDS],
    [MAX_JWT_TTL_SECONDS + 1, MAX_JWT_TTL_SECONDS],
    [Number.POSITIVE_INFINITY, MAX_JWT_TTL_SECONDS],
  ];
  test.each(lives)('of %s s becomes %s s: minutes, never hours', async (ttlSeconds, seconds) => {
    const { issuedAtMs, expiresAtMs } = must(await createJwtWorld().issue({ ttlSeconds }));
    expect((expiresAtMs - issuedAtMs) / SECOND_MS).toBe(seconds);
  });

  test('never goes beyond that of the entry', async () => {
    const end = (seconds: number) => createJwtWorld().issue({ notAfterMs: START_MS + seconds * SECOND_MS });
    expect(must(await end(90)).expiresAtMs).toBe(START_MS + 90 * SECOND_MS);
    expect(must(await end(MIN_JWT_TTL_SECONDS)).expiresAtMs).toBe(START_MS + MIN_JWT_TTL_SECONDS * SECOND_MS);
    expect(await end(MIN_JWT_TTL_SECONDS - 1)).toMatchObject({ ok: false, reason: 'entry-ending' });
    expect(await end(-1)).toMatchObject({ ok: false, reason: 'entry-ending' });
  });
});

describe('nothing is signed or recorded', () => {
  const long = 'a'.repeat(MAX_AUDIENCE_LENGTH);
  const many = Array.from({ length: MAX_AUDIENCES }, (_, index) => `audience-${index}`);
  const refused: [what: string, audience: readonly string[], reason: string][] = [
    ['for nobody', [], 'audience-missing'],
    ['for an empty audience', [''], 'audience-empty'],
    ['for an empty one among others', ['a', ''], 'audience-empty'],
    ['for too many', [...many, 'one-more'], 'audience-too-many'],
    ['for one that is too long', [`${long}a`], 'audience-too-long'],
    ['for one with a line break', ['a\nb'], 'audience-characters'],
    ['for one with a NUL', ['a\0'], 'audience-characters'],
    ['for one with an escape sequence', ['\u001b[31ma'], 'audience-characters'],
    ['for one with a space around it', [' a'], 'audience-characters'],
    ['for one that only looks like another', ['p\u0430yments'], 'audience-characters'],
    ['for one with half a surrogate pair', ['\ud800'], 'audience-characters'],
    ['for one twice', ['a', 'a'], 'audience-repeated'],
  ];
  test.each(refused)('%s', async (_what, audience, reason) => {
    const world = createJwtWorld();
    expect(await world.issue({ audience })).toMatchObject({ ok: false, reason });
    expect([world.signer.count, world.log]).toEqual([0, []]);
  });

  test('while everything up to the bounds is', async () => {
    must(await createJwtWorld().issue({ audience: [long] }));
    must(await createJwtWorld().issue({ audience: many }));
    must(await createJwtWorld().issue({ audience: ['//iam.googleapis.com/projects/1/locations/global'] }));
  });

  test.each(['spiffe://other.test/payments', 'spiffe://demo.test'])('in the name of %s', async (uri) => {
    const world = createJwtWorld();
    const foreign = must(parseSpiffeId(uri));
    expect(await world.issue({ spiffeId: foreign })).toMatchObject({ ok: false, reason: 'subject-not-ours' });
    expect([world.signer.count, world.log]).toEqual([0, []]);
  });

  test('with a key that no verifier knows yet', async () => {
    const stranger = generateSoftwareSigner('ES256');
    const world = createJwtWorld({ keys: async (own) => ({ ...own, signer: async () => stranger }) });
    await expect(world.issue()).rejects.toThrow(/not in the trust bundle/);
    expect(world.log).toEqual([]);
  });

  test('with an algorithm that the standard does not have', async () => {
    const edwards = createSoftwareSigner(generateKeyPairSync('ed25519').privateKey, 'EdDSA');
    const keys = async () => ({ signer: async () => edwards, published: [jwkFromSpki(edwards.spki)] });
    await expect(createJwtWorld({ keys }).issue()).rejects.toThrow(/EdDSA/);
  });

  test('whatever audiences come: a token or a reason, never a fault', async () => {
    const world = createJwtWorld();
    const audiences = fc.array(fc.oneof(fc.string(), fc.string({ unit: 'binary' })), { maxLength: 14 });
    await fc.assert(
      fc.asyncProperty(audiences, async (audience) => {
        const issued = await world.issue({ audience });
        const verdict = issued.ok ? world.verdict(issued.value.token, audience[0]) : issued.reason;
        expect(verdict).toMatch(/^(spiffe:\/\/demo\.test\/payments|audience-[a-z-]+)$/);
      }),
    );
  });
});

describe('the record', () => {
  test('is there before the token is signed, says for whom, and does not hold the token', async () => {
    const world = createJwtWorld();
    const { token, ...issuance } = must(await world.issue({ entryId: 'entry-1' }));
    expect(world.log).toEqual([['issued', issuance]]);
    expect(Object.keys(issuance).sort()).toEqual([
      'audience',
      'entryId',
      'expiresAtMs',
      'issuedAtMs',
      'keyId',
      'requester',
      'spiffeId',
      'tokenId',
    ]);
    for (const part of token.split('.')) expect(JSON.stringify(world.log)).not.toContain(part);
  });

  test('comes before the key is used', async () => {
    let signs = -1;
    const world = createJwtWorld({
      audit: {
        issued: async () => {
          signs = world.signer.count;
        },
      },
    });
    must(await world.issue());
    expect([signs, world.signer.count]).toEqual([0, 1]);
  });

  test('that cannot be kept keeps the key from being used', async () => {
    const issued = async () => {
      throw new StoreUnavailable('the table is away');
    };
    const world = createJwtWorld({ audit: { issued } });
    await expect(world.issue()).rejects.toThrow(StoreUnavailable);
    expect(world.signer.count).toBe(0);
  });

  test('says that the key could not be used, and the caller may try again', async () => {
    const world = createJwtWorld({ signer: createFailingSigner });
    expect(await world.issue()).toMatchObject({ ok: false, reason: 'authority-unavailable' });
    expect(world.log.map(([what]) => what)).toEqual(['issued', 'failed authority-unavailable']);
    expect(new Set(world.log.map(([, { tokenId }]) => tokenId)).size).toBe(1);
  });

  test('is not made for a key that cannot even be looked up', async () => {
    const keys = async () => {
      throw new SignerUnavailable('away');
    };
    const world = createJwtWorld({ keys });
    expect(await world.issue()).toMatchObject({ ok: false, reason: 'authority-unavailable' });
    expect(world.log).toEqual([]);
  });

  test('says that the signer answered nonsense, which nobody gets to see', async () => {
    const signer = (own: Signer): Signer => ({ ...own, sign: async () => new Uint8Array(64) });
    const world = createJwtWorld({ signer });
    await expect(world.issue()).rejects.toThrow(/malformed ECDSA signature/);
    expect(world.log.map(([what]) => what)).toEqual(['issued', 'failed signer-fault']);
  });
});

test('a token costs one use of the key', async () => {
  const world = createJwtWorld();
  for (let times = 0; times < 10; times++) must(await world.issue());
  expect(world.signer.count).toBe(10);
});
