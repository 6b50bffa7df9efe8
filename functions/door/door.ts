/**
 * What every door does before its own work: admit the caller, bound the body, authenticate, turn refusals and faults into
 * problems, and leave a record of each refusal. A door's handler sees only authenticated, parsed input. Who is turned
 * away by a header alone has none of its body read.
 */
import type { ProblemCode } from '@postern/api';
import { MAX_REQUEST_PROOF_LENGTH, REQUEST_PROOF_HEADER } from '@postern/identity';
import type { Result } from '@postern/result';
import { type Context, Hono } from 'hono';
import type { FunctionName } from '../access.ts';
import {
  type Administrator,
  type CallerCredential,
  isGranted,
  type Permission,
  type VerifyAdministrator,
} from './administrator.ts';
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
  /** Of its SVID. */
  readonly notAfterMs: number;
}

export type AuthenticateAgent = (call: Call) => Promise<Result<Agent>>;

/** Which function runs as an IAM principal; undefined when none does. */
export type IdentifyFunction = (principal: string | undefined) => FunctionName | undefined;

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
  /** Who was refused, once that is known; for the record. */
  readonly by?: string;
}

/** `name`: for the record of a refusal that follows. */
type Admission<Caller> = { readonly caller: Caller; readonly name?: string } | DoorRefusal;
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
  /** Other functions of this deployment. */
  function(
    identify: IdentifyFunction,
    method: Method,
    path: string,
    maxBytes: number,
    handle: (context: Context, caller: FunctionName, body: Body) => Promise<Answer>,
  ): void;
}

type Method = 'GET' | 'HEAD' | 'POST' | 'PUT' | 'DELETE';

export function createDoor(name: string, ports: DoorPorts): Door {
  const app = new Hono();
  app.onError((error, context) => answerFault(context, name, error, ports.log));
  app.notFound((context) => answerProblem(context, 'not-found'));

  function route<Caller>(
    method: Method,
    path: string,
    maxBytes: number,
    admit: (headers: Headers, principal: string | undefined) => Promise<Admission<Caller>>,
    handle: (context: Context, call: Call, caller: Caller) => Promise<Answer>,
  ) {
    app.on(method, path, async (context) => {
      const { headers } = context.req.raw;
      const admitted = await admit(headers, principalOf(context));
      if ('refused' in admitted) return refuseCall(context, admitted);
      const body = await readBody(context.req.raw, maxBytes);
      if (!body.ok) return refuseCall(context, { refused: 'too-large', reason: body.reason, by: admitted.name });
      const call = { method, target: targetOf(context), headers, body: body.value };
      const answer = await handle(context, call, admitted.caller);
      return answer instanceof Response ? answer : refuseCall(context, answer);
    });
  }

  function refuseCall(context: Context, { refused, reason, by, detail, members }: DoorRefusal): Response {
    ports.recordRefusal({ door: `${name} ${context.req.method} ${context.req.routePath}`, reason, caller: by });
    return answerProblem(context, refused, { detail, ...members });
  }

  return {
    app,
    open: (method, path, maxBytes, handle) => route(method, path, maxBytes, admitAnybody, handle),
    agent(authenticate, method, path, maxBytes, handle) {
      route(method, path, maxBytes, admitProof, async (context, call) => {
        const agent = await authenticate(call);
        if (!agent.ok) return { refused: 'not-authenticated', reason: agent.reason };
        const { spiffeId } = agent.value;
        return withCaller(spiffeId, await handled(call, (body) => handle(context, agent.value, body)));
      });
    },
    administrator(verify, permission, method, path, maxBytes, handle) {
      const admit = async (headers: Headers, principal: string | undefined): Promise<Admission<Administrator>> => {
        const credential = { token: bearerOf(headers), principal };
        // No credential is nobody's, whatever a verifier is told to expect.
        const administrator = isEmpty(credential) ? undefined : await verify(credential);
        if (administrator === undefined) return { refused: 'not-authenticated', reason: 'administrator-unknown' };
        const isAllowed = isGranted(administrator, permission);
        const { name: by } = administrator;
        return isAllowed
          ? { caller: administrator, name: by }
          : { refused: 'not-permitted', reason: 'role-missing', by };
      };
      route(method, path, maxBytes, admit, async (context, call, administrator) =>
        withCaller(administrator.name, await handled(call, (body) => handle(context, administrator, body))),
      );
    },
    function(identify, method, path, maxBytes, handle) {
      const admit = async (_headers: Headers, principal: string | undefined): Promise<Admission<FunctionName>> => {
        const caller = identify(principal);
        return caller === undefined
          ? { refused: 'not-authenticated', reason: 'function-unknown' }
          : { caller, name: `function:${caller}` };
      };
      route(method, path, maxBytes, admit, async (context, call, caller) =>
        withCaller(`function:${caller}`, await handled(call, (body) => handle(context, caller, body))),
      );
    },
  };
}

/** Reads have no body; whatever else is sent must be a JSON object. */
async function handled(call: Call, handle: (body: Body) => Promise<Answer>): Promise<Answer> {
  if (call.method === 'GET' || call.method === 'DELETE') return handle({});
  const body = parseJsonObject(call.body);
  return body.ok ? handle(body.value) : { refused: 'malformed-request', reason: body.reason };
}

function withCaller(by: string, answer: Answer): Answer {
  return answer instanceof Response ? answer : { ...answer, by };
}

const admitAnybody = async (): Promise<Admission<undefined>> => ({ caller: undefined });

/** Only that there is a proof; it is over the body too and verified when that is here. */
async function admitProof(headers: Headers): Promise<Admission<undefined>> {
  const length = (headers.get(REQUEST_PROOF_HEADER) ?? '').length;
  if (length === 0) return { refused: 'not-authenticated', reason: 'proof-missing' };
  return length > MAX_REQUEST_PROOF_LENGTH
    ? { refused: 'not-authenticated', reason: 'proof-too-large' }
    : { caller: undefined };
}

const isEmpty = ({ token, principal }: CallerCredential): boolean => token === '' && principal === undefined;

/** Set beside the request by whoever received it from the platform (`answer.ts`); no part of what a client sends. */
export function principalOf(context: Context): string | undefined {
  const { principal } = (context.env ?? {}) as { readonly principal?: unknown };
  return typeof principal === 'string' ? principal : undefined;
}

function bearerOf(headers: Headers): string {
  const authorization = headers.get('authorization') ?? '';
  return /^bearer /i.test(authorization) ? authorization.slice(7).trim() : '';
}

/** Proofs sign the target; Hono's own `path` is decoded, so it is cut from the URL's text. */
export function targetOf(context: Context): string {
  const url = context.req.url;
  const path = url.indexOf('/', url.indexOf('://') + 3);
  return path < 0 ? '/' : url.slice(path);
}
