/** `rotate` as the other functions reach it: over HTTP, known by the role they run as. */
import { PATHS } from '@postern/api';
import type { CertifiedFeedKey } from '@postern/feed';
import { SignerUnavailable } from '@postern/keys';
import type { Certifier } from './certifier.ts';

export interface CertifierRequest {
  readonly method: 'POST';
  readonly headers: { readonly [name: string]: string };
  readonly body: string;
  readonly redirect: 'error';
  readonly signal: AbortSignal;
}

const TIMEOUT_MS = 8_000;
const MAX_ANSWER_BYTES = 64 * 1024;

/**
 * `fetch`: signs as this function's role. `url`: of `rotate`'s door, without a last slash. Whatever it does not answer is a key that
 * cannot be had now; a refusal is the same, since the caller cannot do anything about it.
 */
export function createRemoteCertifier(ports: {
  readonly url: string;
  readonly fetch: (url: string, request: CertifierRequest) => Promise<Response>;
}): Certifier {
  async function ask<T>(path: string, body: object): Promise<T> {
    try {
      const response = await ports.fetch(ports.url + path, {
        method: 'POST',
        headers: { 'content-type': 'application/json' },
        body: JSON.stringify(body),
        redirect: 'error',
        signal: AbortSignal.timeout(TIMEOUT_MS),
      });
      const text = await readBounded(response);
      if (response.status !== 201) throw new Error(`\`rotate\` answers ${response.status}`);
      return JSON.parse(text) as T;
    } catch (cause) {
      throw new SignerUnavailable('`rotate` certifies nothing now', { cause });
    }
  }

  return {
    async certifyIssuer(spki) {
      const answer = await ask<{ certificate: string }>(PATHS.keys.issuer, {
        spki: Buffer.from(spki).toString('base64'),
      });
      return Uint8Array.from(Buffer.from(answer.certificate, 'base64'));
    },
    certifyFeedKey: (key) => ask<CertifiedFeedKey>(PATHS.keys.feed, { key }),
    async certifyProducer(opening) {
      return (await ask<{ certificate: string }>(PATHS.keys.producer, opening)).certificate;
    },
  };
}

async function readBounded(response: Response): Promise<string> {
  const chunks: Uint8Array[] = [];
  let size = 0;
  for await (const chunk of response.body ?? []) {
    size += chunk.byteLength;
    if (size > MAX_ANSWER_BYTES) throw new Error('the answer is too large');
    chunks.push(chunk);
  }
  return Buffer.concat(chunks).toString('utf8');
}
