/** Reads a request's body within a bound, whatever `Content-Length` says, and JSON from it. */
import { accept, type Result, refuse } from '@postern/result';

export type BodyReason = 'body-too-large' | 'body-not-json' | 'body-not-object';

export async function readBody(request: Request, maxBytes: number): Promise<Result<Uint8Array, 'body-too-large'>> {
  if (Number(request.headers.get('content-length') ?? 0) > maxBytes) return refuse('body-too-large');
  const chunks: Uint8Array[] = [];
  let size = 0;
  for await (const chunk of request.body ?? []) {
    size += chunk.byteLength;
    if (size > maxBytes) return refuse('body-too-large');
    chunks.push(chunk);
  }
  return accept(Buffer.concat(chunks));
}

/** A JSON object; its members are still untrusted. */
export function parseJsonObject(bytes: Uint8Array): Result<{ readonly [name: string]: unknown }, BodyReason> {
  let value: unknown;
  try {
    value = JSON.parse(new TextDecoder('utf-8', { fatal: true }).decode(bytes));
  } catch {
    return refuse('body-not-json');
  }
  if (typeof value !== 'object' || value === null || Array.isArray(value)) return refuse('body-not-object');
  return accept(value as { readonly [name: string]: unknown });
}
