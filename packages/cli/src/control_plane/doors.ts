/** How an administrator's calls get to the control plane, and as whom: one implementation for each kind of credential. */
import type { ProblemCode } from '@postern/api';
import { CommandFailure } from '../failure.ts';

export interface Doors {
  /** Shown to people: where the state of the whole is asked for. */
  readonly url: string;
  /** Of a deployed control plane. */
  readonly deployment?: Deployment;
  /** Origin of the door that answers this target. */
  originOf(target: string): string;
  /** As `fetch` does, with the credential. A `CommandFailure` of it ends the command. */
  send(url: string, call: OutgoingCall): Promise<Response>;
  /** Where these doors know more than the registry says to every caller. */
  readonly advice: Advice;
  /** What an answer says that is none of a control plane's: from what stands before the door. */
  readonly failureOf: (answer: ForeignAnswer) => CommandFailure | undefined;
}

export type Advice = { readonly [C in ProblemCode]?: string } & {
  readonly 'control-plane-unreachable': string;
  readonly 'answer-malformed': string;
};

export interface Deployment {
  readonly stack: string;
  readonly region: string;
}

export interface OutgoingCall {
  readonly method: string;
  readonly headers: { readonly [name: string]: string };
  readonly body?: string;
  readonly signal: AbortSignal;
  /** A credential is for the named origin alone. */
  readonly redirect: 'manual';
}

export interface ForeignAnswer {
  readonly url: string;
  readonly status: number;
  /** Undefined when the body is no JSON object. */
  readonly body: { readonly [name: string]: unknown } | undefined;
}

const LOOPBACK = /^(?:localhost|127(?:\.\d{1,3}){3}|\[::1\])$/;

/** `hostname`: as a URL has it. */
export const isLoopback = (hostname: string): boolean => LOOPBACK.test(hostname);

interface Purpose {
  readonly sent: string;
  readonly advice: string;
}

/**
 * Nothing but scheme, host and port, and in clear text only to this machine. `sent`: what would go there; `advice`: how to
 * give it right. Answers the origin.
 */
export function checkOrigin(text: string, purpose: Purpose): string {
  const baseUrl = checkBaseUrl(text, purpose);
  if (new URL(baseUrl).origin === baseUrl) return baseUrl;
  throw malformed('is not an origin', purpose);
}

/** The same, and a path below which the doors are, as a stand-in has it; answered without a `/` at its end. */
export function checkBaseUrl(text: string, purpose: Purpose): string {
  const url = URL.canParse(text) ? new URL(text) : undefined;
  if (url === undefined || !/^https?:$/.test(url.protocol) || `${url.origin}${url.pathname}` !== url.href)
    throw malformed('is not one', purpose);
  if (url.protocol === 'http:' && !isLoopback(url.hostname))
    throw new CommandFailure(
      'usage',
      'url-insecure',
      `${purpose.sent} would go to \`${url.hostname}\` in clear text`,
      'use https:// for another machine',
    );
  return url.href.replace(/\/$/, '');
}

function malformed(what: string, { advice }: Purpose): CommandFailure {
  return new CommandFailure('usage', 'url-malformed', `the URL of the control plane ${what}`, advice);
}
