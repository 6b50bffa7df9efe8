/**
 * The `http-01` challenge (RFC 8555 8.3): whoever runs the web server of a name can put there what only the account can
 * compute. The place is made of a checked name and a token of ours; where it leads is checked by `fetchChecked`.
 */
import { randomBytes } from 'node:crypto';
import { fetchChecked, type OutboundRules } from '@postern/outbound';
import { accept, type Result, refuse } from '@postern/result';
import type { AcmeProblemType } from './problems.ts';

export interface HttpChallengeRules extends Omit<OutboundRules, 'ports' | 'maxBytes' | 'maxRedirects' | 'timeoutMs'> {
  /** 80, everywhere but in tests. */
  readonly httpPort: number;
  /** Between two attempts, and so how many there are; none before the first. */
  readonly pausesMs: readonly number[];
  readonly attemptTimeoutMs: number;
}

export type HttpChallengeReason =
  | 'challenge-address'
  | 'challenge-connection'
  | 'challenge-dns'
  | 'challenge-redirect'
  | 'challenge-answer';

/** RFC 8555 8.3 asks for 10 at least in practice: Boulder's number. */
const MAX_REDIRECTS = 10;
/** A key authorization has 87 characters. */
const MAX_ANSWER_BYTES = 1024;
/** 256 bits; RFC 8555 8.1 asks for 128. */
const TOKEN_BYTES = 32;

export const createChallengeToken = (): string => randomBytes(TOKEN_BYTES).toString('base64url');

/** Two more attempts within a few seconds: a server that is just starting is no failure. */
export const CHALLENGE_PAUSES_MS: readonly number[] = [1000, 3000];
export const CHALLENGE_ATTEMPT_TIMEOUT_MS = 4000;

/** For the record and the client; what came instead is nobody's to read. */
const PROBLEMS: { readonly [R in HttpChallengeReason]: AcmeProblemType } = {
  'challenge-address': 'rejectedIdentifier',
  'challenge-connection': 'connection',
  'challenge-dns': 'dns',
  'challenge-redirect': 'connection',
  'challenge-answer': 'incorrectResponse',
};
export const challengeProblem = (reason: HttpChallengeReason): AcmeProblemType => PROBLEMS[reason];

/** `name`: LDH; `token`: ours. An attempt that is refused for where it leads is the last. */
export async function checkHttpChallenge(
  challenge: { readonly name: string; readonly token: string; readonly thumbprint: string },
  rules: HttpChallengeRules,
): Promise<Result<void, HttpChallengeReason>> {
  let result = await attempt(challenge, rules);
  for (const pauseMs of rules.pausesMs) {
    if (result.ok || result.reason === 'challenge-address' || result.reason === 'challenge-redirect') break;
    await new Promise((resolve) => setTimeout(resolve, pauseMs));
    result = await attempt(challenge, rules);
  }
  return result;
}

async function attempt(
  { name, token, thumbprint }: Parameters<typeof checkHttpChallenge>[0],
  rules: HttpChallengeRules,
): Promise<Result<void, HttpChallengeReason>> {
  const { httpPort, isAddressAllowed, resolve } = rules;
  const port = httpPort === 80 ? '' : `:${httpPort}`;
  const fetched = await fetchChecked(`http://${name}${port}/.well-known/acme-challenge/${token}`, {
    isAddressAllowed,
    resolve,
    ports: [80, 443, httpPort],
    maxRedirects: MAX_REDIRECTS,
    maxBytes: MAX_ANSWER_BYTES,
    timeoutMs: rules.attemptTimeoutMs,
  });
  if (!fetched.ok) {
    switch (fetched.reason) {
      case 'address-refused':
        return refuse('challenge-address');
      case 'name-unresolved':
        return refuse('challenge-dns');
      case 'url-refused':
      case 'redirects-too-many':
        return refuse('challenge-redirect');
      case 'answer-too-large':
        return refuse('challenge-answer', 'too large');
      case 'connection-failed':
      case 'timed-out':
        return refuse('challenge-connection', fetched.reason);
    }
  }
  const { status, body } = fetched.value;
  // RFC 8555 8.3: white space at the end is ignored.
  const isRight = status === 200 && Buffer.from(body).toString('latin1').trimEnd() === `${token}.${thumbprint}`;
  return isRight ? accept(undefined) : refuse('challenge-answer', `status ${status}`);
}
