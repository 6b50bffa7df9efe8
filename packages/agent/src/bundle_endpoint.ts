/**
 * The bundle endpoint of the trust domain as a workload (SPIFFE Federation 5.2.2, `https_spiffe`): over TLS with the agent's
 * own SVID, for whoever asks. It says what the feed says, and nothing while the feed has not spoken or is too old: a consumer
 * keeps what it has, and is never given an older bundle.
 */
import type { IncomingMessage, ServerResponse } from 'node:http';
import { createServer } from 'node:https';
import { PATHS } from '@postern/api';
import { cacheHeaders } from '@postern/ca';
import { encodePem } from '@postern/der';
import { INTERMEDIATE_TLS } from '@postern/outbound';
import { formatTrustBundle, type TrustBundle } from '@postern/spiffe';
import { listenOnPort } from './listen_on_port.ts';
import type { Log } from './log.ts';
import type { NodeIdentity } from './node_identity.ts';

export interface BundleEndpointPorts {
  /** Of the own trust domain, as the feed has it; undefined: nobody can say. */
  readonly bundle: () => TrustBundle | undefined;
  readonly identity: Pick<NodeIdentity, 'chain' | 'privateKey'>;
  readonly log: Log;
}

export interface BundleEndpoint {
  readonly address: string;
  readonly port: number;
  /** Connections from now on get this SVID. */
  present(identity: BundleEndpointPorts['identity']): void;
  /** Ends every connection; resolves when the port is closed. */
  close(): Promise<void>;
}

/** Strangers may connect: what one of them holds is little, and not for long. */
const BOUNDS = {
  maxHeaderSize: 8 * 1024,
  handshakeTimeout: 5_000,
  headersTimeout: 5_000,
  requestTimeout: 5_000,
  keepAliveTimeout: 5_000,
  connectionsCheckingInterval: 1_000,
} as const;
/** Without a byte either way: who asks and does not read its answers holds a connection no longer. */
const IDLE_TIMEOUT_MS = 5_000;
const MAX_CONNECTIONS = 200;
const MAX_REQUESTS_PER_CONNECTION = 100;

/** Rejects when nobody may listen there. `port`: 0 for any. */
export async function listenForBundles(
  ports: BundleEndpointPorts,
  { address, port }: { readonly address: string; readonly port: number },
): Promise<BundleEndpoint> {
  // No client is asked for a certificate (5.2.2.3).
  const server = createServer({
    ...INTERMEDIATE_TLS,
    ...BOUNDS,
    ALPNProtocols: ['http/1.1'],
    ...pemOf(ports.identity),
  });
  server.setTimeout(IDLE_TIMEOUT_MS);
  server.maxConnections = MAX_CONNECTIONS;
  server.maxRequestsPerSocket = MAX_REQUESTS_PER_CONNECTION;
  server.on('request', (request, response) => answer(request, response, ports.bundle()));
  server.on('tlsClientError', (_, socket) => socket.destroy());
  const listener = await listenOnPort(server, { address, port }, (fault) =>
    ports.log('error', 'bundle-endpoint-fault', { error: fault.message }),
  );
  return {
    ...listener,
    address,
    present: (identity) => server.setSecureContext({ ...INTERMEDIATE_TLS, ...pemOf(identity) }),
  };
}

function answer(request: IncomingMessage, response: ServerResponse, bundle: TrustBundle | undefined): void {
  // A body is never asked for; one that comes all the same is passed over.
  request.resume();
  const [status, headers, body] = describe(request, bundle);
  response.writeHead(status, { ...headers, 'content-length': Buffer.byteLength(body) });
  response.end(request.method === 'HEAD' || status === 304 ? undefined : body);
}

type Described = readonly [status: number, headers: { readonly [name: string]: string }, body: string];

function describe({ method, url, headers }: IncomingMessage, bundle: TrustBundle | undefined): Described {
  if (url !== PATHS.trustBundle) return [404, {}, ''];
  if (method !== 'GET' && method !== 'HEAD') return [405, { allow: 'GET, HEAD' }, ''];
  if (bundle === undefined) return [503, { 'retry-after': '60' }, ''];
  const body = formatTrustBundle(bundle);
  const described = cacheHeaders(body, bundle);
  return headers['if-none-match'] === described.etag ? [304, described, ''] : [200, described, body];
}

function pemOf({ chain, privateKey }: BundleEndpointPorts['identity']): {
  readonly cert: string;
  readonly key: string;
} {
  const pem = (der: Uint8Array) => encodePem('CERTIFICATE', der);
  return { cert: chain.map(pem).join(''), key: String(privateKey.export({ format: 'pem', type: 'pkcs8' })) };
}
