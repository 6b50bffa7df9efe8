/**
 * What every door does before its own work: bound the body, authenticate the caller, turn refusals and faults into
 * problems, and leave a record of each refusal. A door's handler sees only authenticated, parsed input.
 */
import type { ProblemCode } from '@postern/api';
import type { Result } from '@postern/result';
import { type Context, Hono } from 'hono';
import { type Administrator, isGranted, type Permission, type VerifyAdministrator } from './administrator.ts';
import { parseJsonObject, readBody } from './body.ts';
import { answerFault, answerProblem, type FaultLog } from './problem.ts';

/** The exact reason goes to the record; the caller gets the code. */
export type RecordRefusal = (refusal: {
  readonly door: string;
  readonly reason: string;
  readonly caller?: string;
}) => void;

export interface Call {
  readonly method: string;
  /** Path and query exactly as the client sent them. */
  readonly target: string;
  readonly headers: Headers;
  readonly body: Uint8Array;
}

export interface Agent {
  readonly spiffeId: string;
  readonly serial: string;
}

export type AuthenticateAgent = (call: Call) => Promise<Result<Agent>>;

export interface DoorPorts {
  readonly recordRefusal: RecordRefusal;
  readonly log: FaultLog;
}

/** A refusal by a door's own work: `reason` for the record, `code` for the caller. */
export interface DoorRefusal {
  readonly refused: ProblemCode;
  readonly reason: string;
  /** For the caller; only what an authenticated caller may be told. */
  readonly detail?: string;
  readonly members?: { readonly [extension: string]: unknown };
}

type Answer = Response | DoorRefusal;
type Body = { readonly [name: string]: unknown };

export interface Door {
  readonly app: Hono;
  /** Anybody may call; the handler authenticates what is in the body. */
  open(method: Method, path: string, maxBytes: number, handle: (context: Context, call: Call) => Promise<Answer>): void;
  agent(
    authenticate: AuthenticateAgent,
    method: Method,
    path: string,
    maxBytes: number,
    handle: (context: Context, agent: Agent, body: Body) => Promise<Answer>,
  ): void;
  administrator(
    verify: VerifyAdministrator,
    permission: Permission,
    method: Method,
    path: string,
    maxBytes: number,
    handle: (context: Context, administrator: Administrator, body: Body) => Promise<Answer>,
  ): void;
}

type Method = 'GET' | 'POST' | 'DELETE';

export function createDoor(name: string, ports: DoorPorts): Door {
  const app = new Hono();
  app.onError((error, context) => answerFault(context, name, error, ports.log));
  app.notFound((context) => answerProblem(context, 'not-found'));

  function route(
    method: Method,
    path: string,
    maxBytes: number,
    handle: (context: Context, call: Call) => Promise<Answer>,
  ) {
    app.on(method, path, async (context) => {
      const body = await readBody(context.req.raw, maxBytes);
      if (!body.ok) return refuseCall(context, { refused: 'too-large', reason: body.reason });
      const call = { method, target: targetOf(context), headers: context.req.raw.headers, body: body.value };
      const answer = await handle(context, call);
      return answer instanceof Response ? answer : refuseCall(context, answer);
    });
  }

  function refuseCall(context: Context, refusal: DoorRefusal, caller?: string): Response {
    ports.recordRefusal({
      door: `${name} ${context.req.method} ${context.req.routePath}`,
      reason: refusal.reason,
      caller,
    });
    return answerProblem(context, refusal.refused, { detail: refusal.detail, ...refusal.members });
  }

  /** GETs have no body; whatever else is sent must be a JSON object. */
  function bodyOf(call: Call): Result<Body> {
    return call.method === 'GET' || call.method === 'DELETE' ? { ok: true, value: {} } : parseJsonObject(call.body);
  }

  return {
    app,
    open: route,
    agent(authenticate, method, path, maxBytes, handle) {
      route(method, path, maxBytes, async (context, call) => {
        const agent = await authenticate(call);
        if (!agent.ok) return { refused: 'not-authenticated', reason: agent.reason };
        const body = bodyOf(call);
        if (!body.ok) return { refused: 'malformed-request', reason: body.reason };
        const answer = await handle(context, agent.value, body.value);
        return answer instanceof Response ? answer : refuseCall(context, answer, agent.value.spiffeId);
      });
    },
    administrator(verify, permission, method, path, maxBytes, handle) {
      route(method, path, maxBytes, async (context, call) => {
        const administrator = await verify(bearerOf(call.headers));
        if (administrator === undefined) return { refused: 'not-authenticated', reason: 'administrator-unknown' };
        if (!isGranted(administrator, permission)) return { refused: 'not-permitted', reason: 'role-missing' };
        const body = bodyOf(call);
        if (!body.ok) return { refused: 'malformed-request', reason: body.reason };
        const answer = await handle(context, administrator, body.value);
        return answer instanceof Response ? answer : refuseCall(context, answer, administrator.name);
      });
    },
  };
}

function bearerOf(headers: Headers): string {
  const authorization = headers.get('authorization') ?? '';
  return /^bearer /i.test(authorization) ? authorization.slice(7).trim() : '';
}

/** Proofs sign the target; Hono's own `path` is decoded, so it is cut from the URL's text. */
function targetOf(context: Context): string {
  const url = context.req.url;
  const path = url.indexOf('/', url.indexOf('://') + 3);
  return path < 0 ? '/' : url.slice(path);
}
