import { once } from 'node:events';
import { createServer } from 'node:http';
import type { AddressInfo } from 'node:net';
import Provider from 'oidc-provider';
import { createConfiguration } from './configuration.ts';
import { type SignedIn, signInWithCode } from './sign_in.ts';
import { answerSignIn, isSignInRequest } from './sign_in_page.ts';
import { createSigningKeys, loadOrCreateSigningKeys } from './signing_keys.ts';
import type { DevelopmentUser, SignIn } from './users.ts';

export type DevelopmentProviderOptions = {
  users: readonly DevelopmentUser[];
  /** `aud` of access tokens: the name under which the protected services are known. */
  accessTokenAudience: string;
  /** 0 or absent: any free port. */
  port?: number;
  /** Default: the address it listens on. */
  issuer?: string;
  tokenLifetimeSeconds?: number;
  /** Where the signing key is kept between starts; without it a new one is made each time. */
  keysFolder?: string;
};

export type DevelopmentProvider = {
  issuer: string;
  port: number;
  /** Signs a user in through the real code flow and answers an ID token and a JWT access token. */
  signIn: (signIn: SignIn) => Promise<SignedIn>;
  stop: () => Promise<void>;
};

const LOOPBACK = '127.0.0.1';
const TOKEN_LIFETIME_SECONDS = 3600;

/**
 * Starts an OpenID Provider that lets anybody in as anybody: for development and tests, on the loopback address only.
 * Discovery, JWKS, PKCE, cookies, redirects and tokens are the real ones of npm `oidc-provider`.
 */
export async function startDevelopmentProvider(options: DevelopmentProviderOptions): Promise<DevelopmentProvider> {
  const server = createServer();
  server.listen(options.port ?? 0, LOOPBACK);
  await once(server, 'listening');
  const { port } = server.address() as AddressInfo;
  const issuer = options.issuer ?? `http://${LOOPBACK}:${port}`;
  const configuration = createConfiguration({
    users: options.users,
    accessTokenAudience: options.accessTokenAudience,
    tokenLifetimeSeconds: options.tokenLifetimeSeconds ?? TOKEN_LIFETIME_SECONDS,
    signingKeys: options.keysFolder === undefined ? createSigningKeys() : loadOrCreateSigningKeys(options.keysFolder),
  });
  const provider = new Provider(issuer, configuration);
  provider.on('server_error', (_, fault) => process.stderr.write(`development provider: ${fault.stack}\n`));
  const answer = provider.callback();
  server.on('request', (request, response) => {
    if (!isSignInRequest(request)) return void answer(request, response);
    answerSignIn(provider, options.users, request, response).catch(() => {
      response.writeHead(400).end('no sign-in is under way here');
    });
  });
  return {
    issuer,
    port,
    signIn: (signIn) => signInWithCode(issuer, signIn),
    stop: async () => {
      server.close();
      server.closeAllConnections();
      await once(server, 'close');
    },
  };
}
