/** A proxy that asks `authorize` over mTLS, with whatever certificate it has. */
import { request } from 'node:https';
import { encodePem } from '@postern/der';
import type { Holder } from './agents.ts';
import type { World } from './world.ts';

export interface Answer {
  readonly status: number;
  readonly headers: { readonly [name: string]: string | readonly string[] | undefined };
  readonly body: string;
}

/** What the proxy template sets for `GET /balance` at `payments`, without a caller's certificate. */
export const FACTS: { readonly [name: string]: string } = {
  'x-postern-service': 'payments',
  'x-postern-method': 'GET',
  'x-postern-target': '/balance',
  'x-postern-authority': 'payments.demo.test',
  'x-postern-scheme': 'https',
};

/** `holder`: whose certificate the proxy shows; none when undefined. */
export function ask(
  world: World,
  holder: Pick<Holder, 'chain' | 'privateKey'> | undefined,
  headers: { readonly [name: string]: string | string[] | undefined } = FACTS,
): Promise<Answer> {
  const shown = holder && {
    cert: holder.chain.map((der) => encodePem('CERTIFICATE', der)).join(''),
    key: holder.privateKey.export({ format: 'pem', type: 'pkcs8' }),
  };
  return new Promise((resolve, reject) => {
    // Its own trust in the server is not what is tested here.
    const asking = request(world.authorizeUrl, { ...shown, rejectUnauthorized: false, agent: false }, (response) => {
      const chunks: Buffer[] = [];
      response.on('data', (chunk: Buffer) => chunks.push(chunk));
      response.on('end', () => {
        resolve({
          status: response.statusCode ?? 0,
          headers: response.headers,
          body: Buffer.concat(chunks).toString(),
        });
      });
    });
    for (const [name, value] of Object.entries(headers)) if (value !== undefined) asking.setHeader(name, value);
    asking.on('error', reject);
    asking.end();
  });
}
