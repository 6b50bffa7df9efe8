/** Every refusal and fault of a door as `application/problem+json` (RFC 9457), from the one registry. */
import { randomUUID } from 'node:crypto';
import { createProblem, PROBLEM_MEDIA_TYPE, type ProblemCode } from '@postern/api';
import { SignerUnavailable } from '@postern/keys';
import { StoreUnavailable } from '@postern/store';
import type { Context } from 'hono';
import type { ContentfulStatusCode } from 'hono/utils/http-status';

/** Where faults are written for the operator; never request bodies, credentials or header values. */
export type FaultLog = (event: { readonly instance: string; readonly door: string; readonly error: unknown }) => void;

const RETRY_AFTER_SECONDS = 5;

export function answerProblem(
  context: Context,
  code: ProblemCode,
  members: { readonly detail?: string; readonly instance?: string; readonly [extension: string]: unknown } = {},
): Response {
  const problem = createProblem(code, members);
  const headers: Record<string, string> = { 'content-type': PROBLEM_MEDIA_TYPE, 'cache-control': 'no-store' };
  if (problem.status === 503 || problem.status === 429) headers['retry-after'] = String(RETRY_AFTER_SECONDS);
  return context.body(JSON.stringify(problem), problem.status as ContentfulStatusCode, headers);
}

/** Key or store out of reach: the caller may try again. Anything else is our fault, and says nothing but its name. */
export function answerFault(context: Context, door: string, error: unknown, log: FaultLog): Response {
  const instance = `urn:uuid:${randomUUID()}`;
  log({ instance, door, error });
  const isPassing = error instanceof SignerUnavailable || error instanceof StoreUnavailable;
  return answerProblem(context, isPassing ? 'unavailable' : 'internal', { instance });
}
