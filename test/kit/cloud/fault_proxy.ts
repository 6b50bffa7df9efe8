import { createServer, type IncomingMessage, type ServerResponse } from 'node:http';
import type { AddressInfo, Socket } from 'node:net';
import { forwardCall, readWhole, sendAnswer } from './forward_call.ts';
import { type AwsService, SERVICES } from './service_faults.ts';

/**
 * What becomes of a call: `pass` reaches the service; `throttle`, `deny` and `fail` are the service's own answers;
 * `refuse` closes the port; `hang` takes the call and says nothing; `lose` does what was asked and cuts the answer off.
 */
export type Fault = 'pass' | 'throttle' | 'deny' | 'fail' | 'refuse' | 'hang' | 'lose';

export type FaultProxy = {
  /** What a client takes for the service: the value of its AWS_ENDPOINT_URL variable. */
  url: string;
  /** From now on. `operations`: only these, by the service's own names; others pass. Of `refuse` always all. */
  set: (fault: Fault, operations?: readonly string[]) => Promise<void>;
  /** How many calls of an operation came in, or of all; not what was refused a connection. */
  calls: (operation?: string) => number;
  stop: () => Promise<void>;
};

const LOOPBACK = '127.0.0.1';

/**
 * Stands before one service of the stand-in at `endpoint`. Host goes on as it came: it is signed, and the stand-in
 * verifies the signature that was made for this proxy.
 */
export async function startFaultProxy(service: AwsService, endpoint: string): Promise<FaultProxy> {
  const { operationOf, faults } = SERVICES[service];
  const target = new URL(endpoint);
  const counts = new Map<string, number>();
  const sockets = new Set<Socket>();
  const hanging = new Set<ServerResponse>();
  let current: { fault: Fault; operations: readonly string[] | undefined } = { fault: 'pass', operations: undefined };

  async function answer(incoming: IncomingMessage, response: ServerResponse): Promise<void> {
    const body = await readWhole(incoming);
    const operation = operationOf(incoming);
    counts.set(operation, (counts.get(operation) ?? 0) + 1);
    const isMeant = current.operations === undefined || current.operations.includes(operation);
    const fault = isMeant ? current.fault : 'pass';
    if (fault === 'hang' || fault === 'refuse') return void hanging.add(response);
    if (fault === 'pass' || fault === 'lose') {
      const answered = await forwardCall(target, incoming, body);
      if (fault === 'lose') response.destroy();
      else sendAnswer(response, answered);
      return;
    }
    const { status, headers, body: text } = faults[fault];
    response.writeHead(status, headers).end(text);
  }

  const server = createServer((incoming, response) => {
    answer(incoming, response).catch(() => response.destroy());
  });
  server.on('connection', (socket) => {
    sockets.add(socket);
    socket.once('close', () => sockets.delete(socket));
  });
  const listen = (port: number) => new Promise<void>((resolve) => server.listen(port, LOOPBACK, resolve));
  await listen(0);
  const { port } = server.address() as AddressInfo;
  const close = () =>
    new Promise<void>((resolve) => {
      server.close(() => resolve());
      for (const socket of sockets) socket.destroy();
    });

  return {
    url: `http://${LOOPBACK}:${port}`,
    async set(fault, operations) {
      current = { fault, operations };
      // What hangs would hang on for as long as its client waits.
      for (const response of hanging) response.destroy();
      hanging.clear();
      if (fault === 'refuse' && server.listening) await close();
      if (fault !== 'refuse' && !server.listening) await listen(port);
    },
    calls: (operation) =>
      operation === undefined
        ? [...counts.values()].reduce((sum, count) => sum + count, 0)
        : (counts.get(operation) ?? 0),
    stop: async () => {
      if (server.listening) await close();
    },
  };
}
