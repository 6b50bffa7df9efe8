/**
 * Requests over `node:http` and `node:https`, on connections that are kept. An instance that was frozen for a while wakes up
 * with connections that the other side has closed: what was idle for longer than a moment is not used again, since the first
 * conditional write on it would be lost and must not be repeated.
 */
import type { IncomingHttpHeaders } from 'node:http';
import https from 'node:https';

export interface RequestToSend {
  readonly method: string;
  readonly url: URL;
  readonly headers: { readonly [name: string]: string };
  readonly body: Uint8Array;
  readonly signal: AbortSignal;
}

export interface Sent {
  readonly status: number;
  readonly headers: IncomingHttpHeaders;
  readonly body: AsyncIterable<Uint8Array>;
}

const MAX_IDLE_MS = 4_000;
const MAX_CONNECTIONS = 64;

export type Send = (request: RequestToSend) => Promise<Sent>;

/** Rejects with the signal's reason, or as the connection does. Redirects are answers like any other. */
export function createSend(nowMs: () => number = Date.now): Send {
  let agents = createAgents();
  let usedAtMs = nowMs();

  /** Connections in use end by themselves: an agent that nobody holds any more keeps none. */
  function freshAgents() {
    if (nowMs() - usedAtMs > MAX_IDLE_MS) {
      for (const agent of Object.values(agents))
        for (const free of Object.values(agent.freeSockets)) free?.forEach(destroy);
      agents = createAgents();
    }
    usedAtMs = nowMs();
    return agents;
  }

  return ({ method, url, headers, body, signal }) =>
    new Promise((resolve, reject) => {
      signal.throwIfAborted();
      const protocol = url.protocol === 'https:' ? 'https:' : 'http:';
      const sending = moduleOf(protocol).request(url, {
        method,
        headers: { ...headers, ...(body.length > 0 && { 'content-length': String(body.length) }) },
        agent: freshAgents()[protocol],
        signal,
      });
      sending.on('error', (fault) => reject(signal.aborted ? signal.reason : fault));
      sending.on('response', (answer) => {
        usedAtMs = nowMs();
        resolve({ status: answer.statusCode ?? 0, headers: answer.headers, body: answer });
      });
      sending.end(body);
    });
}

/**
 * An `import` of `node:http` reads all that it exports, and so loads Node's own `fetch` (it re-exports `WebSocket`): a start
 * would pay 28 ms for a protocol that only stand-ins speak.
 */
const moduleOf = (protocol: 'http:' | 'https:') =>
  protocol === 'https:' ? https : process.getBuiltinModule('node:http');

function createAgents() {
  const options = { keepAlive: true, maxSockets: MAX_CONNECTIONS };
  return { 'https:': new https.Agent(options), 'http:': new (moduleOf('http:').Agent)(options) };
}

const destroy = (socket: { destroy(): unknown }) => void socket.destroy();
