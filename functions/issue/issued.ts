/** What all issuing doors share: names from our own store, and what was issued as it is answered. */
import type { IssuedSvid } from '@postern/api';
import {
  type Authority,
  findEntryProfile,
  type IssuedCertificate,
  type IssueReason,
  type RegistrationEntry,
} from '@postern/ca';
import { type Result, refuse } from '@postern/result';
import { parseSpiffeId, type SpiffeId } from '@postern/spiffe';
import type { DoorRefusal } from '../door/door.ts';

/** Base64 of the largest request. */
export const MAX_CSR_TEXT = 12 * 1024;

/** `profile-unknown`: of an entry that another version of the control plane wrote. */
export type EntryIssueReason = IssueReason | 'profile-unknown';

/** What is not here is the caller's own mistake. */
const CODES: { readonly [R in EntryIssueReason]?: DoorRefusal['refused'] } = {
  'authority-unavailable': 'unavailable',
  'issuer-life-too-short': 'unavailable',
  'lint-failed': 'internal',
  'lint-unreadable': 'internal',
  'profile-unknown': 'internal',
  'issuance-revoked': 'not-permitted',
};

export function refusedIssue(reason: EntryIssueReason): DoorRefusal {
  return { refused: CODES[reason] ?? 'malformed-request', reason };
}

/** `spiffeId`: the entry's, its template filled. `csr`: base64 DER, untrusted. */
export async function issueForEntry(
  authority: Authority,
  request: {
    readonly entry: RegistrationEntry;
    readonly spiffeId: SpiffeId;
    readonly csr: string;
    readonly requester: string;
    /** For the DNS names alone. */
    readonly isServer?: true;
    /** Of a workload that showed a proof of its own; for the record. */
    readonly selectors?: readonly string[];
  },
): Promise<Result<IssuedCertificate, EntryIssueReason>> {
  const { entry, spiffeId, csr, requester, isServer, selectors } = request;
  const profile = findEntryProfile(entry.profile);
  if (profile === undefined) return refuse('profile-unknown', entry.profile);
  return authority.issueX509Svid({
    spiffeId,
    dnsNames: entry.dnsNames,
    ttlSeconds: entry.ttlSeconds,
    notAfterMs: entry.expiresAtMs,
    profile,
    csr: Buffer.from(csr, 'base64'),
    requester,
    entryId: entry.id,
    ...(isServer && { isServer }),
    ...(selectors !== undefined && { selectors }),
  });
}

/** From our own store, where it was checked before it was written. */
export function ownId(uri: string): SpiffeId {
  const id = parseSpiffeId(uri);
  if (!id.ok) throw new Error(`a stored SPIFFE ID cannot be read: ${id.reason}`);
  return id.value;
}

export function svidOf(issued: IssuedCertificate): IssuedSvid {
  const { spiffeId, serial, notBeforeMs, notAfterMs } = issued;
  return {
    spiffeId,
    serial,
    notBeforeMs,
    notAfterMs,
    chain: issued.chain.map((der) => Buffer.from(der).toString('base64')),
  };
}
