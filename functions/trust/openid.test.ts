import { type JwtSvidsAnswer, PATHS } from '@postern/api';
import { generateSoftwareSigner, jwkFromSpki } from '@postern/keys';
import { parseTrustDomain, type TrustDomain } from '@postern/spiffe';
import { createRemoteJWKSet, type JWTPayload, jwtVerify, SignJWT } from 'jose';
import * as openid from 'openid-client';
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { askJwtSvids, enterWorkload, joinAgent } from '../testing/agents.ts';
import { startWorld, type World } from '../testing/world.ts';
import { renderJwks, renderOpenidConfiguration } from './openid.ts';

const AUDIENCE = 'sts.amazonaws.com';
const SUBJECT = 'spiffe://demo.test/payments';

let world: World;
let token: string;
beforeAll(async () => {
  world = await startWorld();
  const agent = await joinAgent(world, 'node-1');
  const entryId = await enterWorkload(world, agent, '/payments');
  const { svids } = (await (
    await askJwtSvids(world, agent, [{ entryId, audience: [AUDIENCE] }])
  ).json()) as JwtSvidsAnswer;
  token = svids[0]?.token ?? '';
});
afterAll(() => world.remove());

const get = (path: string, headers: Record<string, string> = {}) => fetch(world.url + path, { headers });

/** By `openid-client`, from the issuer alone: what every OpenID Connect relying party does first. */
async function discover(issuer = world.url) {
  const options = { execute: [openid.allowInsecureRequests] };
  return openid.discovery(new URL(issuer), 'relying-party', undefined, openid.None(), options);
}

/** As GitHub's, the clouds' and other relying parties do: exact issuer, own audience, key by `kid` from the set, time. */
async function relyingParty(presented: string, over: { issuer?: string; audience?: string; atMs?: number } = {}) {
  const metadata = (await discover()).serverMetadata();
  const { jwks_uri = '', id_token_signing_alg_values_supported: algorithms = [] } = metadata;
  const { issuer = metadata.issuer, audience = AUDIENCE, atMs = world.clock.nowMs() } = over;
  return jwtVerify(presented, createRemoteJWKSet(new URL(jwks_uri)), {
    issuer,
    audience,
    algorithms: algorithms as string[],
    requiredClaims: ['sub', 'iat', 'exp', 'jti'],
    currentDate: new Date(atMs),
  });
}

describe('a relying party that knows OpenID Connect and no SPIFFE', () => {
  test('finds the issuer’s own name and its keys by discovery', async () => {
    const metadata = (await discover()).serverMetadata();
    expect(metadata).toMatchObject({
      issuer: world.url,
      jwks_uri: world.url + PATHS.jwks,
      response_types_supported: ['id_token'],
      subject_types_supported: ['public'],
      id_token_signing_alg_values_supported: ['ES256'],
    });
  });

  test('takes a JWT-SVID for what it is', async () => {
    const { payload, protectedHeader } = await relyingParty(token);
    expect(payload).toMatchObject({ iss: world.url, sub: SUBJECT, aud: [AUDIENCE] });
    expect(Object.keys(protectedHeader).sort()).toEqual(['alg', 'kid', 'typ']);
    const { exp = 0, iat = 0 } = payload;
    expect(exp - iat).toBe(300);
  });

  const refusals: [what: string, over: Parameters<typeof relyingParty>[1], code: string][] = [
    ['of an issuer with another path', { issuer: 'SLASH' }, 'ERR_JWT_CLAIM_VALIDATION_FAILED'],
    ['for another audience', { audience: 'api://AzureADTokenExchange' }, 'ERR_JWT_CLAIM_VALIDATION_FAILED'],
  ];
  test.each(refusals)('refuses one %s', async (_what, over, code) => {
    const issuer = over?.issuer === 'SLASH' ? `${world.url}/` : undefined;
    await expect(relyingParty(token, { ...over, ...(issuer && { issuer }) })).rejects.toMatchObject({ code });
  });

  test('refuses one that has expired', async () => {
    const atMs = world.clock.nowMs() + 301_000;
    await expect(relyingParty(token, { atMs })).rejects.toMatchObject({ code: 'ERR_JWT_EXPIRED' });
  });

  test('refuses one by a key that is not in the set, and one that makes a secret of the public key', async () => {
    const claims = JSON.parse(Buffer.from(token.split('.')[1] ?? '', 'base64url').toString()) as JWTPayload;
    const { keys } = (await (await get(PATHS.jwks)).json()) as { keys: { kid: string }[] };
    const kid = keys[0]?.kid ?? '';
    const confused = await new SignJWT(claims)
      .setProtectedHeader({ alg: 'HS256', kid })
      .sign(Buffer.from(JSON.stringify(keys[0])));
    await expect(relyingParty(confused)).rejects.toMatchObject({ code: 'ERR_JOSE_ALG_NOT_ALLOWED' });
    const other = token.replace(
      /^[^.]+/,
      Buffer.from(JSON.stringify({ alg: 'ES256', kid: 'other' })).toString('base64url'),
    );
    await expect(relyingParty(other)).rejects.toMatchObject({ code: 'ERR_JWKS_NO_MATCHING_KEY' });
  });

  test('does not take another origin for this issuer (Discovery 4.3)', async () => {
    const elsewhere = world.url.replace('127.0.0.1', 'localhost');
    await expect(discover(elsewhere)).rejects.toThrow();
  });
});

describe('the documents', () => {
  test('of keys are two: for OpenID Connect with `alg` and `use: sig`, for SPIFFE without and with `jwt-svid`', async () => {
    const jwks = (await (await get(PATHS.jwks)).json()) as { keys: Record<string, string>[] };
    expect(jwks.keys).toHaveLength(1);
    expect(Object.keys(jwks.keys[0] ?? {}).sort()).toEqual(['alg', 'crv', 'kid', 'kty', 'use', 'x', 'y']);
    expect(jwks.keys[0]).toMatchObject({ alg: 'ES256', use: 'sig', kty: 'EC', crv: 'P-256' });
    const bundle = (await (await get(PATHS.trustBundle)).json()) as { keys: Record<string, string>[] };
    const [authority] = bundle.keys.filter(({ use }) => use === 'jwt-svid');
    expect(Object.keys(authority ?? {}).sort()).toEqual(['crv', 'kid', 'kty', 'use', 'x', 'y']);
    expect(authority?.kid).toBe(jwks.keys[0]?.kid);
  });

  test.each([PATHS.openidConfiguration, PATHS.jwks])(
    '%s is anybody’s, cached, and costs no body twice',
    async (path) => {
      const first = await get(path);
      expect(first.status).toBe(200);
      expect(first.headers.get('content-type')).toBe('application/json');
      expect(first.headers.get('cache-control')).toMatch(/^public, max-age=\d+$/);
      const again = await get(path, { 'if-none-match': first.headers.get('etag') ?? '' });
      expect([again.status, await again.text()]).toEqual([304, '']);
    },
  );

  test('name every key that verifies, each with its own algorithm', () => {
    const trustDomain = parseTrustDomain('demo.test') as { value: TrustDomain };
    const authorityOf = (algorithm: 'ES256' | 'ES384' | 'RS256') => {
      const jwk = jwkFromSpki(generateSoftwareSigner(algorithm).spki);
      return { keyId: jwk['kid'] as string, jwk };
    };
    const jwtAuthorities = [authorityOf('ES256'), authorityOf('ES384'), authorityOf('RS256'), authorityOf('ES256')];
    const bundle = { trustDomain: trustDomain.value, x509Authorities: [], jwtAuthorities };
    const { keys } = renderJwks(bundle) as { keys: { alg: string; kid: string }[] };
    expect(keys.map(({ alg }) => alg)).toEqual(['ES256', 'ES384', 'RS256', 'ES256']);
    expect(keys.map(({ kid }) => kid)).toEqual(jwtAuthorities.map(({ keyId }) => keyId));
    expect(renderOpenidConfiguration('https://p.test', bundle)).toMatchObject({
      issuer: 'https://p.test',
      jwks_uri: 'https://p.test/v1/jwks',
      id_token_signing_alg_values_supported: ['ES256', 'ES384', 'RS256'],
    });
  });
});
