/**
 * The HTTP flavour of ext_authz on a Unix socket. The request to decide travels in headers that the proxy's template
 * sets, and is taken from the raw header lines alone: nothing here parses a URL or joins headers.
 */
import http from 'node:http';
import type { Duplex } from 'node:stream';
import { type ClientAnswer, readHttpCheck, renderHttpAnswer } from '@postern/broker';
import { refuse } from '@postern/result';
import type { Log } from '../log.ts';
import type { PeerCredentials } from '../peer/credentials.ts';
import { listenUnix } from '../peer/unix_listener.ts';
import type { DecisionObserver } from './decision_observer.ts';
import type { Call, SettleCall } from './settle_call.ts';

/** Where the template sends every check (`path_override`), whatever the client's path is. */
export const CHECK_PATH = '/check';

/** Envoy's own limit is 60 KiB of client headers; the peer certificate and the other facts come on top. */
const MAX_HEADER_BYTES = 96 * 1024;
const HEADERS_TIMEOUT_MS = 5_000;
const REQUEST_TIMEOUT_MS = 10_000;
/** Longer than the template's `idle_timeout`: the proxy closes first, and never sends into a closing connection. */
const IDLE_TIMEOUT_MS = 150_000;
const TIMEOUT_CHECK_MS = 1_000;

export interface HttpCheckListener {
  /** Open ones, at this moment. */
  connections(): number;
  /** Ends every connection; resolves when the socket is closed. */
  close(): Promise<void>;
}

/** `mode`: of the socket file. Throws as `listenUnix`. */
export async function listenHttpCheck(
  ports: { readonly settle: SettleCall; readonly observer: Pick<DecisionObserver, 'failed'>; readonly log: Log },
  path: string,
  mode: number,
): Promise<HttpCheckListener> {
  const peers = new WeakMap<Duplex, PeerCredentials>();
  const server = http.createServer({
    maxHeaderSize: MAX_HEADER_BYTES,
    headersTimeout: HEADERS_TIMEOUT_MS,
    requestTimeout: REQUEST_TIMEOUT_MS,
    keepAliveTimeout: IDLE_TIMEOUT_MS,
    connectionsCheckingInterval: TIMEOUT_CHECK_MS,
    // Its 400 is none of our answers; the facts are in headers of their own.
    requireHostHeader: false,
  });
  // Node would silently drop the lines above its limit; the reader counts and refuses them.
  server.maxHeadersCount = 0;

  async function answer(peer: PeerCredentials | undefined, read: () => Call['request']): Promise<ClientAnswer> {
    try {
      const startMs = performance.now();
      // Without knowing who calls nothing is decided.
      if (peer === undefined) throw new Error('a connection without credentials');
      return checkAnswer(renderHttpAnswer(await ports.settle({ protocol: 'http', peer, startMs, request: read() })));
    } catch (fault) {
      ports.observer.failed('http');
      ports.log('error', 'ext-authz-fault', {
        flavour: 'http',
        error: fault instanceof Error ? fault.message : 'not an error',
      });
      return UNAVAILABLE;
    }
  }

  async function handle(request: http.IncomingMessage, response: http.ServerResponse): Promise<void> {
    // A body is never asked for; one that comes all the same is passed over.
    request.resume();
    const given = await answer(peers.get(request.socket), () => readRequest(request));
    response.writeHead(given.status, withLength(given).flat());
    response.end(given.body);
  }

  const respond = (request: http.IncomingMessage, response: http.ServerResponse) => {
    handle(request, response).catch((fault: Error) => {
      ports.log('error', 'ext-authz-not-answered', { flavour: 'http', error: fault.message });
      request.socket.destroy();
    });
  };
  server.on('request', respond);
  // Otherwise Node answers these itself, with 100 and 417.
  server.on('checkContinue', respond);
  server.on('checkExpectation', respond);
  server.on('clientError', (fault: NodeJS.ErrnoException, socket) => {
    const peer = peers.get(socket);
    if (!socket.writable || fault.code === 'ECONNRESET' || peer === undefined) return socket.destroy();
    // Not HTTP, too large or too slow; recorded like any other denial.
    void answer(peer, () =>
      refuse(fault.code === 'HPE_HEADER_OVERFLOW' ? 'request-too-large' : 'request-malformed'),
    ).then((refusal) => socket.end(formatAnswer(refusal), () => socket.destroy()));
  });

  // Node begins to watch its time-outs when a server listens; this one is handed its connections.
  server.emit('listening');
  const listener = await listenUnix({
    path,
    mode,
    log: ports.log,
    onConnection(socket, peer) {
      peers.set(socket, peer);
      server.emit('connection', socket);
    },
  });
  return {
    connections: listener.connections,
    async close() {
      const closed = listener.close();
      server.close();
      server.closeAllConnections();
      await closed;
    },
  };
}

function readRequest(request: http.IncomingMessage): Call['request'] {
  if (request.url !== CHECK_PATH) return refuse('request-malformed', 'not the check path');
  const { rawHeaders: flat } = request;
  const rawHeaders: (readonly [string, string])[] = [];
  for (let index = 0; index + 1 < flat.length; index += 2)
    rawHeaders.push([flat[index] as string, flat[index + 1] as string]);
  return readHttpCheck({ rawHeaders });
}

/** A decision that cannot be made or recorded is not given. */
const UNAVAILABLE: ClientAnswer = { status: 503, headers: [['retry-after', '1']], body: '' };
const STATUSES: ReadonlySet<number> = new Set([200, 302, 401, 403, 500, 503]);

/** Envoy lets 200 through and hands everything else to the client (X22): a 204 would look like success to it. */
function checkAnswer(answer: ClientAnswer): ClientAnswer {
  if (!STATUSES.has(answer.status)) throw new Error(`status ${answer.status} must not reach a proxy`);
  return answer;
}

const withLength = ({ headers, body }: ClientAnswer): ClientAnswer['headers'] => [
  ...headers,
  ['content-length', String(Buffer.byteLength(body))],
];

/** For a connection whose request Node could not read: it has no response object. */
function formatAnswer(answer: ClientAnswer): string {
  const lines = [...withLength(answer), ['connection', 'close'] as const].map(
    ([name, value]) => `${name}: ${value}\r\n`,
  );
  return `HTTP/1.1 ${answer.status} ${http.STATUS_CODES[answer.status]}\r\n${lines.join('')}\r\n${answer.body}`;
}
