/** One signed request and its whole answer, bounded in bytes and, by the caller's signal, in time. */
import type { IncomingHttpHeaders } from 'node:http';
import { nameOf } from '../retries.ts';
import type { CredentialSource } from '../signed_fetch/credentials.ts';
import { type SigningScope, signRequest } from '../signed_fetch/signature.ts';
import { createSend } from './send.ts';
import { AnswerLost, serviceFault } from './service_fault.ts';

export interface ExchangeRequest {
  readonly method: string;
  readonly headers?: { readonly [name: string]: string };
  readonly body?: Uint8Array | string;
  readonly signal: AbortSignal;
}

export interface Answer {
  readonly status: number;
  readonly headers: IncomingHttpHeaders;
  readonly bytes: Uint8Array;
}

/**
 * Throws `AnswerLost` when the connection breaks before the answer is whole, the signal's reason when that comes first,
 * and `AnswerTooLarge` for more than `maxAnswerBytes`. A redirect is an answer like any other. A query holds no `+`.
 */
export type Exchange = (url: URL, request: ExchangeRequest, maxAnswerBytes: number) => Promise<Answer>;

export function createExchange(ports: SigningScope & { readonly credentials: CredentialSource }): Exchange {
  const { region, service, credentials } = ports;
  const send = createSend();
  return async (url, { method, headers = {}, body = '', signal }, maxAnswerBytes) => {
    try {
      const request = { method, url, body: typeof body === 'string' ? Buffer.from(body) : body };
      // The bound is on what is read, and a compressed answer would grow past it.
      const plain = { ...headers, 'accept-encoding': 'identity' };
      const signed = signRequest({ ...request, headers: plain }, { region, service }, await credentials(), Date.now());
      const { status, headers: answered, body: answer } = await send({ ...request, headers: signed, signal });
      const bytes = await readBounded(answer, maxAnswerBytes);
      if (bytes === undefined) throw serviceFault('AnswerTooLarge', `more than ${maxAnswerBytes} bytes`, status);
      return { status, headers: answered, bytes };
    } catch (fault) {
      if (signal.aborted) throw signal.reason;
      if (isCredentialFault(fault) || hasStatus(fault)) throw fault;
      throw new AnswerLost('no answer', { cause: fault });
    }
  };
}

async function readBounded(body: AsyncIterable<Uint8Array>, maxBytes: number): Promise<Uint8Array | undefined> {
  const chunks: Uint8Array[] = [];
  let length = 0;
  for await (const chunk of body) {
    length += chunk.length;
    // Leaving the loop ends the connection.
    if (length > maxBytes) return undefined;
    chunks.push(chunk);
  }
  return chunks.length === 1 ? (chunks[0] as Uint8Array) : Buffer.concat(chunks, length);
}

function isCredentialFault(fault: unknown): boolean {
  return nameOf(fault) === 'CredentialsProviderError';
}

function hasStatus(fault: unknown): boolean {
  return fault instanceof Error && '$metadata' in fault;
}
