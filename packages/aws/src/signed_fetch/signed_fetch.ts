/** `fetch` with AWS's Signature Version 4, which is how IAM knows a caller: for programs that call function URLs. */
import type { CredentialSource } from './credentials.ts';
import { signRequest } from './signature.ts';

/** No streams: the signature covers the body's digest. */
export interface SignedRequest {
  readonly method?: string;
  readonly headers?: RequestInit['headers'];
  readonly body?: Uint8Array | string | null;
  readonly signal?: AbortSignal | null;
  /** `error` when absent. There is no `follow`: it would hand a signed request to whoever the answer names. */
  readonly redirect?: 'error' | 'manual';
}

export type SignedFetch = (url: string | URL, request?: SignedRequest) => Promise<Response>;

/**
 * `service`: as AWS signs for it, `lambda` for a function URL. The body's digest travels as a signed
 * `x-amz-content-sha256`. A `+` in the query is sent as `%20`, which it means to `URL`: services differ over it, and
 * would find another signature. Rejects as `credentials` and `fetch` do, which is a TypeError for a lost connection.
 */
export function createSignedFetch(ports: {
  readonly credentials: CredentialSource;
  readonly region: string;
  readonly service: string;
}): SignedFetch {
  const { credentials, region, service } = ports;
  return async (url, { method = 'GET', headers, body, signal, redirect = 'error' } = {}) => {
    const bytes = typeof body === 'string' ? Buffer.from(body) : (body ?? undefined);
    const target = new URL(url);
    target.search = target.search.replaceAll('+', '%20');
    const request = {
      method,
      url: target,
      headers: Object.fromEntries(new Headers(headers)),
      body: bytes ?? new Uint8Array(),
    };
    return fetch(target, {
      method,
      headers: signRequest(request, { region, service }, await credentials(), Date.now()),
      redirect,
      ...(bytes !== undefined && { body: bytes as Uint8Array<ArrayBuffer> }),
      ...(signal != null && { signal }),
    });
  };
}
