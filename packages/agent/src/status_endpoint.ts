/**
 * How the agent is, for whoever watches it: `/metrics`, `/healthz` (it answers) and `/readyz` (it decides and hands out
 * identities). On a loopback address or a Unix socket alone: what it says tells services and load of this node.
 */
import { createServer, type IncomingMessage, type ServerResponse } from 'node:http';
import { BlockList, isIP } from 'node:net';
import { listenOnPort } from './listen_on_port.ts';
import type { Log } from './log.ts';
import { CONTENT_TYPES, chooseFormat, type ExpositionFormat } from './metrics/exposition.ts';
import { listenUnix, type UnixListener } from './peer/unix_listener.ts';
import type { Missing } from './readiness.ts';

/** An IP address and port of this machine, or the path of a Unix socket. */
export type StatusPlace = { readonly address: string; readonly port: number } | { readonly path: string };

export interface StatusPorts {
  readonly metrics: (format: ExpositionFormat) => Promise<string>;
  /** What is not here yet; nothing when ready. */
  readonly missing: () => readonly Missing[];
  readonly log: Log;
}

export interface StatusEndpoint {
  /** As it was bound; port 0 has become one. */
  readonly place: StatusPlace;
  /** Ends every connection; resolves when nobody listens any more. */
  close(): Promise<void>;
}

/** Whoever is on the node may connect: what one of them holds is little, and not for long. */
const BOUNDS = {
  maxHeaderSize: 8 * 1024,
  headersTimeout: 5_000,
  requestTimeout: 5_000,
  keepAliveTimeout: 65_000,
  connectionsCheckingInterval: 1_000,
} as const;
const MAX_CONNECTIONS = 50;
/** Putting the text together takes the thread that decides: not more often than this, however often it is asked for. */
const KEEP_METRICS_MS = 200;
/** Of the owner and the group. */
const SOCKET_MODE = 0o660;

const loopback = new BlockList();
loopback.addSubnet('127.0.0.0', 8, 'ipv4');
loopback.addAddress('::1', 'ipv6');

export function isLoopback(address: string): boolean {
  const family = isIP(address);
  return family !== 0 && loopback.check(address, family === 4 ? 'ipv4' : 'ipv6');
}

/** Rejects when nobody may listen there, and with `TypeError` for an address that others can reach. */
export async function listenForStatus(ports: StatusPorts, place: StatusPlace): Promise<StatusEndpoint> {
  const server = createServer(BOUNDS);
  server.maxConnections = MAX_CONNECTIONS;
  const metrics = keepFor(KEEP_METRICS_MS, ports.metrics);
  const takesHost = 'path' in place ? () => true : isOwnName;
  server.on('request', (request, response) => {
    // A body is never asked for; one that comes all the same is passed over.
    request.resume();
    describe(request, { ...ports, metrics }, takesHost)
      .catch((fault: Error): Described => {
        ports.log('error', 'status-fault', { error: fault.message });
        return [500, {}, ''];
      })
      .then((described) => write(request, response, described));
  });
  server.on('clientError', (_, socket) => socket.destroy());

  if ('path' in place) return listenOnSocket(server, ports.log, place.path);
  const { address } = place;
  if (!isLoopback(address)) throw new TypeError(`\`${address}\` is no loopback address`);
  const listener = await listenOnPort(server, place, (fault) =>
    ports.log('error', 'status-endpoint-fault', { error: fault.message }),
  );
  return { place: { address, port: listener.port }, close: listener.close };
}

async function listenOnSocket(
  server: ReturnType<typeof createServer>,
  log: Log,
  path: string,
): Promise<StatusEndpoint> {
  // Node begins to watch its time-outs when a server listens; this one is handed its connections.
  server.emit('listening');
  const listener: UnixListener = await listenUnix({
    path,
    mode: SOCKET_MODE,
    log,
    bounds: { total: MAX_CONNECTIONS, perUser: MAX_CONNECTIONS },
    onConnection: (socket) => server.emit('connection', socket),
  });
  return {
    place: { path },
    async close() {
      const closed = listener.close();
      server.close();
      server.closeAllConnections();
      await closed;
    },
  };
}

type Described = readonly [status: number, headers: { readonly [name: string]: string }, body: string];

const TEXT = { 'content-type': 'text/plain; charset=utf-8' };

async function describe(
  { method, url, headers }: IncomingMessage,
  ports: StatusPorts,
  takesHost: (host: string | undefined) => boolean,
): Promise<Described> {
  if (!takesHost(headers.host)) return [421, {}, ''];
  const path = url?.split('?', 1)[0];
  if (path !== '/metrics' && path !== '/healthz' && path !== '/readyz') return [404, {}, ''];
  if (method !== 'GET' && method !== 'HEAD') return [405, { allow: 'GET, HEAD' }, ''];
  if (path === '/healthz') return [200, TEXT, 'ok\n'];
  if (path === '/readyz') {
    const missing = ports.missing();
    return missing.length === 0 ? [200, TEXT, 'ok\n'] : [503, TEXT, `missing: ${missing.join(' ')}\n`];
  }
  const format = chooseFormat(headers.accept);
  return [200, { 'content-type': CONTENT_TYPES[format] }, await ports.metrics(format)];
}

function write(request: IncomingMessage, response: ServerResponse, [status, headers, body]: Described): void {
  response.writeHead(status, {
    ...headers,
    'cache-control': 'no-store',
    'content-length': Buffer.byteLength(body),
  });
  response.end(request.method === 'HEAD' ? undefined : body);
}

/** A web page that has its own name lead to this node (DNS rebinding) reads nothing: the browser sends that name. */
function isOwnName(host: string | undefined): boolean {
  const name = host?.replace(/:\d+$/, '').replace(/^\[(.*)\]$/, '$1') ?? '';
  return name === 'localhost' || isLoopback(name);
}

/** Also for whoever asks while the first answer is being made. */
function keepFor(keepMs: number, make: StatusPorts['metrics']): StatusPorts['metrics'] {
  const kept = new Map<ExpositionFormat, { readonly atMs: number; readonly text: Promise<string> }>();
  return (format) => {
    const nowMs = performance.now();
    const held = kept.get(format);
    if (held !== undefined && nowMs - held.atMs < keepMs) return held.text;
    const text = make(format);
    kept.set(format, { atMs: nowMs, text });
    return text;
  };
}
