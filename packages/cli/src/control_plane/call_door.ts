/** One call to a door: bounded, and every failure in words that whoever typed the command can act on. */
import { PROBLEM_MEDIA_TYPE, PROBLEMS, type Problem, type ProblemCode } from '@postern/api';
import type { ExitName } from '../exit_codes.ts';
import { CommandFailure } from '../failure.ts';
import { printable } from '../terminal_text.ts';
import type { Advice, Doors } from './doors.ts';

/** Publishing compiles on the other side. */
const TIMEOUT_MS = 60_000;
/** A page of the trail: 200 segments of 64 KiB, and then some. */
const MAX_ANSWER_BYTES = 32 * 1024 * 1024;
const MAX_MESSAGE_CHARS = 500;

const EXITS: { readonly [C in ProblemCode]: ExitName } = {
  'malformed-request': 'refused',
  'not-authenticated': 'denied',
  'not-permitted': 'denied',
  'not-found': 'refused',
  conflict: 'refused',
  'too-large': 'refused',
  'policy-invalid': 'refused',
  'too-many-requests': 'unavailable',
  unavailable: 'unavailable',
  internal: 'internal',
};

/** Where the command line knows more than the registry says to every caller. */
const ADVICE = { 'malformed-request': 'compare what you gave with the --help of this command' };

export interface DoorCall {
  readonly method: string;
  /** Path and query. */
  readonly target: string;
  readonly body?: unknown;
}

export async function callDoor<T>(doors: Doors, { method, target, body }: DoorCall): Promise<T> {
  const url = doors.originOf(target);
  const advice: Advice = { ...ADVICE, ...doors.advice };
  const headers = {
    accept: 'application/json',
    ...(body !== undefined && { 'content-type': 'application/json' }),
  };
  const call = { method, headers, redirect: 'manual', signal: AbortSignal.timeout(TIMEOUT_MS) } as const;
  let response: Response;
  let text: string | undefined;
  try {
    response = await doors.send(url + target, body === undefined ? call : { ...call, body: JSON.stringify(body) });
    text = await readBounded(response);
  } catch (cause) {
    if (cause instanceof CommandFailure) throw cause;
    const reason = 'control-plane-unreachable';
    throw new CommandFailure('unavailable', reason, `\`${url}\` does not answer`, advice[reason], { cause });
  }
  const value = text === undefined ? undefined : parseObject(text);
  const isProblem = response.headers.get('content-type')?.startsWith(PROBLEM_MEDIA_TYPE) === true;
  if (value !== undefined && isProblem) throw failureOf(value as unknown as Problem, advice);
  if (value === undefined || !response.ok) {
    const { status } = response;
    const foreign = doors.failureOf({ url, status, body: value });
    if (foreign !== undefined) throw foreign;
    const message = `\`${url}\` answers as no control plane does (status ${status})`;
    throw new CommandFailure('unavailable', 'answer-malformed', message, advice['answer-malformed']);
  }
  return value as T;
}

/** Whatever the answer holds is shown within bounds. */
function failureOf(problem: Problem, advice: Advice): CommandFailure {
  const { code, title, detail, instance, advice: particular, type: _type, status: _status, ...members } = problem;
  const known = Object.hasOwn(PROBLEMS, code) ? PROBLEMS[code] : undefined;
  const message = [title, detail].filter((part) => typeof part === 'string').join(': ');
  // Of this very refusal, where the control plane says more than its code does.
  const caller = typeof particular === 'string' ? particular : ((known && advice[code]) ?? known?.caller);
  const place = typeof instance === 'string' ? ` (${instance})` : '';
  return new CommandFailure(
    known === undefined ? 'internal' : EXITS[code],
    known === undefined ? 'answer-malformed' : code,
    printable(message).slice(0, MAX_MESSAGE_CHARS),
    printable(`${caller ?? 'look at the log of the control plane'}${place}`).slice(0, MAX_MESSAGE_CHARS),
    { members },
  );
}

async function readBounded(response: Response): Promise<string | undefined> {
  const chunks: Uint8Array[] = [];
  let size = 0;
  for await (const chunk of response.body ?? []) {
    size += chunk.byteLength;
    if (size > MAX_ANSWER_BYTES) return undefined;
    chunks.push(chunk);
  }
  return Buffer.concat(chunks).toString('utf8');
}

function parseObject(text: string): { readonly [name: string]: unknown } | undefined {
  try {
    const value = JSON.parse(text);
    return typeof value === 'object' && value !== null && !Array.isArray(value) ? value : undefined;
  } catch {
    return undefined;
  }
}
