/** HTTP/1.1 as written, byte for byte: no library that would tidy what a test wants wrong. */
import { connect as connectPlain } from 'node:net';
import { connect as connectTls } from 'node:tls';

export interface RawRequest {
  readonly method?: string;
  readonly target: string;
  readonly host?: string;
  readonly headers?: readonly (readonly [name: string, value: string])[];
  readonly body?: string;
}

export interface RawAnswer {
  readonly status: number;
  readonly headers: readonly (readonly [name: string, value: string])[];
  readonly body: string;
}

export type Target =
  | { readonly path: string }
  | { readonly port: number; readonly tls?: { readonly key: string; readonly cert: string } | 'no-certificate' };

const TIMEOUT_MS = 10_000;

/** One request on a connection of its own. Status 0: no answer came. */
export function askRaw(target: Target, request: RawRequest): Promise<RawAnswer> {
  const { method = 'GET', host = 'app.demo.test', headers = [], body = '' } = request;
  const lines = [`${method} ${request.target} HTTP/1.1`, `host: ${host}`, 'connection: close'];
  if (body !== '') lines.push(`content-length: ${Buffer.byteLength(body)}`);
  for (const [name, value] of headers) lines.push(`${name}: ${value}`);
  return exchangeRaw(target, `${lines.join('\r\n')}\r\n\r\n${body}`);
}

/** `bytes`: each character one octet. */
export function exchangeRaw(target: Target, bytes: string): Promise<RawAnswer> {
  return new Promise((resolve, reject) => {
    const socket = connectTo(target);
    let text = '';
    socket.setTimeout(TIMEOUT_MS, () => socket.destroy(new Error('no answer in time')));
    socket.on('data', (chunk: Buffer) => {
      text += chunk.toString('latin1');
      // Envoy waits a second before it closes a connection that it has refused something on.
      if (isWhole(parseAnswer(text))) socket.destroy();
    });
    // A handshake that was refused is an answer too: none.
    const isRefusal = (code = '') => code === 'ECONNRESET' || code.startsWith('ERR_SSL_');
    socket.on('error', (fault: NodeJS.ErrnoException) => (isRefusal(fault.code) ? socket.destroy() : reject(fault)));
    socket.on('close', () => resolve(parseAnswer(text)));
    socket.write(Buffer.from(bytes, 'latin1'));
  });
}

function connectTo(target: Target) {
  if ('path' in target) return connectPlain(target.path);
  if (target.tls === undefined) return connectPlain(target.port, '127.0.0.1');
  const own = target.tls === 'no-certificate' ? {} : target.tls;
  // Whom the client meets is not what these tests are about.
  return connectTls({ port: target.port, host: '127.0.0.1', rejectUnauthorized: false, ...own });
}

function isWhole({ headers, body }: RawAnswer): boolean {
  const length = headers.find(([name]) => name === 'content-length')?.[1];
  return length !== undefined && body.length >= Number(length);
}

function parseAnswer(text: string): RawAnswer {
  const end = text.indexOf('\r\n\r\n');
  const [first = '', ...lines] = text.slice(0, Math.max(0, end)).split('\r\n');
  const headers = lines.map((line): readonly [string, string] => {
    const colon = line.indexOf(':');
    return [line.slice(0, colon).toLowerCase(), line.slice(colon + 1).trim()];
  });
  return { status: Number(first.split(' ')[1] ?? 0), headers, body: text.slice(end + 4) };
}
