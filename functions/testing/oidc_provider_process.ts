/** An OpenID provider in a process of its own, as a CI service has one: `node oidc_provider_process.ts`; says where it is. */
import { createServer } from 'node:http';
import type { AddressInfo } from 'node:net';
import Provider from 'oidc-provider';

const server = createServer();
await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve));
const issuer = `http://127.0.0.1:${(server.address() as AddressInfo).port}`;

/** The job is the client; what a job is for is the resource that it asks for (RFC 8707). */
const provider = new Provider(issuer, {
  clients: [
    {
      client_id: 'build-7',
      client_secret: 'a-secret-of-the-job',
      grant_types: ['client_credentials'],
      redirect_uris: [],
      response_types: [],
    },
  ],
  features: {
    devInteractions: { enabled: false },
    clientCredentials: { enabled: true },
    resourceIndicators: {
      enabled: true,
      defaultResource: () => 'https://nobody.test',
      getResourceServerInfo: (_context: unknown, resource: string) => ({
        scope: '',
        audience: resource,
        accessTokenFormat: 'jwt',
        accessTokenTTL: 300,
        jwt: { sign: { alg: 'RS256' } },
      }),
    },
  },
});
server.on('request', provider.callback());
process.stdout.write(`${JSON.stringify({ issuer })}\n`);
