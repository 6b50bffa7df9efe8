/**
 * Why AWS does not let a signed call through to the function, from the words of its 403. Who is signed out needs other
 * advice than who lacks a grant, and the status is the same.
 */
import { CommandFailure } from '../failure.ts';
import { printable } from '../terminal_text.ts';

interface PlatformRefusal {
  /** In AWS's words ("Troubleshoot signed requests for AWS APIs" and the common errors of its services). */
  readonly says: RegExp;
  readonly reason: string;
  readonly what: string;
  readonly advice: string;
}

const SIGN_IN = 'sign in again (aws sso login), or take new ones';

const NOT_PERMITTED: PlatformRefusal = {
  // First, because it names identities and functions, whose names may hold any word.
  says: /not authorized to perform/i,
  reason: 'role-not-permitted',
  what: 'this AWS identity may not call it',
  advice:
    'it needs lambda:InvokeFunctionUrl and lambda:InvokeFunction there, and a role in `administrators` of the deployment',
};

/** The first that fits; who is known and in time, and still not let in, lacks a grant. */
const REFUSALS: readonly PlatformRefusal[] = [
  NOT_PERMITTED,
  {
    says: /token\b.*\bexpired/i,
    reason: 'credentials-expired',
    what: 'these AWS credentials have expired',
    advice: `${SIGN_IN} into AWS_ACCESS_KEY_ID, AWS_SECRET_ACCESS_KEY and AWS_SESSION_TOKEN`,
  },
  {
    says: /signature (?:expired|not yet current)|date in credential scope/i,
    reason: 'clock-wrong',
    what: 'the clock of this machine differs from that of AWS',
    advice: 'set the clock of this machine (timedatectl says whether it is synchronised), then try again',
  },
  {
    says: /token\b.*\binvalid|signature .*\bdoes not match/i,
    reason: 'credentials-invalid',
    what: 'AWS does not accept these credentials',
    advice: `${SIGN_IN}; key, secret and session token belong together, and AWS_PROFILE names whose they are`,
  },
  {
    says: /credential should be scoped/i,
    reason: 'region-wrong',
    what: 'this call is signed for another Region or service',
    advice: 'look at Region in the deployment’s file, or write it anew: npx cdk deploy --outputs-file FILE',
  },
];

const MAX_MESSAGE_CHARS = 200;

/** `said`: the message of the answer, untrusted; empty when there is none. */
export function platformRefusal(url: string, said: string): CommandFailure {
  const { reason, what, advice } = REFUSALS.find(({ says }) => says.test(said)) ?? NOT_PERMITTED;
  return new CommandFailure('denied', reason, `\`${url}\`: ${what}${quoted(said)}`, advice);
}

/** In brackets behind a message of ours, and nothing when nothing was said. */
export function quoted(said: string): string {
  return said === '' ? '' : ` (${printable(said).slice(0, MAX_MESSAGE_CHARS)})`;
}
