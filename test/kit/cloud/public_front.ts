import { createServer } from 'node:http';
import type { AddressInfo } from 'node:net';
import { forwardCall, readWhole, sendAnswer } from './forward_call.ts';

export type PublicFront = {
  /** Origin, as callers see it. */
  url: string;
  /** Where to, once that is known: the stand-in's address, and the name that it routes by. */
  forwardTo: (endpoint: string, host: string) => void;
  stop: () => Promise<void>;
};

/** Stands where a deployment's own domain name would: the stand-in knows an HTTP API by Host alone. `port` 0: any free one. */
export async function startPublicFront(port = 0): Promise<PublicFront> {
  let next: { endpoint: URL; host: string } | undefined;
  const server = createServer((incoming, response) => {
    const answering = readWhole(incoming).then(async (body) => {
      if (next === undefined) response.writeHead(503).end();
      else sendAnswer(response, await forwardCall(next.endpoint, incoming, body, next.host));
    });
    answering.catch(() => response.destroy());
  });
  await new Promise<void>((resolve, reject) => {
    server.once('error', reject);
    server.listen(port, '127.0.0.1', resolve);
  });
  return {
    url: `http://127.0.0.1:${(server.address() as AddressInfo).port}`,
    forwardTo(endpoint, host) {
      next = { endpoint: new URL(endpoint), host };
    },
    stop: () =>
      new Promise((resolve) => {
        server.close(() => resolve());
        server.closeAllConnections();
      }),
  };
}
