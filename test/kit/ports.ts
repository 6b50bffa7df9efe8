import { createServer, type Server } from 'node:net';

/**
 * TCP ports of 127.0.0.1 that were free a moment ago, all different. Another process may take one in between: where a
 * program can listen on port 0 and tell its port, prefer that.
 */
export async function freePorts(count: number): Promise<number[]> {
  const servers = await Promise.all(Array.from({ length: count }, () => listen(0)));
  const ports = servers.map((server) => {
    const address = server.address();
    if (address === null || typeof address === 'string') throw new Error('a TCP listener without a port');
    return address.port;
  });
  await Promise.all(servers.map((server) => new Promise((resolve) => server.close(resolve))));
  return ports;
}

export async function freePort(): Promise<number> {
  return (await freePorts(1))[0]!;
}

/** Below the ports that the kernel takes for outgoing connections (Linux: from 32768 on), of which a busy test has many. */
const RANGE_FROM = 20_000;
const RANGE_TO = 32_000;

/** First of so many ports of 127.0.0.1 in a row that were free a moment ago: for what is started again on the same ones. */
export async function freePortRange(count: number): Promise<number> {
  for (;;) {
    const first = RANGE_FROM + Math.floor(Math.random() * (RANGE_TO - RANGE_FROM));
    const opened = await Promise.allSettled(Array.from({ length: count }, (_, index) => listen(first + index)));
    const servers = opened.flatMap((result) => (result.status === 'fulfilled' ? [result.value] : []));
    await Promise.all(servers.map((server) => new Promise((resolve) => server.close(resolve))));
    if (servers.length === count) return first;
  }
}

function listen(port: number): Promise<Server> {
  return new Promise((resolve, reject) => {
    const server = createServer();
    server.once('error', reject);
    server.listen(port, '127.0.0.1', () => resolve(server));
  });
}
