import { createHash, createHmac, generateKeyPairSync, type KeyObject } from 'node:crypto';
import { createSoftwareSigner, signJws } from '@postern/keys';
import fc from 'fast-check';
import * as jose from 'jose';
import { describe, expect, test } from 'vitest';
import type { TokenKeySet, UserTokenIssuer } from './user_identity.ts';
import { createUserTokenVerifier, MAX_USER_TOKEN_LENGTH, type UserTokenInput, verifyUserToken } from './user_token.ts';

const nowMs = Date.parse('2026-11-24T10:00:00Z');
const nowSeconds = nowMs / 1000;
const ISSUER = 'https://idp.demo.test';
const OTHER = 'https://other.demo.test';

const ec = () => generateKeyPairSync('ec', { namedCurve: 'P-256' });
const [own, rotated, others] = [ec(), ec(), ec()];
const rsa = generateKeyPairSync('rsa', { modulusLength: 2048 });
const weak = generateKeyPairSync('rsa', { modulusLength: 1024 });
const edwards = generateKeyPairSync('ed25519');
const jwk = (key: KeyObject, members: object) => ({ ...key.export({ format: 'jwk' }), ...members });

const keySet: TokenKeySet = {
  keys: [
    jwk(own.publicKey, { kid: 'own', alg: 'ES256', use: 'sig' }),
    jwk(rsa.publicKey, { kid: 'rsa', use: 'sig' }),
    jwk(weak.publicKey, { kid: 'weak' }),
    jwk(edwards.publicKey, { kid: 'edwards' }),
    jwk(ec().publicKey, { kid: 'encryption', use: 'enc' }),
    jwk(ec().publicKey, { kid: 'derive', key_ops: ['deriveKey'] }),
    { kty: 'EC', kid: 'broken', crv: 'P-256', x: 'AA', y: 'AA' },
    { kty: 'oct', kid: 'secret', k: 'AAAA' },
  ],
};
const othersKeySet: TokenKeySet = { keys: [jwk(others.publicKey, { kid: 'own', alg: 'ES256' })] };
const issuer: UserTokenIssuer = {
  issuer: ISSUER,
  audiences: ['https://payments.demo.test', 'console'],
  algorithms: ['ES256', 'RS256', 'PS256', 'EdDSA'],
  tokens: ['access-token', 'id-token'],
  groupsClaim: 'groups',
  groups: { 'idp-support': 'support', 'idp-admins': 'admins' },
  deviceClaim: 'device_id',
};
const otherIssuer: UserTokenIssuer = { ...issuer, issuer: OTHER, tokens: ['access-token'], algorithms: ['ES256'] };
const input: UserTokenInput = {
  issuers: [issuer, otherIssuer],
  keysOf: (name) => (name === ISSUER ? keySet : name === OTHER ? othersKeySet : undefined),
  nowMs,
};

const header = { alg: 'ES256', typ: 'at+jwt', kid: 'own' };
const claims = {
  iss: ISSUER,
  sub: 'alice',
  aud: 'https://payments.demo.test',
  client_id: 'console',
  iat: nowSeconds - 10,
  exp: nowSeconds + 300,
  jti: 'token-1',
};
type Changes = { readonly [name: string]: unknown };
const sign = (
  changes: { readonly header?: Changes; readonly claims?: Changes; readonly key?: KeyObject } = {},
): Promise<string> =>
  new jose.CompactSign(Buffer.from(JSON.stringify({ ...claims, ...changes.claims })))
    .setProtectedHeader(JSON.parse(JSON.stringify({ ...header, ...changes.header })))
    .sign(changes.key ?? own.privateKey);
const segment = (value: unknown) => Buffer.from(JSON.stringify(value)).toString('base64url');
const reasonOf = (token: string, change: Partial<UserTokenInput> = {}) => {
  const verified = verifyUserToken(token, { ...input, ...change });
  return verified.ok ? 'verified' : verified.reason;
};

describe('a token in order names its user', () => {
  test('with everything the provider says, mapped', async () => {
    const token = await sign({
      claims: {
        email: 'alice@demo.test',
        email_verified: true,
        groups: ['idp-support', 'idp-support', 'unmapped', '__proto__', 'constructor'],
        auth_time: nowSeconds - 100,
        acr: 'urn:mfa',
        amr: ['pwd', 'otp'],
        device_id: 'laptop-1',
        sid: 'session-1',
      },
    });
    expect(verifyUserToken(token, input)).toEqual({
      ok: true,
      value: {
        issuer: ISSUER,
        subject: 'alice',
        email: 'alice@demo.test',
        groups: ['support'],
        authTimeMs: nowMs - 100_000,
        acr: 'urn:mfa',
        amr: ['pwd', 'otp'],
        deviceId: 'laptop-1',
        issuedAtMs: nowMs - 10_000,
        expiresAtMs: nowMs + 300_000,
        tokenId: 'token-1',
        sessionId: 'session-1',
        tokenDigest: createHash('sha256').update(token).digest('base64url'),
      },
    });
  });

  test.each<[string, string, KeyObject]>([
    ['RS256', 'rsa', rsa.privateKey],
    ['PS256', 'rsa', rsa.privateKey],
    ['EdDSA', 'edwards', edwards.privateKey],
  ])('signed by jose with %s', async (alg, kid, key) => {
    expect(reasonOf(await sign({ header: { alg, kid }, key }))).toBe('verified');
  });

  test('what our own signer signs, jose verifies as an RFC 9068 access token, and we do', async () => {
    const token = await signJws(createSoftwareSigner(own.privateKey, 'ES256'), {
      typ: 'at+jwt',
      header: { kid: 'own' },
      payload: claims,
    });
    const options = { issuer: ISSUER, audience: claims.aud, typ: 'at+jwt', currentDate: new Date(nowMs) };
    await expect(jose.jwtVerify(token, own.publicKey, options)).resolves.toMatchObject({ payload: { sub: 'alice' } });
    expect(reasonOf(token)).toBe('verified');
  });

  test('without `kid` only while one key fits', async () => {
    const token = await sign({ header: { kid: undefined } });
    expect(reasonOf(token)).toBe('verified');
    const two = { keys: [...keySet.keys, jwk(rotated.publicKey, { kid: 'rotated' })] };
    expect(reasonOf(token, { keysOf: () => two })).toBe('token-key-unknown');
  });

  test('an ID token by configuration, with or without a type', async () => {
    expect(reasonOf(await sign({ header: { typ: 'JWT' } }))).toBe('verified');
    expect(reasonOf(await sign({ header: { typ: undefined }, claims: { aud: ['console'], azp: 'console' } }))).toBe(
      'verified',
    );
    expect(reasonOf(await sign({ header: { typ: 'application/at+jwt' } }))).toBe('verified');
  });

  test('an address that the provider did not verify names nobody', async () => {
    for (const isVerified of [false, undefined, 'true']) {
      const token = await sign({ claims: { email: 'root@demo.test', email_verified: isVerified } });
      expect(verifyUserToken(token, input)).toMatchObject({
        ok: true,
        value: expect.not.objectContaining({ email: expect.anything() }),
      });
    }
  });
});

describe('a forged or foreign token names nobody', () => {
  const publicPem = own.publicKey.export({ type: 'spki', format: 'pem' });
  const hmac = () => {
    const signed = `${segment({ ...header, alg: 'HS256' })}.${segment(claims)}`;
    return `${signed}.${createHmac('sha256', publicPem).update(signed).digest('base64url')}`;
  };
  const tampered = async (changes: Changes) => {
    const [first, , last] = (await sign()).split('.');
    return `${first}.${segment({ ...claims, ...changes })}.${last}`;
  };

  test.each<[string, () => string | Promise<string>, string]>([
    ['alg none', () => `${segment({ ...header, alg: 'none' })}.${segment(claims)}.`, 'token-algorithm'],
    ['alg None', () => `${segment({ ...header, alg: 'None' })}.${segment(claims)}.`, 'token-algorithm'],
    [
      'alg none with the good signature',
      async () => `${segment({ alg: 'none', typ: 'at+jwt' })}.${(await sign()).split('.').slice(1).join('.')}`,
      'token-algorithm',
    ],
    ['HS256 with the public key', hmac, 'token-algorithm'],
    [
      'an algorithm the issuer does not use',
      () => sign({ header: { alg: 'ES256' }, claims: { iss: OTHER } }),
      'token-signature',
    ],
    ['an RSA key for an EC key id', () => sign({ header: { alg: 'RS256' }, key: rsa.privateKey }), 'token-key-unknown'],
    ['no signature', async () => `${(await sign()).split('.').slice(0, 2).join('.')}.`, 'token-signature'],
    ['another subject', () => tampered({ sub: 'root' }), 'token-signature'],
    ['a longer life', () => tampered({ exp: nowSeconds + 9e6 }), 'token-signature'],
    ['another issuer’s key', () => sign({ key: others.privateKey }), 'token-signature'],
    ['another issuer’s name', () => sign({ claims: { iss: OTHER } }), 'token-signature'],
    ['an issuer nobody configured', () => sign({ claims: { iss: 'https://evil.test' } }), 'token-issuer-unknown'],
    ['an issuer with a slash more', () => sign({ claims: { iss: `${ISSUER}/` } }), 'token-issuer-unknown'],
    ['no issuer', () => sign({ claims: { iss: undefined } }), 'token-issuer-unknown'],
    ['an unknown key id', () => sign({ header: { kid: 'next' } }), 'token-key-unknown'],
    ['a key id that is a path', () => sign({ header: { kid: '../../../dev/null' } }), 'token-key-unknown'],
    ['a key id that is a query', () => sign({ header: { kid: "own' OR '1'='1" } }), 'token-key-unknown'],
    ['an encryption key', () => sign({ header: { kid: 'encryption' } }), 'token-key-unknown'],
    ['a key for other operations', () => sign({ header: { kid: 'derive' } }), 'token-key-unknown'],
    ['a broken key', () => sign({ header: { kid: 'broken' } }), 'token-key-unknown'],
    ['a symmetric key', () => sign({ header: { kid: 'secret' } }), 'token-key-unknown'],
    ['a key set by URL', () => sign({ header: { jku: 'https://evil.test/jwks' } }), 'token-header'],
    ['a certificate by URL', () => sign({ header: { x5u: 'https://evil.test/x5u' } }), 'token-header'],
    ['a key of its own', () => sign({ header: { jwk: others.publicKey.export({ format: 'jwk' }) } }), 'token-header'],
    ['a certificate of its own', () => sign({ header: { x5c: ['AAAA'] } }), 'token-header'],
    ['an unencoded payload', () => `${segment({ ...header, b64: false })}.${segment(claims)}.AAAA`, 'token-header'],
    ['a critical extension', () => `${segment({ ...header, crit: ['exp'] })}.${segment(claims)}.AAAA`, 'token-header'],
    ['a DPoP proof', () => sign({ header: { typ: 'dpop+jwt' } }), 'token-type'],
    ['a logout token', () => sign({ header: { typ: 'logout+jwt' } }), 'token-type'],
    ['an untyped logout token', () => sign({ header: { typ: undefined }, claims: { events: {} } }), 'token-type'],
    ['a security event', () => sign({ header: { typ: 'secevent+jwt' } }), 'token-type'],
    ['a transaction token', () => sign({ header: { typ: 'txntoken+jwt' } }), 'token-type'],
    ['another audience', () => sign({ claims: { aud: 'https://other.demo.test' } }), 'token-audience'],
    ['a prefix of the audience', () => sign({ claims: { aud: 'https://payments.demo' } }), 'token-audience'],
    ['no audience', () => sign({ claims: { aud: undefined } }), 'token-claims'],
    ['an empty audience list', () => sign({ claims: { aud: [] } }), 'token-audience'],
    [
      'an ID token of another client',
      () => sign({ header: { typ: 'JWT' }, claims: { aud: ['console'], azp: 'x' } }),
      'token-audience',
    ],
    [
      'an ID token for several',
      () => sign({ header: { typ: 'JWT' }, claims: { aud: ['console', 'x'] } }),
      'token-audience',
    ],
    ['a token bound by DPoP', () => sign({ claims: { cnf: { jkt: 'x' } } }), 'token-bound'],
    ['a token bound by mTLS', () => sign({ claims: { cnf: { 'x5t#S256': 'x' } } }), 'token-bound'],
    ['an expired token', () => sign({ claims: { exp: nowSeconds - 60 } }), 'token-expired'],
    ['no expiry', () => sign({ claims: { exp: undefined } }), 'token-claims'],
    ['an expiry as text', () => sign({ claims: { exp: '9999999999' } }), 'token-claims'],
    ['an expiry in milliseconds', () => sign({ claims: { exp: nowMs * 1000 } }), 'token-claims'],
    ['no issuing time', () => sign({ claims: { iat: undefined } }), 'token-claims'],
    ['an issuing time to come', () => sign({ claims: { iat: nowSeconds + 61 } }), 'token-not-yet-valid'],
    ['a token for later', () => sign({ claims: { nbf: nowSeconds + 61 } }), 'token-not-yet-valid'],
    ['a sign-in to come', () => sign({ claims: { auth_time: nowSeconds + 61 } }), 'token-not-yet-valid'],
    ['no subject', () => sign({ claims: { sub: undefined } }), 'token-claims'],
    ['an empty subject', () => sign({ claims: { sub: '' } }), 'token-claims'],
    ['a subject with a line break', () => sign({ claims: { sub: 'a\nb' } }), 'token-claims'],
    ['a subject as number', () => sign({ claims: { sub: 1 } }), 'token-claims'],
    ['a long subject', () => sign({ claims: { sub: 'a'.repeat(513) } }), 'token-claims'],
    ['groups as an object', () => sign({ claims: { groups: { 'idp-admins': true } } }), 'token-claims'],
    ['groups of numbers', () => sign({ claims: { groups: [1] } }), 'token-claims'],
    ['methods as text', () => sign({ claims: { amr: 'mfa' } }), 'token-claims'],
    ['a device as number', () => sign({ claims: { device_id: 7 } }), 'token-claims'],
    ['claims that are a list', () => `${segment(header)}.${segment([claims])}.AAAA`, 'token-malformed'],
    ['claims that are no JSON', () => `${segment(header)}.AAAA.AAAA`, 'token-malformed'],
    ['two parts', () => 'a.b', 'token-malformed'],
    ['five parts (encrypted)', () => 'a.b.c.d.e', 'token-malformed'],
    [
      'a duplicate header member',
      async () =>
        `${Buffer.from('{"alg":"ES256","kid":"own","typ":"at+jwt","alg":"none"}').toString('base64url')}.${segment(claims)}.AAAA`,
      'token-malformed',
    ],
    ['nothing', () => '', 'token-malformed'],
    ['8 KiB and a byte', () => 'a'.repeat(MAX_USER_TOKEN_LENGTH + 1), 'token-too-large'],
    ['100 kB', () => sign({ claims: { padding: 'a'.repeat(100_000) } }), 'token-too-large'],
  ])('%s', async (_, make, reason) => {
    expect(reasonOf(await make())).toBe(reason);
  });

  test('an RSA key below 2,048 bits proves nothing', () => {
    const signed = `${segment({ alg: 'RS256', kid: 'weak', typ: 'at+jwt' })}.${segment(claims)}`;
    expect(reasonOf(`${signed}.AAAA`)).toBe('token-key-unknown');
  });

  test('an issuer that takes no ID tokens takes none', async () => {
    const token = await sign({
      header: { typ: 'JWT' },
      claims: { iss: OTHER, aud: 'console' },
      key: others.privateKey,
    });
    expect(reasonOf(token)).toBe('token-type');
  });

  test('an issuer whose keys have not arrived vouches for nobody', async () => {
    expect(reasonOf(await sign(), { keysOf: () => undefined })).toBe('token-keys-missing');
  });

  test('time counts to the second, with the skew allowed', async () => {
    expect(reasonOf(await sign({ claims: { exp: nowSeconds - 59 } }))).toBe('verified');
    expect(reasonOf(await sign({ claims: { exp: nowSeconds } }), { skewMs: 0 })).toBe('token-expired');
    expect(reasonOf(await sign({ claims: { iat: nowSeconds + 60, nbf: nowSeconds + 60 } }))).toBe('verified');
  });

  test('one flipped bit anywhere is seen, and nothing throws', async () => {
    const token = await sign();
    fc.assert(
      fc.property(fc.nat(token.length - 1), fc.integer({ min: 1, max: 127 }), (at, bits) => {
        const flipped = token.slice(0, at) + String.fromCharCode(token.charCodeAt(at) ^ bits) + token.slice(at + 1);
        expect(reasonOf(flipped)).not.toBe('verified');
      }),
    );
  });
});

describe('what was verified once is not believed for ever', () => {
  const verifier = createUserTokenVerifier({ maxEntries: 2 });
  const verify = (token: string, change: Partial<UserTokenInput> = {}) => {
    const verified = verifier.verify(token, { ...input, ...change });
    return verified.ok ? 'verified' : verified.reason;
  };

  test('it expires, loses its keys, its issuer or its audience', async () => {
    const token = await sign();
    expect(verify(token)).toBe('verified');
    expect(verify(token)).toBe('verified');
    expect(verify(token, { nowMs: nowMs + 400_000 })).toBe('token-expired');
    expect(verify(token, { keysOf: () => ({ keys: [jwk(rotated.publicKey, { kid: 'rotated' })] }) })).toBe(
      'token-key-unknown',
    );
    expect(verify(token, { keysOf: () => undefined })).toBe('token-keys-missing');
    expect(verify(token, { issuers: [otherIssuer] })).toBe('token-issuer-unknown');
    expect(verify(token, { issuers: [{ ...issuer, audiences: ['x'] }] })).toBe('token-audience');
    expect(verify(token)).toBe('verified');
  });

  test('it looks its keys up in the cache of its own token only', async () => {
    const [good, forged] = [await sign(), `${segment({ ...header, alg: 'none' })}.${segment(claims)}.`];
    expect([verify(good), verify(forged), verify(good), verify(forged)]).toEqual([
      'verified',
      'token-algorithm',
      'verified',
      'token-algorithm',
    ]);
  });

  test('a flood of tokens holds no memory', async () => {
    for (let count = 0; count < 10; count++)
      expect(verify(await sign({ claims: { jti: `${count}` } }))).toBe('verified');
    expect(verify('a'.repeat(MAX_USER_TOKEN_LENGTH + 1))).toBe('token-too-large');
  });
});
