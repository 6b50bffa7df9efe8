/** The two services themselves: they know nothing of certificates or policies, and answer what reached them. */
import { createServer, type Server } from 'node:http';
import type { AddressInfo } from 'node:net';

export interface Application {
  readonly port: number;
  stop(): Promise<void>;
}

/** Answers JSON with the headers that the decision set, so that the caller can see what the upstream was told. */
export async function startApplication(name: string): Promise<Application> {
  const server: Server = createServer((request, response) => {
    request.resume();
    const told = Object.fromEntries(
      Object.entries(request.headers).filter(([header]) => header.startsWith('x-postern-')),
    );
    response.setHeader('content-type', 'application/json');
    response.end(
      JSON.stringify({
        service: name,
        method: request.method,
        path: request.url,
        told,
        sawCredential: request.headers.authorization !== undefined,
      }),
    );
  });
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve));
  return {
    port: (server.address() as AddressInfo).port,
    stop: () =>
      new Promise((resolve) => {
        server.close(() => resolve());
        server.closeAllConnections();
      }),
  };
}
