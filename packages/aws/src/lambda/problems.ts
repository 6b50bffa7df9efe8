/**
 * The answers that are given without the function: RFC 9457, as the registry of `@postern/api` has them, which lies above
 * this package. They say nothing of the cause.
 */
import { type RenderedAnswer, renderHttpAnswer } from './http_answer.ts';

const RETRY_AFTER_SECONDS = 5;

/** The function cannot be opened, or a fault came through. */
export const UNAVAILABLE = problem('unavailable', 503, 'a store or a signing key cannot be reached', [
  ['retry-after', String(RETRY_AFTER_SECONDS)],
]);

export const MALFORMED = problem('malformed-request', 400, 'the request is malformed');

/** In place of it, at a door whose status goes on to somebody else. */
export const REFUSED = problem('not-permitted', 403, 'the caller may not do this');

function problem(
  code: string,
  status: number,
  title: string,
  headers: readonly (readonly [string, string])[] = [],
): RenderedAnswer {
  return renderHttpAnswer({
    status,
    headers: [['content-type', 'application/problem+json'], ['cache-control', 'no-store'], ...headers],
    body: JSON.stringify({ type: `urn:postern:problem:${code}`, code, title, status }),
  });
}
