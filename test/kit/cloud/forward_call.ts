import { type IncomingMessage, request as openRequest, type ServerResponse } from 'node:http';

export type ForwardedAnswer = { status: number; rawHeaders: string[]; body: Buffer };

/** Between two neighbours only (RFC 9110 7.6.1), and `expect`, which a proxy that reads the whole body has answered. */
const HOP_BY_HOP: ReadonlySet<string> = new Set(['connection', 'keep-alive', 'transfer-encoding', 'expect']);

/**
 * Sends a call on, byte for byte: method, path, query and header lines as they came. `host`: in place of the caller's,
 * where the next one routes by it; a signature that covers Host breaks by that.
 */
export function forwardCall(
  target: URL,
  incoming: IncomingMessage,
  body: Buffer,
  host?: string,
): Promise<ForwardedAnswer> {
  return new Promise((resolve, reject) => {
    const headers = withoutHops(incoming.rawHeaders).flatMap(([name, value]) => {
      const isReplaced = host !== undefined && name.toLowerCase() === 'host';
      return name.toLowerCase() === 'content-length' ? [] : [name, isReplaced ? host : value];
    });
    const outgoing = openRequest({
      host: target.hostname,
      port: target.port,
      method: incoming.method,
      path: incoming.url,
      headers: [...headers, 'content-length', String(body.length)],
      agent: false,
    });
    outgoing.on('response', (answer) => {
      readWhole(answer).then((whole) => {
        const rawHeaders = withoutHops(answer.rawHeaders).flat();
        resolve({ status: answer.statusCode ?? 502, rawHeaders, body: whole });
      }, reject);
    });
    outgoing.on('error', reject);
    outgoing.end(body);
  });
}

export function sendAnswer(response: ServerResponse, { status, rawHeaders, body }: ForwardedAnswer): void {
  response.writeHead(status, rawHeaders);
  response.end(body);
}

export async function readWhole(message: IncomingMessage): Promise<Buffer> {
  const chunks: Buffer[] = [];
  for await (const chunk of message) chunks.push(chunk as Buffer);
  return Buffer.concat(chunks);
}

function withoutHops(rawHeaders: readonly string[]): (readonly [name: string, value: string])[] {
  const lines = rawHeaders.flatMap((name, index) =>
    index % 2 === 0 ? [[name, rawHeaders[index + 1] ?? ''] as const] : [],
  );
  return lines.filter(([name]) => !HOP_BY_HOP.has(name.toLowerCase()));
}
