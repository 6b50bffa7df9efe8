/**
 * A Lambda function URL that IAM guards, as far as its callers notice: it lets in one set of credentials by signature,
 * joins repeated headers, and refuses in the platform's words and not in ours.
 */
import { createServer as createPlainServer, type IncomingMessage, type ServerResponse } from 'node:http';
import { createServer as createTlsServer } from 'node:https';
import type { AddressInfo } from 'node:net';
import { type ReceivedCall, type SignatureReason, type SigningCredentials, verifySignature } from './sigv4.ts';

/** Temporary ones, as a role has them. */
export const TEST_CREDENTIALS = {
  accessKeyId: 'ASIAEXAMPLE',
  secretAccessKey: 'not/a+secret',
  sessionToken: 'IQoJexample//token==',
} as const satisfies SigningCredentials;
export const TEST_REGION = 'eu-central-1';

export interface FunctionUrlCall extends ReceivedCall {
  readonly signedHeaders: readonly string[];
}

export interface FunctionUrlAnswer {
  readonly status: number;
  readonly headers?: { readonly [name: string]: string };
  readonly body?: string;
}

export interface FunctionUrlServer {
  /** At 127.0.0.1. */
  readonly port: number;
  readonly url: string;
  /** Those that were let in. */
  readonly calls: readonly FunctionUrlCall[];
  /** Why others were not. */
  readonly refusals: readonly SignatureReason[];
  stop(): Promise<void>;
}

export interface FunctionUrlOptions {
  /** What the function answers; undefined: nothing, ever. */
  readonly answer: (call: FunctionUrlCall) => FunctionUrlAnswer | undefined | Promise<FunctionUrlAnswer | undefined>;
  /** PEM; plain HTTP when absent. */
  readonly tls?: { readonly key: string; readonly cert: string };
  readonly credentials?: SigningCredentials;
}

export async function startFunctionUrl(options: FunctionUrlOptions): Promise<FunctionUrlServer> {
  const { answer, tls, credentials = TEST_CREDENTIALS } = options;
  const calls: FunctionUrlCall[] = [];
  const refusals: SignatureReason[] = [];

  async function handle(request: IncomingMessage, response: ServerResponse): Promise<void> {
    const call = await receive(request);
    const expected = { credentials, region: TEST_REGION, service: 'lambda', nowMs: Date.now() };
    const signed = verifySignature(call, expected);
    if (!signed.ok) {
      refusals.push(signed.reason);
      return send(response, refusalOf(signed.reason));
    }
    const letIn = { ...call, signedHeaders: signed.value };
    calls.push(letIn);
    const given = await answer(letIn);
    if (given !== undefined) send(response, given);
  }

  const listener = (request: IncomingMessage, response: ServerResponse) =>
    void handle(request, response).catch((fault: Error) => response.destroy(fault));
  const server = tls === undefined ? createPlainServer(listener) : createTlsServer(tls, listener);
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve));
  const { port } = server.address() as AddressInfo;
  return {
    port,
    url: `${tls === undefined ? 'http' : 'https'}://127.0.0.1:${port}`,
    calls,
    refusals,
    stop() {
      const closed = new Promise<void>((resolve) => server.close(() => resolve()));
      server.closeAllConnections();
      return closed;
    },
  };
}

async function receive(request: IncomingMessage): Promise<ReceivedCall> {
  const headers = new Map<string, string>();
  const { rawHeaders: flat } = request;
  for (let index = 0; index + 1 < flat.length; index += 2) {
    const [name = '', value = ''] = [flat[index]?.toLowerCase(), flat[index + 1]];
    const before = headers.get(name);
    headers.set(name, before === undefined ? value : `${before},${value}`);
  }
  const chunks: Uint8Array[] = [];
  for await (const chunk of request) chunks.push(chunk as Uint8Array);
  return { method: request.method ?? '', target: request.url ?? '', headers, body: Buffer.concat(chunks) };
}

/** In the words of Lambda and of AWS's page on signed requests; those of `date-wrong` name the times, too. */
const WORDS: { readonly [R in SignatureReason]?: string } = {
  'credential-unknown': 'The security token included in the request is invalid.',
  'scope-wrong': 'Credential should be scoped to a valid region.',
  'date-wrong': 'Signature expired: 20260105T120000Z is now earlier than 20260105T121500Z (20260105T122000Z - 5 min.)',
  'signature-wrong':
    'The request signature we calculated does not match the signature you provided. Check your AWS Secret Access Key and signing method. Consult the service documentation for details.',
};

function refusalOf(reason: SignatureReason): FunctionUrlAnswer {
  const words = WORDS[reason];
  const body = words === undefined ? { Message: 'Forbidden' } : { message: words };
  return {
    status: 403,
    headers: { 'content-type': 'application/json', 'x-amzn-errortype': 'AccessDeniedException' },
    body: JSON.stringify(body),
  };
}

function send(response: ServerResponse, { status, headers = {}, body = '' }: FunctionUrlAnswer): void {
  response.writeHead(status, { ...headers, ...(status !== 204 && { 'content-length': Buffer.byteLength(body) }) });
  response.end(body);
}
