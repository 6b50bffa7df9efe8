import { mkdtempSync, rmSync, statSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { createRemoteJWKSet, decodeProtectedHeader, jwtVerify } from 'jose';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { DEVELOPMENT_CLIENT_ID, type DevelopmentProvider, startDevelopmentProvider } from './index.ts';

const AUDIENCE = 'https://services.demo.test';
const ana = { sub: 'ana', email: 'ana@demo.test', groups: ['support', 'staff'], device_id: 'laptop-1' };
const bob = { sub: 'bob', email: 'bob@demo.test', groups: [] };

describe('the development provider', () => {
  let provider: DevelopmentProvider;
  let keysOf: ReturnType<typeof createRemoteJWKSet>;

  beforeAll(async () => {
    provider = await startDevelopmentProvider({ users: [ana, bob], accessTokenAudience: AUDIENCE });
    const discovery = await fetch(`${provider.issuer}/.well-known/openid-configuration`);
    const { jwks_uri, issuer } = (await discovery.json()) as { jwks_uri: string; issuer: string };
    expect(issuer).toBe(provider.issuer);
    keysOf = createRemoteJWKSet(new URL(jwks_uri));
  });

  afterAll(() => provider.stop());

  it('gives an access token in the form of RFC 9068, verifiable with the published keys alone', async () => {
    const { accessToken } = await provider.signIn({ sub: 'ana', acr: 'urn:demo:strong', amr: ['hwk', 'mfa'] });
    const { payload, protectedHeader } = await jwtVerify(accessToken, keysOf, {
      issuer: provider.issuer,
      audience: AUDIENCE,
      typ: 'at+jwt',
    });
    expect(protectedHeader.alg).toBe('ES256');
    expect(payload).toMatchObject({
      ...ana,
      acr: 'urn:demo:strong',
      amr: ['hwk', 'mfa'],
      client_id: DEVELOPMENT_CLIENT_ID,
    });
    expect(payload['jti']).toBeTypeOf('string');
    expect(Math.abs(Number(payload['auth_time']) - Date.now() / 1000)).toBeLessThan(10);
  });

  it('gives an ID token with the same facts, for the client', async () => {
    const { idToken } = await provider.signIn({ sub: 'ana', acr: 'urn:demo:strong', amr: ['hwk'] });
    const { payload } = await jwtVerify(idToken, keysOf, { issuer: provider.issuer, audience: DEVELOPMENT_CLIENT_ID });
    expect(payload).toMatchObject({ ...ana, acr: 'urn:demo:strong', amr: ['hwk'] });
    expect(payload['auth_time']).toBeTypeOf('number');
    expect(decodeProtectedHeader(idToken).typ).not.toBe('at+jwt');
  });

  it('dates a sign-in back, so that one that is too old can be shown', async () => {
    const { accessToken, idToken } = await provider.signIn({ sub: 'ana', authTimeSecondsAgo: 7200 });
    for (const token of [accessToken, idToken]) {
      const { payload } = await jwtVerify(token, keysOf);
      expect(Math.abs(Number(payload['auth_time']) + 7200 - Date.now() / 1000)).toBeLessThan(10);
    }
  });

  it('leaves out what a user does not have', async () => {
    const { payload } = await jwtVerify((await provider.signIn({ sub: 'bob' })).accessToken, keysOf);
    expect(payload).toMatchObject({ sub: 'bob', groups: [], amr: ['pwd'] });
    expect('device_id' in payload).toBe(false);
    expect('acr' in payload).toBe(false);
  });

  it('signs in nobody whom it does not know', async () => {
    await expect(provider.signIn({ sub: 'mallory' })).rejects.toThrow('status 400');
  });

  it('takes no choice of a user from somebody without an authorization request', async () => {
    const answer = await fetch(`${provider.issuer}/interaction/x`, {
      method: 'POST',
      body: new URLSearchParams({ sub: 'ana' }),
    });
    expect(answer.status).toBe(400);
  });

  it('starts no code flow without PKCE', async () => {
    const request = new URL('/auth', provider.issuer);
    request.search = new URLSearchParams({
      client_id: DEVELOPMENT_CLIENT_ID,
      response_type: 'code',
      redirect_uri: 'http://127.0.0.1/callback',
      scope: 'openid',
    }).toString();
    const answer = await fetch(request, { redirect: 'manual' });
    expect(answer.headers.get('location')).toContain('error=invalid_request');
  });
});

describe('the signing key', () => {
  it('is kept between starts in a file that nobody else reads', async () => {
    const keysFolder = mkdtempSync(join(tmpdir(), 'postern-oidc-'));
    try {
      const keyIds: unknown[] = [];
      for (let start = 0; start < 2; start++) {
        const provider = await startDevelopmentProvider({ users: [bob], accessTokenAudience: AUDIENCE, keysFolder });
        keyIds.push(decodeProtectedHeader((await provider.signIn({ sub: 'bob' })).accessToken).kid);
        await provider.stop();
      }
      expect(keyIds[0]).toBe(keyIds[1]);
      expect(statSync(join(keysFolder, 'oidc_keys.json')).mode & 0o777).toBe(0o600);
    } finally {
      rmSync(keysFolder, { recursive: true });
    }
  });
});
