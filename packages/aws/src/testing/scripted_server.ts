/** A server in AWS's place that answers as it is told, and remembers what it was asked. */
import { createServer, type IncomingHttpHeaders } from 'node:http';
import type { AddressInfo } from 'node:net';

/** `lost`: the connection breaks off after the request was taken. `none`: nothing ever comes. */
export type Answer =
  | 'lost'
  | 'none'
  | {
      readonly status: number;
      readonly headers?: { readonly [name: string]: string };
      /** An object as JSON, a text as XML. */
      readonly body?: object | string;
    };

export interface ScriptedRequest {
  readonly method: string;
  readonly url: string;
  readonly headers: IncomingHttpHeaders;
  readonly body: string;
}

export const refusal = (name: string, status = 400, more: object = {}): Answer => ({
  status,
  body: { __type: `com.amazonaws#${name}`, message: 'told to', ...more },
});

export async function startScriptedServer() {
  let answers: Answer[] = [];
  let requests: ScriptedRequest[] = [];
  const server = createServer((request, response) => {
    const chunks: Buffer[] = [];
    request.on('data', (chunk: Buffer) => chunks.push(chunk));
    request.on('end', () => {
      const { method = '', url = '', headers } = request;
      requests.push({ method, url, headers, body: Buffer.concat(chunks).toString() });
      const answer = answers.length > 1 ? answers.shift() : answers[0];
      if (answer === 'none') return;
      if (answer === undefined || answer === 'lost') return void request.socket.destroy();
      const { status, body = '' } = answer;
      const type = typeof body === 'string' ? 'application/xml' : 'application/x-amz-json-1.0';
      response.writeHead(status, { 'content-type': type, ...answer.headers });
      response.end(typeof body === 'string' ? body : JSON.stringify(body));
    });
  });
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve));
  const endpoint = `http://127.0.0.1:${(server.address() as AddressInfo).port}`;
  return {
    endpoint,
    /** What clients need to ask here. */
    settings: {
      endpoint,
      region: 'us-east-1',
      credentials: async () => ({ accessKeyId: 'test', secretAccessKey: 'test' }),
    },
    /** One a request; the last goes on. Forgets what was asked. */
    answer(...next: readonly Answer[]) {
      [answers, requests] = [[...next], []];
    },
    requests: (): readonly ScriptedRequest[] => requests,
    stop() {
      server.closeAllConnections();
      server.close();
    },
  };
}

export type ScriptedServer = Awaited<ReturnType<typeof startScriptedServer>>;
