/** Answers in the payload format 2.0 of function URLs and HTTP APIs. */
import type { HttpAnswer } from './served_function.ts';

export interface RenderedAnswer {
  readonly statusCode: number;
  readonly headers: { readonly [name: string]: string };
  readonly cookies?: readonly string[];
  readonly body: string;
  readonly isBase64Encoded: boolean;
}

const HEADER_NAME = /^[!#$%&'*+.^_`|~0-9a-z-]+$/;
const HEADER_VALUE = /^[^\x00-\x08\x0a-\x1f\x7f]*$/;

/**
 * A name that comes twice is joined with `, ` (RFC 9110 5.3), but for `set-cookie`, which has a place of its own. Bytes
 * that are no UTF-8 go as base64. Throws a TypeError for what is no status or header: a line break would begin another.
 */
export function renderHttpAnswer({ status, headers, body }: HttpAnswer): RenderedAnswer {
  if (!Number.isInteger(status) || status < 200 || status > 599) throw new TypeError(`${status} is no final status`);
  const joined = new Map<string, string>();
  const cookies: string[] = [];
  for (const [anyName, value] of headers) {
    const name = anyName.toLowerCase();
    if (!HEADER_NAME.test(name) || !HEADER_VALUE.test(value)) throw new TypeError('a header that is none');
    const before = joined.get(name);
    if (name === 'set-cookie') cookies.push(value);
    else joined.set(name, before === undefined ? value : `${before}, ${value}`);
  }
  return {
    statusCode: status,
    headers: Object.fromEntries(joined),
    ...(cookies.length > 0 && { cookies }),
    ...renderBody(body),
  };
}

function renderBody(body: HttpAnswer['body']): Pick<RenderedAnswer, 'body' | 'isBase64Encoded'> {
  const text = typeof body === 'string' ? body : decodeUtf8(body);
  if (text !== undefined) return { body: text, isBase64Encoded: false };
  return { body: Buffer.from(body as Uint8Array).toString('base64'), isBase64Encoded: true };
}

function decodeUtf8(bytes: Uint8Array): string | undefined {
  try {
    return new TextDecoder('utf-8', { fatal: true, ignoreBOM: true }).decode(bytes);
  } catch {
    return undefined;
  }
}
