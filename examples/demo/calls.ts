/** HTTP calls as the demo's parties make them. The raw target goes on the wire exactly as given. */
import http from 'node:http';
import https from 'node:https';

export interface CallAnswer {
  readonly status: number;
  readonly headers: http.IncomingHttpHeaders;
  readonly body: string;
}

export interface Call {
  readonly port: number;
  readonly host: string;
  readonly method: string;
  readonly target: string;
  readonly token?: string;
  readonly headers?: { readonly [name: string]: string };
}

export const TIMEOUT_MS = 10_000;

function optionsOf(call: Call): http.RequestOptions {
  const authorization = call.token === undefined ? {} : { authorization: `Bearer ${call.token}` };
  return {
    host: '127.0.0.1',
    port: call.port,
    method: call.method,
    path: call.target,
    headers: { host: call.host, ...authorization, ...call.headers },
    timeout: TIMEOUT_MS,
    agent: false,
  };
}

export function callPlain(call: Call): Promise<CallAnswer> {
  return answerOf(http.request(optionsOf(call)));
}

/** `identity`: PEM of an SVID; none: a caller without one. The server must present exactly `serverId`. */
export function callTls(
  call: Call,
  tls: {
    readonly ca: string;
    readonly serverId: string;
    readonly identity?: { readonly cert: string; readonly key: string };
  },
): Promise<CallAnswer> {
  return answerOf(
    https.request({
      ...optionsOf(call),
      ca: tls.ca,
      ...tls.identity,
      servername: call.host,
      checkServerIdentity: (_host, certificate) =>
        certificate.subjectaltname === `URI:${tls.serverId}`
          ? undefined
          : new Error(`the server is \`${certificate.subjectaltname}\``),
    }),
  );
}

/** Sends a request without a body and reads the whole answer. */
export function answerOf(request: http.ClientRequest): Promise<CallAnswer> {
  return new Promise((resolve, reject) => {
    request.on('timeout', () => request.destroy(new Error('no answer in time')));
    request.on('error', reject);
    request.on('response', (response) => {
      const chunks: Buffer[] = [];
      response.on('data', (chunk: Buffer) => chunks.push(chunk));
      response.on('end', () =>
        resolve({
          status: response.statusCode ?? 0,
          headers: response.headers,
          body: Buffer.concat(chunks).toString('utf8'),
        }),
      );
      response.on('error', reject);
    });
    request.end();
  });
}
