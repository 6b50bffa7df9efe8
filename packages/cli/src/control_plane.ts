/**
 * The administrator's calls: HTTP with JSON and a bearer token. The token goes to the named origin alone: never in clear
 * text to another machine, never along with a redirect. Every call is bounded in time and in the size of its answer.
 */
import { resolve } from 'node:path';
import { PROBLEM_MEDIA_TYPE, PROBLEMS, type Problem, type ProblemCode } from '@postern/api';
import type { Command } from 'commander';
import type { Cli } from './cli.ts';
import type { ExitName } from './exit_codes.ts';
import { CommandFailure } from './failure.ts';
import { readSecretFile } from './secret_file.ts';
import { printable } from './terminal_text.ts';

export interface ControlPlaneOptions {
  readonly url?: string;
  readonly tokenFile?: string;
}

export interface ControlPlane {
  readonly url: string;
  get<T>(path: string, query?: { readonly [name: string]: string | number | undefined }): Promise<T>;
  post<T>(path: string, body: unknown): Promise<T>;
  delete<T>(path: string): Promise<T>;
}

export const DEFAULT_URL = 'http://127.0.0.1:8440';
export const DEFAULT_TOKEN_FILE = '.postern/admin-token';
/** Publishing compiles on the other side. */
const TIMEOUT_MS = 60_000;
/** A page of the trail: 200 segments of 64 KiB, and then some. */
const MAX_ANSWER_BYTES = 32 * 1024 * 1024;
const MAX_MESSAGE_CHARS = 500;
const LOOPBACK = /^(?:localhost|127(?:\.\d{1,3}){3}|\[::1\])$/;

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
const ADVICE: { readonly [C in ProblemCode]?: string } = {
  'malformed-request': 'compare what you gave with the --help of this command',
  'not-authenticated': 'use the token of this control plane: --token-file FILE',
};

export function addControlPlaneOptions(command: Command): Command {
  return command
    .option('--url <url>', `origin of the control plane; else POSTERN_URL, else ${DEFAULT_URL}`)
    .option(
      '--token-file <file>',
      `file of the administrator token; else POSTERN_ADMIN_TOKEN_FILE, else ${DEFAULT_TOKEN_FILE}`,
    );
}

/** Reads the token file. No call yet. */
export function connectControlPlane({ io }: Cli, options: ControlPlaneOptions): ControlPlane {
  const url = checkUrl(options.url ?? (io.environment['POSTERN_URL'] || DEFAULT_URL));
  const path = resolve(
    io.folder,
    options.tokenFile ?? (io.environment['POSTERN_ADMIN_TOKEN_FILE'] || DEFAULT_TOKEN_FILE),
  );
  const advice = 'name the file with --token-file, or start a control plane here: postern start';
  const token = readSecretFile({ path, what: 'administrator token', advice });

  async function call<T>(method: string, target: string, body?: unknown): Promise<T> {
    const headers: Record<string, string> = { accept: 'application/json', authorization: `Bearer ${token}` };
    if (body !== undefined) headers['content-type'] = 'application/json';
    const init = { method, headers, redirect: 'manual', signal: AbortSignal.timeout(TIMEOUT_MS) } as const;
    let response: Response;
    let text: string | undefined;
    try {
      response = await fetch(url + target, body === undefined ? init : { ...init, body: JSON.stringify(body) });
      text = await readBounded(response);
    } catch (cause) {
      throw new CommandFailure(
        'unavailable',
        'control-plane-unreachable',
        `\`${url}\` does not answer`,
        'check --url, and that the control plane runs: postern start',
        { cause },
      );
    }
    const value = text === undefined ? undefined : parseObject(text);
    const isProblem = response.headers.get('content-type')?.startsWith(PROBLEM_MEDIA_TYPE) === true;
    if (value !== undefined && isProblem) throw failureOf(value as unknown as Problem);
    if (value === undefined || !response.ok) {
      const message = `\`${url}\` answers as no control plane does (status ${response.status})`;
      throw new CommandFailure(
        'unavailable',
        'answer-malformed',
        message,
        'check --url: what listens there is something else',
      );
    }
    return value as T;
  }

  return {
    url,
    get(path, query = {}) {
      const present = Object.entries(query).filter(([, value]) => value !== undefined);
      const search = new URLSearchParams(present.map(([name, value]): [string, string] => [name, String(value)]));
      return call('GET', search.size === 0 ? path : `${path}?${search}`);
    },
    post: (path, body) => call('POST', path, body),
    delete: (path) => call('DELETE', path),
  };
}

/** Answers the origin. */
function checkUrl(text: string): string {
  const url = URL.canParse(text) ? new URL(text) : undefined;
  const isOrigin =
    url !== undefined &&
    url.pathname === '/' &&
    url.search === '' &&
    url.hash === '' &&
    url.username === '' &&
    url.password === '';
  if (!isOrigin || !/^https?:$/.test(url.protocol))
    throw new CommandFailure(
      'usage',
      'url-malformed',
      'the URL of the control plane is not an origin',
      `give it as ${DEFAULT_URL}, without path or user`,
    );
  if (url.protocol === 'http:' && !LOOPBACK.test(url.hostname))
    throw new CommandFailure(
      'usage',
      'url-insecure',
      `the token would go to \`${url.hostname}\` in clear text`,
      'use https:// for another machine',
    );
  return url.origin;
}

/** Whatever the answer holds is shown within bounds. */
function failureOf(problem: Problem): CommandFailure {
  const { code, title, detail, instance, type: _type, status: _status, ...members } = problem;
  const known = Object.hasOwn(PROBLEMS, code) ? PROBLEMS[code] : undefined;
  const message = [title, detail].filter((part) => typeof part === 'string').join(': ');
  const caller = (known && ADVICE[code]) ?? known?.caller;
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
