/** Answers as ACME clients read them: each with a nonce for the next request (RFC 8555 6.5), refusals as its problems (6.7). */
import { type AcmeRefusal, renderAcmeProblem } from '@postern/acme';
import type { Context } from 'hono';
import type { ContentfulStatusCode } from 'hono/utils/http-status';

export interface AcmeAnswer {
  readonly status: number;
  /** An object goes as JSON; a text as the media type that `headers` names. */
  readonly body?: object | string;
  readonly headers?: { readonly [name: string]: string };
}

export type AcmeReply = AcmeAnswer | AcmeRefusal;

export const isRefusal = (reply: AcmeReply): reply is AcmeRefusal => 'problem' in reply;

export const linkTo = (url: string, relation: string): string => `<${url}>;rel="${relation}"`;

/** `ground`: headers of every answer. */
export function sendAnswer(context: Context, reply: AcmeReply, ground: { readonly [name: string]: string }): Response {
  if (!isRefusal(reply)) {
    const { status, body, headers } = reply;
    const type = { 'content-type': 'application/json' };
    const isEmpty = body === undefined;
    const text = typeof body === 'string' ? body : isEmpty ? null : JSON.stringify(body);
    return new Response(text, { status, headers: { ...ground, ...(!isEmpty && type), ...headers } });
  }
  const document = renderAcmeProblem(reply);
  const wait = reply.retryAfterSeconds;
  const headers = {
    ...ground,
    'content-type': 'application/problem+json',
    ...(wait !== undefined && { 'retry-after': String(wait) }),
    ...reply.headers,
  };
  return context.body(JSON.stringify(document), document.status as ContentfulStatusCode, headers);
}
