/** An OpenID provider as far as the control plane looks at one: discovery, keys, and tokens made here. */
import { generateKeyPairSync } from 'node:crypto';
import { createServer } from 'node:http';
import type { AddressInfo } from 'node:net';
import { createSoftwareSigner, signJws } from '@postern/keys';

export type TokenIssuer = {
  readonly issuer: string;
  /** An access token of ten minutes. */
  readonly token: (claims: { readonly [name: string]: unknown }) => Promise<string>;
  readonly close: () => Promise<void>;
};

const LIFE_SECONDS = 600;

export async function startTokenIssuer(): Promise<TokenIssuer> {
  const { privateKey, publicKey } = generateKeyPairSync('ec', { namedCurve: 'P-256' });
  const signer = createSoftwareSigner(privateKey, 'ES256');
  const jwk = { ...publicKey.export({ format: 'jwk' }), kid: signer.keyId, alg: 'ES256', use: 'sig' };
  const documents: { [path: string]: unknown } = { '/keys': { keys: [jwk] } };
  const server = createServer((request, response) => {
    const document = documents[request.url ?? ''];
    response.writeHead(document === undefined ? 404 : 200, { 'content-type': 'application/json' });
    response.end(JSON.stringify(document ?? {}));
  });
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve));
  const issuer = `http://127.0.0.1:${(server.address() as AddressInfo).port}`;
  documents['/.well-known/openid-configuration'] = { issuer, jwks_uri: `${issuer}/keys` };
  return {
    issuer,
    token(claims) {
      const iat = Math.floor(Date.now() / 1000);
      const payload = { iss: issuer, iat, exp: iat + LIFE_SECONDS, ...claims };
      return signJws(signer, { typ: 'at+jwt', payload });
    },
    async close() {
      server.closeAllConnections();
      await new Promise((resolve) => server.close(resolve));
    },
  };
}
