/** GeneralName, the choice of names in a certificate (RFC 5280 4.2.1.6). */
import { contextTag, type DerElement, readImplicitIa5 } from '@postern/der';
import { Malformed, must } from './strict_fields.ts';

export interface SubjectAltName {
  readonly isCritical: boolean;
  readonly uris: readonly string[];
  readonly dnsNames: readonly string[];
  /** Octets of the addresses, 4 or 16 each. */
  readonly ips: readonly Uint8Array[];
  readonly emails: readonly string[];
  /** Names of other kinds. */
  readonly others: number;
}

/** The only identifier octets that DER has for a GeneralName; a URI under another one would be a name we do not see. */
export const NAME_TAGS = {
  otherName: contextTag(0, 'constructed'),
  email: contextTag(1, 'primitive'),
  dns: contextTag(2, 'primitive'),
  x400: contextTag(3, 'constructed'),
  directory: contextTag(4, 'constructed'),
  ediParty: contextTag(5, 'constructed'),
  uri: contextTag(6, 'primitive'),
  ip: contextTag(7, 'primitive'),
  registeredId: contextTag(8, 'primitive'),
} as const;

const KNOWN_TAGS: ReadonlySet<number> = new Set(Object.values(NAME_TAGS));

/** `names`: contents of a GeneralNames; at least one (RFC 5280 4.2.1.6). Throws `Malformed`. */
export function readSubjectAltName(names: readonly DerElement[], isCritical: boolean): SubjectAltName {
  if (names.length === 0) throw new Malformed('subjectAltName: empty');
  const uris: string[] = [];
  const dnsNames: string[] = [];
  const emails: string[] = [];
  const ips: Uint8Array[] = [];
  let others = 0;
  for (const name of names) {
    if (!KNOWN_TAGS.has(name.tag)) throw new Malformed('subjectAltName: no kind of name');
    if (name.tag === NAME_TAGS.uri) uris.push(readText(name));
    else if (name.tag === NAME_TAGS.dns) dnsNames.push(readText(name));
    else if (name.tag === NAME_TAGS.email) emails.push(readText(name));
    else if (name.tag === NAME_TAGS.ip) ips.push(readAddress(name));
    else others += 1;
  }
  return { isCritical, uris, dnsNames, ips, emails, others };
}

function readText(name: DerElement): string {
  const text = must(readImplicitIa5(name), 'subjectAltName');
  if (text === '') throw new Malformed('subjectAltName: an empty name');
  return text;
}

function readAddress(name: DerElement): Uint8Array {
  if (name.value.length !== 4 && name.value.length !== 16) throw new Malformed('subjectAltName: no IP address');
  return name.value;
}
