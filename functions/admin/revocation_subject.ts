/**
 * What may be revoked, by the name that decision points look it up under. A name that no credential could bear is refused:
 * it would be answered as revoked, and nothing would be.
 */
import { agentSpiffeId } from '@postern/ca';
import { accept, type Result, refuse } from '@postern/result';
import { parseSpiffeId, type TrustDomain } from '@postern/spiffe';

export interface RevocationSubject {
  /** `kind:name`. */
  readonly subject: string;
  readonly kind: SubjectKind;
  readonly name: string;
}

export type SubjectKind = 'svid' | 'spiffe-id' | 'issuer' | 'entry' | 'agent' | 'user' | 'session' | 'device';

/** RFC 5280 4.1.2.2: 20 octets at most; programs print them in either case, with colons, with or without leading zeros. */
const SERIAL = /^[0-9a-f]{1,42}$/;
const KEY_ID = /^[0-9a-f]{40}$/;
const ENTRY_ID = /^[0-9a-f]{8}(?:-[0-9a-f]{4}){3}-[0-9a-f]{12}$/;
const SUBJECT = /^(svid|spiffe-id|issuer|entry|agent|user|session|device):([\x21-\x7e]+)$/;

const hexOf = (name: string): string => name.replaceAll(':', '').toLowerCase();
const matching = (name: string, form: RegExp): string | undefined => (form.test(name) ? name : undefined);

/** The name as it is looked up; `undefined` for what is none. */
const NAMES: { readonly [K in SubjectKind]: (name: string, trustDomain: TrustDomain) => string | undefined } = {
  svid: (name) => {
    const serial = matching(hexOf(name), SERIAL);
    return serial?.padStart(serial.length + (serial.length % 2), '0').replace(/^(?:00)+(?=..)/, '');
  },
  issuer: (name) => matching(hexOf(name), KEY_ID),
  entry: (name) => matching(name, ENTRY_ID),
  // Of other trust domains too: their SVIDs come here as well.
  'spiffe-id': (name) => (parseSpiffeId(name).ok ? name : undefined),
  agent: (name, trustDomain) => {
    const prefix = `spiffe://${trustDomain}/postern/agent/`;
    const id = agentSpiffeId(trustDomain, name.startsWith(prefix) ? name.slice(prefix.length) : name);
    return id.ok ? id.value : undefined;
  },
  user: (name) => name,
  session: (name) => name,
  device: (name) => name,
};

/** `text`: from an administrator, at most 2,048 characters. */
export function parseRevocationSubject(
  text: string,
  trustDomain: TrustDomain,
): Result<RevocationSubject, 'revocation-subject'> {
  const [, kind, given = ''] = SUBJECT.exec(text) ?? [];
  if (kind === undefined) return refuse('revocation-subject');
  const name = NAMES[kind as SubjectKind](given, trustDomain);
  if (name === undefined) return refuse('revocation-subject');
  return accept({ subject: `${kind}:${name}`, kind: kind as SubjectKind, name });
}
