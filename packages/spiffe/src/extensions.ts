/** The certificate extensions that SVIDs use (RFC 5280 4.2), one row each. */
import {
  contextTag,
  type DerElement,
  parseDer,
  readBitString,
  readBoolean,
  readImplicitIa5,
  readNull,
  readOctetString,
  readOid,
  readSequence,
  readSmallInteger,
  TAG,
} from '@postern/der';
import { hexOf, MAX_CERTIFICATE_BYTES, Malformed, must, type RawExtension } from './certificate.ts';

export type KeyUsage =
  | 'digitalSignature'
  | 'contentCommitment'
  | 'keyEncipherment'
  | 'dataEncipherment'
  | 'keyAgreement'
  | 'keyCertSign'
  | 'cRLSign'
  | 'encipherOnly'
  | 'decipherOnly';

/** In the order of their bits (RFC 5280 4.2.1.3). */
const KEY_USAGES: readonly KeyUsage[] = [
  'digitalSignature',
  'contentCommitment',
  'keyEncipherment',
  'dataEncipherment',
  'keyAgreement',
  'keyCertSign',
  'cRLSign',
  'encipherOnly',
  'decipherOnly',
];

export interface SubjectAltName {
  readonly isCritical: boolean;
  readonly uris: readonly string[];
  readonly dnsNames: readonly string[];
  /** Octets of the addresses. */
  readonly ips: readonly Uint8Array[];
  readonly emails: readonly string[];
  /** Names of other kinds. */
  readonly others: number;
}

export interface UriConstraints {
  /** Hosts, such as `demo.test` or `.demo.test` (RFC 5280 4.2.1.10). */
  readonly permitted: readonly string[];
  readonly excluded: readonly string[];
  /** Constraints on other kinds of name are there too, which no check here applies. */
  readonly hasOtherKinds: boolean;
}

export interface Extensions {
  readonly basicConstraints?: { readonly isCritical: boolean; readonly isCa: boolean; readonly pathLength?: number };
  readonly keyUsage?: { readonly isCritical: boolean; readonly usages: ReadonlySet<KeyUsage> };
  /** OIDs. */
  readonly extendedKeyUsage?: readonly string[];
  readonly subjectAltName?: SubjectAltName;
  /** Lower-case hex. */
  readonly subjectKeyId?: string;
  readonly authorityKeyId?: string;
  readonly uriConstraints?: UriConstraints;
  readonly hasCrlDistributionPoints?: boolean;
  readonly hasOcsp?: boolean;
  readonly noRevAvail?: boolean;
}

export const EKU_SERVER_AUTH = '1.3.6.1.5.5.7.3.1';
export const EKU_CLIENT_AUTH = '1.3.6.1.5.5.7.3.2';
const OCSP = '1.3.6.1.5.5.7.48.1';

type Mutable = { -readonly [K in keyof Extensions]: Extensions[K] };
type Read = (value: DerElement, isCritical: boolean, into: Mutable) => void;

const READERS: { readonly [oid: string]: Read } = {
  '2.5.29.19': (value, isCritical, into) => {
    const fields = must(readSequence(value), 'basicConstraints');
    const [first, second] = fields;
    const isCa = first?.tag === TAG.boolean ? must(readBoolean(first), 'cA') : false;
    if (first?.tag === TAG.boolean && !isCa) throw new Malformed('basicConstraints: cA FALSE spelled out');
    const length = first?.tag === TAG.boolean ? second : first;
    if (fields.length > (first?.tag === TAG.boolean ? 2 : 1)) throw new Malformed('basicConstraints: unexpected field');
    into.basicConstraints = {
      isCritical,
      isCa,
      ...(length ? { pathLength: must(readSmallInteger(length), 'pathLenConstraint') } : {}),
    };
  },
  '2.5.29.15': (value, isCritical, into) => {
    const { bytes } = must(readBitString(value), 'keyUsage');
    const isSet = (bit: number) => (((bytes[bit >> 3] ?? 0) >> (7 - (bit & 7))) & 1) === 1;
    into.keyUsage = { isCritical, usages: new Set(KEY_USAGES.filter((_, bit) => isSet(bit))) };
  },
  '2.5.29.37': (value, _isCritical, into) => {
    into.extendedKeyUsage = must(readSequence(value), 'extKeyUsage').map((purpose) => must(readOid(purpose), 'purpose'));
  },
  '2.5.29.17': (value, isCritical, into) => {
    into.subjectAltName = readNames(must(readSequence(value), 'subjectAltName'), isCritical);
  },
  '2.5.29.14': (value, _isCritical, into) => {
    into.subjectKeyId = hexOf(must(readOctetString(value), 'subjectKeyIdentifier'));
  },
  '2.5.29.35': (value, _isCritical, into) => {
    const keyId = must(readSequence(value), 'authorityKeyIdentifier').find((field) => field.tag === contextTag(0, 'primitive'));
    if (keyId) into.authorityKeyId = hexOf(keyId.value);
  },
  '2.5.29.30': (value, _isCritical, into) => {
    into.uriConstraints = readConstraints(must(readSequence(value), 'nameConstraints'));
  },
  '2.5.29.31': (_value, _isCritical, into) => {
    into.hasCrlDistributionPoints = true;
  },
  '1.3.6.1.5.5.7.1.1': (value, _isCritical, into) => {
    for (const access of must(readSequence(value), 'authorityInfoAccess')) {
      const [method] = must(readSequence(access), 'accessDescription');
      if (method && must(readOid(method), 'accessMethod') === OCSP) into.hasOcsp = true;
    }
  },
  '2.5.29.56': (value, _isCritical, into) => {
    must(readNull(value), 'noRevAvail');
    into.noRevAvail = true;
  },
};

export function readExtensions(
  list: DerElement,
  readExtension: (element: DerElement) => RawExtension,
): { known: Extensions; unknownCritical: string[] } {
  const known: Mutable = {};
  const unknownCritical: string[] = [];
  const seen = new Set<string>();
  for (const element of must(readSequence(list), 'extensions')) {
    const { oid, isCritical, value } = readExtension(element);
    // RFC 5280 4.2: one of each, or two readers believe different ones.
    if (seen.has(oid)) throw new Malformed(`extension ${oid}: twice`);
    seen.add(oid);
    const read = READERS[oid];
    if (read) read(must(parseDer(value, { maxBytes: MAX_CERTIFICATE_BYTES }), `extension ${oid}`), isCritical, known);
    else if (isCritical) unknownCritical.push(oid);
  }
  return { known, unknownCritical };
}

/** GeneralName choices (RFC 5280 4.2.1.6). */
const NAME = {
  email: contextTag(1, 'primitive'),
  dns: contextTag(2, 'primitive'),
  uri: contextTag(6, 'primitive'),
  ip: contextTag(7, 'primitive'),
};

function readNames(names: readonly DerElement[], isCritical: boolean): SubjectAltName {
  const texts = (tag: number) =>
    names.filter((name) => name.tag === tag).map((name) => must(readImplicitIa5(name), 'subjectAltName'));
  const ips = names.filter((name) => name.tag === NAME.ip).map((name) => name.value);
  const known = new Set<number>(Object.values(NAME));
  return {
    isCritical,
    uris: texts(NAME.uri),
    dnsNames: texts(NAME.dns),
    emails: texts(NAME.email),
    ips,
    others: names.filter((name) => !known.has(name.tag)).length,
  };
}

function readConstraints(trees: readonly DerElement[]): UriConstraints {
  const permitted: string[] = [];
  const excluded: string[] = [];
  let hasOtherKinds = false;
  for (const tree of trees) {
    const list = tree.tag === contextTag(0, 'constructed') ? permitted : excluded;
    const subtrees = must(readSequence({ ...tree, tag: TAG.sequence }), 'generalSubtrees');
    for (const subtree of subtrees) {
      const [base, ...bounds] = must(readSequence(subtree), 'generalSubtree');
      // RFC 5280 4.2.1.10: minimum is 0 (absent) and maximum is absent.
      if (base?.tag === NAME.uri && bounds.length === 0) list.push(must(readImplicitIa5(base), 'nameConstraints'));
      else hasOtherKinds = true;
    }
  }
  return { permitted, excluded, hasOtherKinds };
}
