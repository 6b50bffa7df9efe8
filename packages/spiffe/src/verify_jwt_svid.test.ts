import { generateKeyPairSync, type KeyObject } from 'node:crypto';
import { type SignatureAlgorithm, verifyParsedJws } from '@postern/keys';
import fc from 'fast-check';
import { base64url, CompactSign, SignJWT } from 'jose';
import { describe, expect, test } from 'vitest';
import {
  JWT_SVID_ALGORITHMS,
  MAX_JWT_SVID_BYTES,
  parseJwtSvid,
  parseTrustDomain,
  type TrustBundle,
  type VerifyJws,
  verifyJwtSvid,
} from './index.ts';

const NOW_MS = Date.UTC(2026, 10, 24, 12);
const NOW = NOW_MS / 1000;
const ID = 'spiffe://demo.test/payments';
const AUDIENCE = 'spiffe://demo.test/storefront';

const rsa = generateKeyPairSync('rsa', { modulusLength: 2048 });
const KEYS: { readonly [keyId: string]: { readonly privateKey: KeyObject; readonly publicKey: KeyObject } } = {
  rsa,
  'P-256': generateKeyPairSync('ec', { namedCurve: 'P-256' }),
  'P-384': generateKeyPairSync('ec', { namedCurve: 'P-384' }),
  'P-521': generateKeyPairSync('ec', { namedCurve: 'P-521' }),
};
const stranger = generateKeyPairSync('ec', { namedCurve: 'P-256' });

const keyIdFor = (algorithm: string) =>
  algorithm.startsWith('ES') ? { ES256: 'P-256', ES384: 'P-384', ES512: 'P-521' }[algorithm] : 'rsa';

function bundleOf(name: string, keys: typeof KEYS): [string, TrustBundle] {
  const trustDomain = parseTrustDomain(name);
  if (!trustDomain.ok) throw new Error(trustDomain.reason);
  const jwtAuthorities = Object.entries(keys).map(([keyId, { publicKey }]) => ({
    keyId,
    jwk: publicKey.export({ format: 'jwk' }) as { readonly [name: string]: unknown },
  }));
  return [name, { trustDomain: trustDomain.value, x509Authorities: [], jwtAuthorities }];
}

const bundles = new Map([bundleOf('demo.test', KEYS), bundleOf('other.test', { theirs: stranger })]);

const verifyJws: VerifyJws = ({ algorithm, jwk, message, signature }) =>
  verifyParsedJws(
    { header: { alg: algorithm }, payload: message, signingInput: message, signature },
    { algorithms: [algorithm as SignatureAlgorithm], key: () => jwk },
  ).ok;

function verdict(token: string, options: { nowMs?: number; skewMs?: number; audience?: string } = {}): string {
  const verified = verifyJwtSvid(token, { audience: AUDIENCE, bundles, nowMs: NOW_MS, verifyJws, ...options });
  return verified.ok ? verified.value.spiffeId.uri : verified.reason;
}

const CLAIMS = { sub: ID, aud: [AUDIENCE], exp: NOW + 300, iat: NOW };
const HEADER = { alg: 'ES256', kid: 'P-256', typ: 'JWT' };

/** As somebody else's library would: jose signs whatever it is given. */
function sign(claims: object, header: object = HEADER, key: KeyObject = keyOf(header)): Promise<string> {
  const payload = new TextEncoder().encode(JSON.stringify(claims));
  return new CompactSign(payload).setProtectedHeader(header as never).sign(key);
}

function keyOf(header: { kid?: unknown }): KeyObject {
  return (KEYS[String(header.kid)] ?? (KEYS['P-256'] as typeof rsa)).privateKey;
}

/** Header and claims as text, with a signature that nobody gets to check. */
const unsigned = (header: string, claims: string) =>
  [header, claims]
    .map((part) => base64url.encode(part))
    .join('.')
    .concat('.AAAA');

describe('signatures of the nine algorithms, made by jose (JWT-SVID 2.1)', () => {
  test.each(Object.keys(JWT_SVID_ALGORITHMS))('%s', async (alg) => {
    const kid = keyIdFor(alg) as string;
    const token = await new SignJWT(CLAIMS).setProtectedHeader({ alg, kid, typ: 'JWT' }).sign(keyOf({ kid }));
    expect(verdict(token)).toBe(ID);
    const [header, claims, signature] = token.split('.') as [string, string, string];
    const other = base64url.encode(JSON.stringify({ ...CLAIMS, sub: 'spiffe://demo.test/admin' }));
    expect(verdict([header, other, signature].join('.'))).toBe('jwt-svid-signature');
    const bytes = base64url.decode(signature);
    bytes[0] = (bytes[0] as number) ^ 1;
    expect(verdict([header, claims, base64url.encode(bytes)].join('.'))).toBe('jwt-svid-signature');
    expect(verdict([header, claims, ''].join('.'))).toBe('jwt-svid-malformed');
  });
});

describe('a header that chooses the key or the rules is refused before any key is looked for', () => {
  const rows: [harm: string, header: object, expected: string][] = [
    ['in order', HEADER, ID],
    ['typ JOSE', { ...HEADER, typ: 'JOSE' }, ID],
    ['no typ', { ...HEADER, typ: undefined }, ID],
    ['typ in lower case', { ...HEADER, typ: 'jwt' }, 'jwt-svid-type'],
    ['an access token', { ...HEADER, typ: 'at+jwt' }, 'jwt-svid-type'],
    ['a WIT-SVID', { ...HEADER, typ: 'wit+jwt' }, 'jwt-svid-type'],
    ['typ null', { ...HEADER, typ: null }, 'jwt-svid-type'],
    ['no algorithm', { ...HEADER, alg: undefined }, 'jwt-svid-algorithm'],
    ['none', { ...HEADER, alg: 'none' }, 'jwt-svid-algorithm'],
    ['a shared secret', { ...HEADER, alg: 'HS256' }, 'jwt-svid-algorithm'],
    ['EdDSA', { ...HEADER, alg: 'EdDSA' }, 'jwt-svid-algorithm'],
    ['an algorithm in lower case', { ...HEADER, alg: 'es256' }, 'jwt-svid-algorithm'],
    ['an algorithm that every object has', { ...HEADER, alg: 'constructor' }, 'jwt-svid-algorithm'],
    ['a key of its own', { ...HEADER, jwk: { kty: 'EC' } }, 'jwt-svid-header'],
    ['a place to get keys', { ...HEADER, jku: 'https://evil.test' }, 'jwt-svid-header'],
    ['certificates', { ...HEADER, x5c: [] }, 'jwt-svid-header'],
    ['critical extensions', { ...HEADER, crit: ['b64'], b64: false }, 'jwt-svid-header'],
    ['a header of unknown meaning', { ...HEADER, foo: 1 }, 'jwt-svid-header'],
    ['no key id', { ...HEADER, kid: undefined }, 'jwt-svid-key-id'],
    ['an empty key id', { ...HEADER, kid: '' }, 'jwt-svid-key-id'],
    ['a key id that is a number', { ...HEADER, kid: 1 }, 'jwt-svid-key-id'],
    ['a key that nobody knows', { ...HEADER, kid: 'unknown' }, 'jwt-svid-key-unknown'],
    ['a key of another type', { ...HEADER, kid: 'rsa' }, 'jwt-svid-key-unknown'],
    ['a key of another curve', { ...HEADER, kid: 'P-384' }, 'jwt-svid-key-unknown'],
  ];
  test.each(rows)('%s', async (_harm, header, expected) => {
    const genuine = await sign(CLAIMS);
    // A real signature over the claims under the good header: only what the row changes is wrong.
    const token =
      expected === ID ? await sign(CLAIMS, header) : unsigned(JSON.stringify(header), JSON.stringify(CLAIMS));
    expect(verdict(genuine)).toBe(ID);
    expect(verdict(token)).toBe(expected);
  });
});

describe('claims (JWT-SVID 3, 4)', () => {
  const without = (name: string) => Object.fromEntries(Object.entries(CLAIMS).filter(([claim]) => claim !== name));
  const rows: [harm: string, claims: object, expected: string][] = [
    ['in order', CLAIMS, ID],
    ['further claims', { ...CLAIMS, role: 'admin', jti: 'x' }, ID],
    ['one audience as text', { ...CLAIMS, aud: AUDIENCE }, ID],
    ['one of two audiences', { ...CLAIMS, aud: ['a', AUDIENCE] }, ID],
    ['no subject', without('sub'), 'jwt-svid-subject'],
    ['a subject that is no SPIFFE ID', { ...CLAIMS, sub: 'alice' }, 'jwt-svid-subject'],
    ['a subject in upper case', { ...CLAIMS, sub: 'spiffe://DEMO.test/payments' }, 'jwt-svid-subject'],
    ['the trust domain as subject', { ...CLAIMS, sub: 'spiffe://demo.test' }, 'jwt-svid-subject'],
    ['a list of subjects', { ...CLAIMS, sub: [ID] }, 'jwt-svid-subject'],
    ['no audience', without('aud'), 'jwt-svid-audience'],
    ['an empty list of audiences', { ...CLAIMS, aud: [] }, 'jwt-svid-audience'],
    ['an empty audience', { ...CLAIMS, aud: '' }, 'jwt-svid-audience'],
    ['a number among the audiences', { ...CLAIMS, aud: [AUDIENCE, 1] }, 'jwt-svid-audience'],
    ['100 audiences', { ...CLAIMS, aud: Array.from({ length: 100 }, () => AUDIENCE) }, ID],
    ['101 audiences', { ...CLAIMS, aud: Array.from({ length: 101 }, () => AUDIENCE) }, 'jwt-svid-audience'],
    ['a token for another service', { ...CLAIMS, aud: ['spiffe://demo.test/other'] }, 'jwt-svid-audience-mismatch'],
    ['an audience that begins like ours', { ...CLAIMS, aud: `${AUDIENCE}2` }, 'jwt-svid-audience-mismatch'],
    ['an audience in upper case', { ...CLAIMS, aud: AUDIENCE.toUpperCase() }, 'jwt-svid-audience-mismatch'],
    ['no expiry', without('exp'), 'jwt-svid-expiry'],
    ['expiry as text', { ...CLAIMS, exp: String(NOW + 300) }, 'jwt-svid-expiry'],
    ['expiry in milliseconds', { ...CLAIMS, exp: NOW_MS * 1000 }, 'jwt-svid-expiry'],
    ['a negative expiry', { ...CLAIMS, exp: -1 }, 'jwt-svid-expiry'],
    ['a fraction of a second', { ...CLAIMS, exp: NOW + 0.5 }, ID],
    ['nbf as text', { ...CLAIMS, nbf: 'now' }, 'jwt-svid-time'],
    ['iat as text', { ...CLAIMS, iat: 'now' }, 'jwt-svid-time'],
    ['no iat', without('iat'), ID],
    ['a subject of another trust domain', { ...CLAIMS, sub: 'spiffe://other.test/a' }, 'jwt-svid-key-unknown'],
    ['a trust domain that nobody knows', { ...CLAIMS, sub: 'spiffe://nowhere.test/a' }, 'trust-domain-unknown'],
  ];
  test.each(rows)('%s', async (_harm, claims, expected) => {
    expect(verdict(await sign(claims))).toBe(expected);
  });

  test('a federated key never vouches for a workload of ours', async () => {
    const header = { ...HEADER, kid: 'theirs' };
    expect(verdict(await sign(CLAIMS, header, stranger.privateKey))).toBe('jwt-svid-key-unknown');
    const theirs = { ...CLAIMS, sub: 'spiffe://other.test/a' };
    expect(verdict(await sign(theirs, header, stranger.privateKey))).toBe('spiffe://other.test/a');
    expect(verdict(await sign(CLAIMS, HEADER, stranger.privateKey))).toBe('jwt-svid-signature');
  });

  const times: [claims: object, nowMs: number, skewMs: number, expected: string][] = [
    [{ exp: NOW }, NOW_MS - 1, 0, ID],
    [{ exp: NOW }, NOW_MS, 0, 'jwt-svid-expired'],
    [{ exp: NOW }, NOW_MS + 59_999, 60_000, ID],
    [{ exp: NOW }, NOW_MS + 60_000, 60_000, 'jwt-svid-expired'],
    [{ nbf: NOW }, NOW_MS, 0, ID],
    [{ nbf: NOW }, NOW_MS - 1, 0, 'jwt-svid-not-yet-valid'],
    [{ nbf: NOW }, NOW_MS - 60_000, 60_000, ID],
    [{ nbf: NOW }, NOW_MS - 60_001, 60_000, 'jwt-svid-not-yet-valid'],
    [{}, Number.NaN, 60_000, 'jwt-svid-expired'],
    [{}, NOW_MS, Number.NaN, 'jwt-svid-expired'],
  ];
  test.each(times)('%j at %d with skew %d: %s', async (claims, nowMs, skewMs, expected) => {
    expect(verdict(await sign({ ...CLAIMS, ...claims }), { nowMs, skewMs })).toBe(expected);
  });
});

describe('text that is no token', () => {
  const [header, claims] = [JSON.stringify(HEADER), JSON.stringify(CLAIMS)];
  const good = unsigned(header, claims);
  const rows: [harm: string, token: string, reason: string][] = [
    ['nothing', '', 'jwt-svid-malformed'],
    ['two parts', good.slice(0, good.lastIndexOf('.')), 'jwt-svid-malformed'],
    ['four parts', `${good}.AAAA`, 'jwt-svid-malformed'],
    ['JSON serialization', JSON.stringify({ payload: 'AA', protected: 'AA', signature: 'AA' }), 'jwt-svid-malformed'],
    ['padding', good.replace('.', '=.'), 'jwt-svid-malformed'],
    ['white space', ` ${good}`, 'jwt-svid-malformed'],
    ['a header that is a list', unsigned('[]', claims), 'jwt-svid-malformed'],
    ['alg twice', unsigned('{"alg":"none","alg":"ES256","kid":"P-256"}', claims), 'jwt-svid-malformed'],
    ['sub twice', unsigned(header, `{"sub":"spiffe://demo.test/admin",${claims.slice(1)}`), 'jwt-svid-malformed'],
    ['more than 16 KiB', good + 'A'.repeat(MAX_JWT_SVID_BYTES), 'jwt-svid-too-large'],
  ];
  test.each(rows)('%s', (_harm, token, reason) => {
    expect(parseJwtSvid(good).ok).toBe(true);
    expect(parseJwtSvid(token)).toMatchObject({ ok: false, reason });
  });

  test('never throws, and never costs a signature check', () => {
    const never: VerifyJws = () => {
      throw new Error('a signature was checked');
    };
    const options = { audience: AUDIENCE, bundles, nowMs: NOW_MS, verifyJws: never };
    const part = fc.oneof(
      fc.string(),
      fc.json().map((json) => base64url.encode(json)),
    );
    fc.assert(
      fc.property(fc.array(part, { maxLength: 5 }), (parts) => {
        expect(verifyJwtSvid(parts.join('.'), options).ok).toBe(false);
      }),
      { numRuns: 1000 },
    );
    for (let index = 0; index < good.length; index++) {
      for (const character of ['A', '.', '{', '\0', 'é']) {
        const token = good.slice(0, index) + character + good.slice(index + 1);
        parseJwtSvid(token);
      }
    }
  });
});
