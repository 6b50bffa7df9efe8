/** An entry that is refused, in words for the administrator who wrote it: what is wrong, and what to do. */
import type { EntryReason } from '@postern/ca';
import type { Refusal } from '@postern/result';
import type { TrustDomain } from '@postern/spiffe';
import type { DoorRefusal } from '../door/door.ts';

export type EntryRefusalReason = EntryReason | 'entry-exists' | 'entry-anchors-full' | 'entry-revision';

interface Words {
  readonly wrong: string;
  readonly advice: string;
}

/** `demo.test` stands for the trust domain of this control plane. */
const WORDS: { readonly [R in EntryRefusalReason]: Words } = {
  'entry-spiffe-id': {
    wrong: 'the workload’s SPIFFE ID is not written as one',
    advice: 'write it as spiffe://demo.test/NAME, of letters, digits, `.`, `-`, `_` and single slashes',
  },
  'entry-trust-domain': {
    wrong: 'the workload’s SPIFFE ID is of another trust domain; this control plane issues for demo.test alone',
    advice: 'begin it with spiffe://demo.test/',
  },
  'entry-path-reserved': {
    wrong: 'SPIFFE IDs below /postern are those of agents and functions',
    advice: 'choose another path for the workload; an agent gets its own by a join token',
  },
  'entry-path-missing': {
    wrong: 'the SPIFFE ID names the trust domain, and no workload in it',
    advice: 'add a path: spiffe://demo.test/NAME',
  },
  'entry-parent': {
    wrong: 'the parent is no agent and no attestor of this trust domain',
    advice: 'use the SPIFFE ID that the agent says when it is ready: spiffe://demo.test/postern/agent/NODE',
  },
  'entry-template': {
    wrong:
      'a placeholder is one whole segment of the path and never its first, at most 8 of them; only with one may a template be shared',
    advice: 'write it as spiffe://demo.test/NAME/{k8s:ns}/{k8s:sa}',
  },
  'entry-template-parent': {
    wrong: 'placeholders are filled by what an attestor verified, and this parent is an agent',
    advice: 'use an attestor as the parent: spiffe://demo.test/postern/attestor/NAME; or name the workload in full',
  },
  'entry-template-instance': {
    wrong: 'the template does not name its attestor, so that workloads of another one could be given the same names',
    advice:
      'make the attestor’s name a segment of the path, and a label of each DNS name with placeholders; or say that all of them may: --shared-template, isTemplateShared',
  },
  'entry-selectors': {
    wrong:
      'an entry has 1 to 32 selectors (none at all only where its SPIFFE ID has placeholders), each once, each TYPE:VALUE without spaces in at most 512 characters',
    advice: 'give them as unix:uid:1000 or unix:path:/usr/bin/app; the workload must fit all of them',
  },
  'entry-anchors-full': {
    wrong:
      'each of its selectors has a thousand entries at this attestor, which are read for whoever shows that selector',
    advice: 'add a selector that fewer workloads have, or use one entry with placeholders for many workloads',
  },
  'entry-ttl': {
    wrong: 'certificates live for a whole number of seconds, up to a day',
    advice: 'give a life of at most 24h, or none for the default',
  },
  'entry-jwt-ttl': {
    wrong: 'JWT-SVIDs live for a whole number of seconds, from a minute to an hour',
    advice: 'give a life between 1m and 1h, or none for the default',
  },
  'entry-dns-name': {
    wrong: 'an entry has at most 16 DNS names, each once, of letters, digits and hyphens between dots',
    advice:
      'give whole names without wildcards, such as payments.example.org; with an attestor as the parent, labels before the last two may be placeholders',
  },
  'entry-federates-with': {
    wrong: 'an entry federates with at most 32 other trust domains, each once',
    advice: 'give names of trust domains, such as partner.example.org, without spiffe:// and without demo.test itself',
  },
  'entry-hint': { wrong: 'the hint is longer than 1024 bytes, or no text', advice: 'give a shorter one' },
  'entry-profile': { wrong: 'there is no profile of that name for workloads', advice: 'leave the profile out' },
  'entry-owner': {
    wrong: 'an owner is 1 to 63 lower-case letters, digits, `.`, `_`, `/` and `-`, and begins with a letter or digit',
    advice: 'name it as the file that the entry is kept in',
  },
  'entry-expiry': {
    wrong: 'the entry would end in the past, or never',
    advice: 'let it end later, or leave its end out',
  },
  'entry-revision': {
    wrong: 'somebody changed the entry since you read it',
    advice: 'read it again, and decide anew',
  },
  'entry-exists': {
    wrong: 'there is an entry with this SPIFFE ID, parent, selectors and hint',
    advice: 'leave it, or change it: `postern entry list` names its id',
  },
};

export function refusedEntry({ reason, detail }: Refusal<EntryRefusalReason>, trustDomain: TrustDomain): DoorRefusal {
  const { wrong, advice } = WORDS[reason];
  const here = (text: string) => text.replaceAll('demo.test', trustDomain);
  return {
    refused: reason === 'entry-exists' || reason === 'entry-revision' ? 'conflict' : 'malformed-request',
    reason,
    detail: `${here(wrong)} (${[reason, detail].filter(Boolean).join(' ')})`,
    members: { advice: here(advice) },
  };
}
