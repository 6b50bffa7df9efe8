/** The one HTTP listener of the public and administrative doors. */
import type { AddressInfo } from 'node:net';
import { createAdaptorServer } from '@hono/node-server';
import { PATHS } from '@postern/api';
import { Hono } from 'hono';
import { answerProblem } from '../door/problem.ts';

export interface PublicListener {
  readonly url: string;
  /** Doors are added once their URL is known: it is part of what proofs are made for. */
  mount(apps: readonly Hono[]): void;
  close(): Promise<void>;
}

const HEADERS_TIMEOUT_MS = 10_000;
const REQUEST_TIMEOUT_MS = 60_000;

export async function listenForPublic(host: string, port: number): Promise<PublicListener> {
  let root = new Hono();
  const server = createAdaptorServer({ fetch: (request, env) => root.fetch(request, env) });
  if ('headersTimeout' in server) {
    server.headersTimeout = HEADERS_TIMEOUT_MS;
    server.requestTimeout = REQUEST_TIMEOUT_MS;
  }
  await new Promise<void>((resolve, reject) => {
    server.once('error', reject);
    server.listen(port, host, resolve);
  });
  const address = server.address() as AddressInfo;
  return {
    url: `http://${host}:${address.port}`,
    mount(apps) {
      const mounted = new Hono();
      mounted.get(PATHS.health, (context) => context.json({ status: 'ok' }));
      for (const app of apps) mounted.route('/', app);
      mounted.notFound((context) => answerProblem(context, 'not-found'));
      root = mounted;
    },
    close: () =>
      new Promise((resolve) => {
        server.close(() => resolve());
        if ('closeAllConnections' in server) server.closeAllConnections();
      }),
  };
}
