/**
 * The mTLS door of `authorize`: a proxy is known by its X.509-SVID, verified by us against bundle and issuers, since TLS
 * libraries know nothing of SPIFFE. Method, target and header lines reach the function exactly as the socket brought them.
 */
import type { ServerResponse } from 'node:http';
import https from 'node:https';
import type { AddressInfo } from 'node:net';
import type { TLSSocket } from 'node:tls';
import type { ClientAnswer, EnforcementPoint } from '@postern/broker';
import type { DecisionState } from '@postern/feed';
import { createWorkloadVerifier } from '@postern/identity';
import type { Clock } from '@postern/store';
import type { Authorize } from '../authorize/authorize.ts';

export interface ServerIdentity {
  /** PEM, leaf first. */
  readonly certificates: string;
  /** PKCS#8 PEM. */
  readonly privateKey: string;
}

const MAX_HEADER_BYTES = 96 * 1024;
const HANDSHAKE_TIMEOUT_MS = 5_000;
const HEADERS_TIMEOUT_MS = 10_000;
/** Longer than the template's `idle_timeout`: the proxy closes first, and never sends into a closing connection. */
const IDLE_TIMEOUT_MS = 150_000;
const TIMEOUT_CHECK_MS = 1_000;
/** What is beyond waits for nobody: connections that say nothing, or not who they are, last seconds. */
const MAX_CONNECTIONS = 10_000;

const FORBIDDEN = 'HTTP/1.1 403 Forbidden\r\nconnection: close\r\ncontent-length: 0\r\n\r\n';
/** Of the parser and its time-outs; any other fault is one of TLS or of the connection. */
const HTTP_FAULT = /^(?:HPE_|ERR_HTTP_)/;

export interface AuthorizeListener {
  readonly url: string;
  /** After a rotation; connections that are open stay. */
  setIdentity(identity: ServerIdentity): void;
  close(): Promise<void>;
}

export async function listenForAuthorize(ports: {
  readonly authorize: Authorize;
  readonly state: () => Promise<DecisionState | undefined>;
  readonly identity: ServerIdentity;
  readonly host: string;
  readonly port: number;
  readonly clock: Clock;
}): Promise<AuthorizeListener> {
  const { clock } = ports;
  const verifier = createWorkloadVerifier({ maxEntries: 1000 });

  async function enforcementPointOf(socket: TLSSocket): Promise<EnforcementPoint | undefined> {
    const leaf = socket.getPeerX509Certificate()?.raw;
    const state = await ports.state();
    if (leaf === undefined || state === undefined) return undefined;
    const verified = verifier.verify(leaf, 'certificate', state, clock.nowMs());
    return verified.ok ? { id: verified.value.spiffeId, kind: 'svid' } : undefined;
  }

  const server = https.createServer({
    ...tlsOptions(ports.identity),
    requestCert: true,
    // Who the peer is, is decided above; a TLS library would refuse every SPIFFE peer or accept any.
    rejectUnauthorized: false,
    minVersion: 'TLSv1.2',
    maxHeaderSize: MAX_HEADER_BYTES,
    handshakeTimeout: HANDSHAKE_TIMEOUT_MS,
    headersTimeout: HEADERS_TIMEOUT_MS,
    requestTimeout: HEADERS_TIMEOUT_MS,
    keepAliveTimeout: IDLE_TIMEOUT_MS,
    connectionsCheckingInterval: TIMEOUT_CHECK_MS,
  });
  server.maxConnections = MAX_CONNECTIONS;
  server.on('request', (request, response) => {
    request.resume();
    const answering = enforcementPointOf(request.socket as TLSSocket).then((enforcementPoint) => {
      // Who is nobody does not keep a connection that a proxy could have.
      if (enforcementPoint === undefined) response.shouldKeepAlive = false;
      return ports.authorize({ rawHeaders: pairsOf(request.rawHeaders), enforcementPoint });
    });
    // An answer that cannot be written (a header that HTTP does not allow) is one that was not given.
    answering.then((answer) => write(response, answer)).catch(() => write(response, UNAVAILABLE));
  });
  // Node would answer 400 or 431, which must not reach a proxy (X22).
  server.on('clientError', (fault: NodeJS.ErrnoException, socket) => {
    // Whoever did not finish the handshake cannot be answered, and would be waited for without end.
    if (!socket.writable || !HTTP_FAULT.test(fault.code ?? '')) return socket.destroy();
    socket.end(FORBIDDEN, () => socket.destroy());
  });
  await new Promise<void>((resolve, reject) => {
    server.once('error', reject);
    server.listen(ports.port, ports.host, resolve);
  });
  const { port } = server.address() as AddressInfo;
  return {
    url: `https://${ports.host}:${port}`,
    setIdentity: (identity) => server.setSecureContext(tlsOptions(identity)),
    close: () =>
      new Promise((resolve) => {
        server.close(() => resolve());
        server.closeAllConnections();
      }),
  };
}

const UNAVAILABLE: ClientAnswer = { status: 503, headers: [['retry-after', '1']], body: '' };

function write(response: ServerResponse, answer: ClientAnswer): void {
  response.writeHead(answer.status, answer.headers.flat());
  response.end(answer.body);
}

function tlsOptions(identity: ServerIdentity) {
  return { cert: identity.certificates, key: identity.privateKey };
}

function pairsOf(rawHeaders: readonly string[]): (readonly [string, string])[] {
  const pairs: (readonly [string, string])[] = [];
  for (let index = 0; index + 1 < rawHeaders.length; index += 2)
    pairs.push([rawHeaders[index] as string, rawHeaders[index + 1] as string]);
  return pairs;
}
