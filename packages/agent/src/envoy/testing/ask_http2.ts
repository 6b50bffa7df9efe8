/** One request by HTTP/2, with lines that may repeat. */
import { connect } from 'node:http2';
import type { ClientPem } from './proxied_app.ts';
import type { RawAnswer, RawRequest } from './raw_request.ts';

const TIMEOUT_MS = 10_000;

/** Status 0: the stream was reset. Names go in lower case, as HTTP/2 wants them. */
export function askHttp2(port: number, client: ClientPem | undefined, request: RawRequest): Promise<RawAnswer> {
  const { method = 'GET', target, host = 'app.demo.test', headers = [] } = request;
  const names = new Set(headers.map(([name]) => name.toLowerCase()));
  const lines = [...names].map((name) => [
    name,
    headers.flatMap(([other, value]) => (other.toLowerCase() === name ? [value] : [])),
  ]);
  // Newer than its types: Node would not send a second `authorization`.
  const options = { rejectUnauthorized: false, strictSingleValueFields: false, ...client };
  return new Promise((resolve, reject) => {
    const session = connect(`https://127.0.0.1:${port}`, options);
    session.setTimeout(TIMEOUT_MS, () => session.destroy(new Error('no answer in time')));
    session.on('error', reject);
    const stream = session.request({
      ':method': method,
      ':path': target,
      ':authority': host,
      ':scheme': 'https',
      ...Object.fromEntries(lines),
    });
    let answer: RawAnswer = { status: 0, headers: [], body: '' };
    stream.on('response', (received) => {
      const named = Object.entries(received).flatMap(([name, value]) =>
        name.startsWith(':') ? [] : [value ?? ''].flat().map((one) => [name, String(one)] as const),
      );
      answer = { status: Number(received[':status']), headers: named, body: '' };
    });
    stream.setEncoding('utf8');
    stream.on('data', (chunk: string) => {
      answer = { ...answer, body: answer.body + chunk };
    });
    stream.on('error', () => {});
    stream.on('close', () => {
      session.destroy();
      resolve(answer);
    });
    stream.end();
  });
}
