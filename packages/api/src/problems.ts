/**
 * The one registry of problem codes (RFC 9457). A code is chosen by what the caller will do next, so credential
 * failures of every kind are one code: the exact reason goes to the record, not to whoever is guessing.
 */
export interface ProblemKind {
  readonly status: number;
  readonly title: string;
  /** What the caller does. */
  readonly caller: string;
  /** What the operator does. */
  readonly operator: string;
}

export const PROBLEMS = {
  'malformed-request': {
    status: 400,
    title: 'the request is malformed',
    caller: 'correct the request; sending it again unchanged will not help',
    operator: 'nothing, unless one of your clients sends it: its reason is in the record',
  },
  'not-authenticated': {
    status: 401,
    title: 'the caller is not authenticated',
    caller: 'obtain a valid credential and try again',
    operator: 'look up the exact reason in the record of the refusal',
  },
  'not-permitted': {
    status: 403,
    title: 'the caller may not do this',
    caller: 'ask an administrator; trying again will not help',
    operator: 'check the roles or entries of the caller named in the record',
  },
  'not-found': {
    status: 404,
    title: 'there is no such thing, or you may not know of it',
    caller: 'check the name',
    operator: 'nothing',
  },
  conflict: {
    status: 409,
    title: 'this conflicts with what is there',
    caller: 'read the present state and decide again',
    operator: 'nothing',
  },
  'too-large': {
    status: 413,
    title: 'the request is larger than this door takes',
    caller: 'send less',
    operator: 'nothing',
  },
  'policy-invalid': {
    status: 422,
    title: 'the policies do not compile; nothing was published',
    caller: 'correct the places named in `problems`',
    operator: 'nothing',
  },
  'too-many-requests': {
    status: 429,
    title: 'too many requests',
    caller: 'wait for `Retry-After` seconds',
    operator: 'look for a client without backoff',
  },
  unavailable: {
    status: 503,
    title: 'a store or a signing key cannot be reached',
    caller: 'try again after `Retry-After` seconds',
    operator: 'check the table, the object store and the keys',
  },
  internal: {
    status: 500,
    title: 'an unexpected fault; nothing was decided or issued',
    caller: 'try again later, then report the `instance`',
    operator: 'look up the `instance` in the log',
  },
} as const satisfies { readonly [code: string]: ProblemKind };

export type ProblemCode = keyof typeof PROBLEMS;

export const PROBLEM_MEDIA_TYPE = 'application/problem+json';

/** RFC 9457 3.1; `code` is ours, stable, for programs. */
export interface Problem {
  readonly type: string;
  readonly code: ProblemCode;
  readonly title: string;
  readonly status: number;
  readonly detail?: string;
  /** Names this occurrence in log and record. */
  readonly instance?: string;
  readonly [extension: string]: unknown;
}

export function createProblem(
  code: ProblemCode,
  members: { readonly detail?: string; readonly instance?: string; readonly [extension: string]: unknown } = {},
): Problem {
  const { status, title } = PROBLEMS[code];
  const own = { type: `urn:postern:problem:${code}`, code, title, status };
  // First for who reads it, and last because no extension takes the place of these.
  return { ...own, ...members, ...own };
}
