/** An HTTP server of the agent on an address and port, and its end. */
import type { Server } from 'node:http';
import type { Server as TlsServer } from 'node:https';
import type { AddressInfo } from 'node:net';

export interface PortListener {
  /** As it was bound: 0 has become one. */
  readonly port: number;
  /** Ends every connection; resolves when the port is closed. */
  close(): Promise<void>;
}

/** Rejects when nobody may listen there. `onFault`: of the server, once it listens. */
export async function listenOnPort(
  server: Server | TlsServer,
  { address, port }: { readonly address: string; readonly port: number },
  onFault: (fault: Error) => void,
): Promise<PortListener> {
  await new Promise<void>((resolve, reject) => {
    server.once('error', reject);
    server.listen(port, address, () => {
      server.off('error', reject);
      resolve();
    });
  });
  server.on('error', onFault);
  return {
    port: (server.address() as AddressInfo).port,
    close: () =>
      new Promise((resolve) => {
        server.close(() => resolve());
        server.closeAllConnections();
      }),
  };
}
