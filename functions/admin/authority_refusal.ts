/** What the rules of the rollover refuse, in words for the administrator who asked for it: what is wrong, and what to do. */
import type { ForeignAnchorReason, IntermediateReason, StepReason } from '@postern/ca';
import type { DoorRefusal } from '../door/door.ts';

export type AuthorityRefusalReason =
  | StepReason
  | IntermediateReason
  | ForeignAnchorReason
  | 'authority-moved'
  | 'nothing-to-do'
  | 'nothing-published'
  | 'nothing-requested'
  | 'not-in-feed'
  | 'command-unknown';

interface Words {
  /** As it is now, when absent, and not what was sent. */
  readonly refused?: 'malformed-request';
  readonly wrong: string;
  readonly advice: string;
}

const STATUS = 'see `postern ca status`';
const COMPANY = 'have the company’s authority certify the request of `postern ca csr`, and give what it answers';
const malformed = 'malformed-request';

const WORDS: { readonly [R in AuthorityRefusalReason]: Words } = {
  'one-at-a-time': {
    wrong: 'a successor of this key is on its way already',
    advice: `let it sign first, or distrust it; ${STATUS}`,
  },
  'generation-order': { wrong: 'it is not the next generation', advice: STATUS },
  'generation-unknown': { wrong: 'there is no such generation of this key', advice: STATUS },
  'not-prepared': { wrong: 'that generation is published already', advice: STATUS },
  'not-published': { wrong: 'nobody knows that generation yet', advice: `wait until it is published; ${STATUS}` },
  'no-successor': {
    wrong: 'no other generation is published that could sign in its place',
    advice: 'make one first: `postern ca prepare`; it has to be out before this one is taken away',
  },
  'already-distrusted': { wrong: 'that generation is distrusted', advice: STATUS },
  'anchor-known': { wrong: 'that authority is in the bundle', advice: STATUS },
  'anchor-own': {
    wrong: 'a certificate is for a key of ours, which would be believed after it is distrusted',
    advice: 'give the certificate of an authority with a key of its own',
  },
  'anchor-unknown': { wrong: 'no foreign authority has that digest', advice: `name it by its SHA-256; ${STATUS}` },
  'anchors-too-many': {
    wrong: 'there are 16 foreign authorities in the bundle',
    advice: 'remove those that no workload has certificates of any more: `postern ca anchor remove`',
  },
  'authority-moved': {
    wrong: 'somebody else moved the authority meanwhile',
    advice: `look, and decide anew: ${STATUS}`,
  },
  'nothing-to-do': {
    wrong: 'no step is due',
    advice: 'see what each key waits for, and until when: `postern ca status`',
  },
  'nothing-published': {
    wrong: 'no generation of this key is published and waits',
    advice: 'only what everybody could have seen may sign: `postern ca prepare` makes and publishes a successor',
  },
  'nothing-requested': {
    wrong: 'no key was made for what the company’s authority is to certify',
    advice: 'ask first, by `postern ca csr`, and have the company’s authority certify that request',
  },
  'not-in-feed': {
    wrong: 'the bundle with that generation is not in the feed, so that nobody can know it',
    advice: 'try again in a minute; if it stays so, look at the log of `rotate`',
  },
  'command-unknown': { refused: malformed, wrong: 'there is no such command', advice: 'see docs/rollover.md' },
  'intermediate-malformed': { refused: malformed, wrong: 'a certificate cannot be read', advice: COMPANY },
  'intermediate-count': {
    refused: malformed,
    wrong: 'more certificates than ours, one above it and the company’s root',
    advice: 'verifiers take no longer chain: have an authority nearer to the root sign the request',
  },
  'intermediate-key': {
    refused: malformed,
    wrong: 'not exactly one certificate is for the key of the request',
    advice: COMPANY,
  },
  'intermediate-root': {
    refused: malformed,
    wrong: 'the company’s root is not among the certificates',
    advice: 'add the self-signed certificate that the chain ends with',
  },
  'intermediate-unused': {
    refused: malformed,
    wrong: 'a certificate is on no path from ours to the root',
    advice: 'leave it out',
  },
  'intermediate-profile': {
    refused: malformed,
    wrong: 'the certificate does not let our key be an authority as verifiers want it',
    advice: 'it needs basicConstraints CA:TRUE, keyUsage keyCertSign and cRLSign, and a subjectKeyIdentifier',
  },
  'intermediate-trust-domain': {
    refused: malformed,
    wrong: 'a certificate bears another SPIFFE ID than this trust domain’s',
    advice: 'have it certified with the name that the request has, or with none',
  },
  'intermediate-path': {
    refused: malformed,
    wrong: 'what would be issued below these certificates would be refused',
    advice: 'have it certified with path length 1 or more, and without constraints that shut our trust domain out',
  },
  'intermediate-life-too-short': {
    refused: malformed,
    wrong: 'the certificates end too soon to issue anything below them',
    advice: 'have them certified for longer; a year is usual',
  },
  'anchor-malformed': {
    refused: malformed,
    wrong: 'it is no certificate of an authority as verifiers want it',
    advice: 'give the root of the other authority: CA:TRUE, keyUsage with keyCertSign',
  },
  'anchor-trust-domain': {
    refused: malformed,
    wrong: 'it is an authority of another trust domain',
    advice: 'believe another trust domain by `postern federation create`, which keeps its names apart from ours',
  },
  'anchor-expired': { refused: malformed, wrong: 'the certificate has ended', advice: 'give the one that is in use' },
};

/** `reason`: of `rotate`, which may be of a later version. */
export function refusedAuthority(reason: string, detail?: string): DoorRefusal {
  const shown = [reason, detail].filter(Boolean).join(' ');
  const words = Object.hasOwn(WORDS, reason) ? WORDS[reason as AuthorityRefusalReason] : undefined;
  if (words === undefined) return { refused: 'conflict', reason, detail: shown };
  const { refused = 'conflict', wrong, advice } = words;
  return { refused, reason, detail: `${wrong} (${shown})`, members: { advice } };
}
