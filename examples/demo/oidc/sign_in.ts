import { createHash, randomBytes } from 'node:crypto';
import { DEVELOPMENT_CLIENT_ID, DEVELOPMENT_REDIRECT_URI, DEVELOPMENT_SCOPE } from './configuration.ts';
import { createCookieJar } from './cookie_jar.ts';
import type { SignIn } from './users.ts';

export type SignedIn = { idToken: string; accessToken: string; expiresInSeconds: number };

const MAX_REDIRECTS = 10;
const MAX_SHOWN_CHARACTERS = 500;

/**
 * Signs a user in as a browser would: authorization request with PKCE (RFC 7636), sign-in page, redirects with cookies,
 * code for tokens. Throws when the provider refuses, with what it said.
 */
export async function signInWithCode(issuer: string, signIn: SignIn): Promise<SignedIn> {
  const verifier = randomBytes(32).toString('base64url');
  const state = randomBytes(16).toString('base64url');
  const authorization = new URL('/auth', issuer);
  authorization.search = new URLSearchParams({
    client_id: DEVELOPMENT_CLIENT_ID,
    redirect_uri: DEVELOPMENT_REDIRECT_URI,
    response_type: 'code',
    scope: DEVELOPMENT_SCOPE,
    code_challenge: createHash('sha256').update(verifier).digest('base64url'),
    code_challenge_method: 'S256',
    state,
    nonce: randomBytes(16).toString('base64url'),
  }).toString();

  const callback = await followToCallback(authorization, signIn);
  const code = callback.searchParams.get('code');
  if (callback.searchParams.get('state') !== state || callback.searchParams.get('iss') !== issuer) {
    throw new Error('the answer belongs to another sign-in');
  }
  if (code === null) throw new Error(`sign-in refused: ${callback.searchParams.get('error_description')}`);
  return exchangeCode(issuer, code, verifier);
}

async function followToCallback(start: URL, signIn: SignIn): Promise<URL> {
  const jar = createCookieJar();
  let address = start;
  let form: URLSearchParams | undefined;
  for (let step = 0; step < MAX_REDIRECTS; step++) {
    const response = await fetch(address, {
      method: form === undefined ? 'GET' : 'POST',
      headers: { cookie: jar.headerFor(address) },
      redirect: 'manual',
      ...(form === undefined ? {} : { body: form }),
    });
    jar.store(response);
    const location = response.headers.get('location');
    const body = await response.text();
    if (response.status === 200 && form === undefined && address.pathname.startsWith('/interaction/')) {
      form = renderForm(signIn);
      continue;
    }
    if (location === null) {
      throw new Error(`sign-in stopped with status ${response.status}: ${body.slice(0, MAX_SHOWN_CHARACTERS)}`);
    }
    form = undefined;
    address = new URL(location, address);
    if (location.startsWith(DEVELOPMENT_REDIRECT_URI)) return address;
  }
  throw new Error(`sign-in did not end after ${MAX_REDIRECTS} redirects`);
}

function renderForm({ sub, authTimeSecondsAgo = 0, acr, amr }: SignIn): URLSearchParams {
  const form = new URLSearchParams({ sub, auth_time_seconds_ago: String(authTimeSecondsAgo) });
  if (acr !== undefined) form.set('acr', acr);
  if (amr !== undefined) form.set('amr', amr.join(' '));
  return form;
}

async function exchangeCode(issuer: string, code: string, verifier: string): Promise<SignedIn> {
  const response = await fetch(new URL('/token', issuer), {
    method: 'POST',
    body: new URLSearchParams({
      grant_type: 'authorization_code',
      client_id: DEVELOPMENT_CLIENT_ID,
      redirect_uri: DEVELOPMENT_REDIRECT_URI,
      code,
      code_verifier: verifier,
    }),
  });
  if (!response.ok) {
    throw new Error(
      `code refused with status ${response.status}: ${(await response.text()).slice(0, MAX_SHOWN_CHARACTERS)}`,
    );
  }
  const tokens = (await response.json()) as { id_token: string; access_token: string; expires_in: number };
  return { idToken: tokens.id_token, accessToken: tokens.access_token, expiresInSeconds: tokens.expires_in };
}
