/** PKCS #10 certification requests, read strictly (RFC 2986 4). Nothing here is verified or granted. */
import {
  contextTag,
  type DerElement,
  parseDer,
  readBitString,
  readBoolean,
  readChildren,
  readOctetString,
  readOid,
  readSequence,
  readSet,
  readSmallInteger,
  readText,
  TAG,
} from '@postern/der';
import { accept, type Result, refuse } from '@postern/result';

export interface CertificationRequest {
  /** CertificationRequestInfo, DER: what the signature is over. */
  readonly info: Uint8Array;
  /** SubjectPublicKeyInfo, DER. */
  readonly spki: Uint8Array;
  readonly algorithm: { readonly oid: string; readonly parameters?: Uint8Array };
  readonly signature: Uint8Array;
  /** Of the requested subjectAltName, and of the subject. */
  readonly names: RequestedNames;
}

export interface RequestedNames {
  readonly uris: readonly string[];
  readonly dnsNames: readonly string[];
  /** Of the subject, where clients of old put a name; what cannot be read as one is an empty text. */
  readonly commonNames: readonly string[];
  /** How many names of other kinds: addresses, mail, directory names. */
  readonly others: number;
}

type AltNames = Omit<RequestedNames, 'commonNames'>;

const NO_NAMES: AltNames = { uris: [], dnsNames: [], others: 0 };
const COMMON_NAME = '2.5.4.3';
const EXTENSION_REQUEST = '1.2.840.113549.1.9.14';
const SUBJECT_ALT_NAME = '2.5.29.17';
/** What clients commonly ask for. The profile decides about these, so that they are read over even when critical. */
const DECIDED_BY_PROFILE: ReadonlySet<string> = new Set([
  '2.5.29.14',
  '2.5.29.15',
  '2.5.29.17',
  '2.5.29.19',
  '2.5.29.37',
]);
const URI = contextTag(6, 'primitive');
const DNS_NAME = contextTag(2, 'primitive');

type Reason = 'csr-malformed' | 'csr-extension-unsupported';

/** Ends reading; never leaves this file. */
class Unreadable extends Error {
  readonly reason: Reason;

  constructor(reason: Reason, detail: string) {
    super(detail);
    this.reason = reason;
  }
}

/** `der`: untrusted, already bounded. `csr-extension-unsupported`: one that the client calls critical and nobody knows. */
export function readCertificationRequest(der: Uint8Array): Result<CertificationRequest, Reason> {
  try {
    return accept(read(der));
  } catch (fault) {
    if (fault instanceof Unreadable) return refuse(fault.reason, fault.message);
    throw fault;
  }
}

function must<T>(result: Result<T>, part: string): T {
  if (result.ok) return result.value;
  throw new Unreadable('csr-malformed', `${part}: ${result.reason}`);
}

/** The elements of a SEQUENCE of `least` to `most` of them. */
function fieldsOf(element: DerElement, part: string, least: number, most: number): DerElement[] {
  const fields = must(readSequence(element), part);
  if (fields.length < least || fields.length > most) throw new Unreadable('csr-malformed', `${part}: number of fields`);
  return fields;
}

function read(der: Uint8Array): CertificationRequest {
  const whole = must(parseDer(der, { maxBytes: der.length }), 'request');
  const [info, algorithm, signature] = fieldsOf(whole, 'request', 3, 3) as [DerElement, DerElement, DerElement];
  const [version, subject, spki, attributes] = fieldsOf(info, 'info', 4, 4) as [
    DerElement,
    DerElement,
    DerElement,
    DerElement,
  ];
  if (must(readSmallInteger(version), 'version') !== 0) throw new Unreadable('csr-malformed', 'version');
  const commonNames = readCommonNames(must(readSequence(subject), 'subject'));
  if (attributes.tag !== contextTag(0, 'constructed')) throw new Unreadable('csr-malformed', 'attributes');
  const [oid, parameters] = fieldsOf(algorithm, 'algorithm', 1, 2) as [DerElement, DerElement?];
  const bits = must(readBitString(signature), 'signature');
  if (bits.unusedBits !== 0) throw new Unreadable('csr-malformed', 'signature');
  const dotted = must(readOid(oid), 'algorithm');
  return {
    info: info.raw,
    spki: spki.raw,
    algorithm: parameters ? { oid: dotted, parameters: parameters.raw } : { oid: dotted },
    signature: bits.bytes,
    names: { ...readAttributes(must(readChildren(attributes), 'attributes')), commonNames },
  };
}

/** Nothing else of a subject is looked at, and what is malformed in it names nobody. */
function readCommonNames(subject: readonly DerElement[]): readonly string[] {
  const names: string[] = [];
  for (const part of subject) {
    const attributes = readSet(part);
    for (const attribute of attributes.ok ? attributes.value : []) {
      const fields = readSequence(attribute);
      const [type, value] = fields.ok ? fields.value : [];
      const oid = type && readOid(type);
      if (oid?.ok !== true || oid.value !== COMMON_NAME) continue;
      const text = value && readText(value);
      names.push(text?.ok === true ? text.value : '');
    }
  }
  return names;
}

/** Attributes other than the extension request (a challenge password, vendors' own) say nothing that we would grant. */
function readAttributes(attributes: readonly DerElement[]): AltNames {
  let names: AltNames | undefined;
  for (const attribute of attributes) {
    const [type, values] = fieldsOf(attribute, 'attribute', 2, 2) as [DerElement, DerElement];
    const isExtensionRequest = must(readOid(type), 'attribute') === EXTENSION_REQUEST;
    const list = must(readSet(values), 'attribute');
    if (!isExtensionRequest) continue;
    // RFC 2985 5.4.2: single-valued; of two, another reader may take the other.
    const [only] = list;
    if (names !== undefined || list.length !== 1 || only === undefined)
      throw new Unreadable('csr-malformed', 'extension request: not one');
    names = readExtensions(must(readSequence(only), 'extension request'));
  }
  return names ?? NO_NAMES;
}

function readExtensions(extensions: readonly DerElement[]): AltNames {
  let names = NO_NAMES;
  const seen = new Set<string>();
  for (const extension of extensions) {
    const fields = fieldsOf(extension, 'extension', 2, 3);
    const oid = must(readOid(fields[0] as DerElement), 'extension');
    if (seen.has(oid)) throw new Unreadable('csr-malformed', `extension ${oid}: twice`);
    seen.add(oid);
    const critical = fields.length === 3 ? (fields[1] as DerElement) : undefined;
    if (critical !== undefined && critical.tag !== TAG.boolean)
      throw new Unreadable('csr-malformed', `extension ${oid}`);
    const isCritical = critical !== undefined && must(readBoolean(critical), `extension ${oid}`);
    // X.690 11.5: a DEFAULT FALSE is never spelled out.
    if (critical !== undefined && !isCritical) throw new Unreadable('csr-malformed', `extension ${oid}: critical`);
    const value = must(readOctetString(fields[fields.length - 1] as DerElement), `extension ${oid}`);
    if (isCritical && !DECIDED_BY_PROFILE.has(oid)) throw new Unreadable('csr-extension-unsupported', oid);
    if (oid === SUBJECT_ALT_NAME) names = readNames(value);
  }
  return names;
}

function readNames(value: Uint8Array): AltNames {
  const list = must(readSequence(must(parseDer(value, { maxBytes: value.length }), 'names')), 'names');
  // As octets: whatever is not the granted name, character for character, differs from it.
  const textOf = ({ value: octets }: DerElement) => Buffer.from(octets).toString('latin1');
  return {
    uris: list.filter(({ tag }) => tag === URI).map(textOf),
    dnsNames: list.filter(({ tag }) => tag === DNS_NAME).map(textOf),
    others: list.filter(({ tag }) => tag !== URI && tag !== DNS_NAME).length,
  };
}
