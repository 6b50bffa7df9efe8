import { randomBytes } from 'node:crypto';
import { type Grant, interactionPolicy } from 'oidc-provider';
import { createMemoryAdapter } from './memory_adapter.ts';
import type { PrivateJwks } from './signing_keys.ts';
import type { DevelopmentUser } from './users.ts';

/** The one registered client: a public one, so PKCE is its only proof. Its id is the audience of ID tokens. */
export const DEVELOPMENT_CLIENT_ID = 'postern-demo';
export const DEVELOPMENT_REDIRECT_URI = 'http://127.0.0.1/callback';
export const DEVELOPMENT_SCOPE = 'openid profile';

const RESOURCE = 'urn:postern:demo';
const SIGNING_ALGORITHM = 'ES256';
const USER_CLAIMS = ['email', 'groups', 'device_id'] as const;

export type ConfigurationInput = {
  users: readonly DevelopmentUser[];
  accessTokenAudience: string;
  tokenLifetimeSeconds: number;
  signingKeys: PrivateJwks;
};

type Context = {
  oidc: {
    client: { clientId: string };
    account: { accountId: string };
    provider: { Grant: new (of: { clientId: string; accountId: string }) => Grant };
    entities: { AuthorizationCode?: { authTime?: number; acr?: string; amr?: string[] } };
  };
};

/** `oidc-provider`'s configuration: code flow with PKCE, and JWT access tokens (RFC 9068) for one audience. */
export function createConfiguration(input: ConfigurationInput): object {
  const { users, accessTokenAudience, tokenLifetimeSeconds } = input;
  const findUser = (sub: string) => users.find((user) => user.sub === sub);
  const policy = interactionPolicy.base();
  policy.remove('consent');
  return {
    adapter: createMemoryAdapter(),
    jwks: input.signingKeys,
    cookies: { keys: [randomBytes(32).toString('base64url')] },
    clients: [
      {
        client_id: DEVELOPMENT_CLIENT_ID,
        application_type: 'native',
        token_endpoint_auth_method: 'none',
        redirect_uris: [DEVELOPMENT_REDIRECT_URI],
        grant_types: ['authorization_code'],
        response_types: ['code'],
        id_token_signed_response_alg: SIGNING_ALGORITHM,
        require_auth_time: true,
      },
    ],
    clientDefaults: { id_token_signed_response_alg: SIGNING_ALGORITHM },
    responseTypes: ['code'],
    scopes: ['openid'],
    claims: { openid: ['sub', 'acr', 'amr', 'auth_time'], profile: [...USER_CLAIMS] },
    // Claims by scope go into the ID token as well: there is no session with the demo's services to look them up.
    conformIdTokenClaims: false,
    pkce: { required: () => true },
    interactions: { policy, url: (_: unknown, interaction: { uid: string }) => `/interaction/${interaction.uid}` },
    ttl: {
      AccessToken: tokenLifetimeSeconds,
      IdToken: tokenLifetimeSeconds,
      AuthorizationCode: 60,
      Interaction: 600,
      Session: 3600,
      Grant: 3600,
    },
    features: {
      devInteractions: { enabled: false },
      resourceIndicators: {
        enabled: true,
        defaultResource: () => RESOURCE,
        useGrantedResource: () => true,
        getResourceServerInfo: () => ({
          scope: '',
          audience: accessTokenAudience,
          accessTokenTTL: tokenLifetimeSeconds,
          accessTokenFormat: 'jwt',
          jwt: { sign: { alg: SIGNING_ALGORITHM } },
        }),
      },
    },
    findAccount: (_: unknown, sub: string) => {
      const user = findUser(sub);
      return user === undefined ? undefined : { accountId: sub, claims: () => ({ ...user }) };
    },
    loadExistingGrant: grantEverything,
    extraTokenClaims: (context: Context, token: { accountId?: string }) => {
      const user = findUser(token.accountId ?? '');
      const { authTime, acr, amr } = context.oidc.entities.AuthorizationCode ?? {};
      const ofUser = { email: user?.email, groups: user?.groups, device_id: user?.device_id };
      return { ...ofUser, auth_time: authTime, acr, amr };
    },
  };
}

/** There is one client and it is the demo itself: nobody is asked for consent. */
async function grantEverything(context: Context): Promise<Grant> {
  const { client, account, provider } = context.oidc;
  const grant = new provider.Grant({ clientId: client.clientId, accountId: account.accountId });
  grant.addOIDCScope(DEVELOPMENT_SCOPE);
  grant.addResourceScope(RESOURCE, '');
  await grant.save();
  return grant;
}
