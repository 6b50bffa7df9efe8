/** The certificate extensions that a verifier of SVIDs reads (RFC 5280 4.2), one row each. */
import {
  contextTag,
  type DerElement,
  readBitString,
  readBoolean,
  readNull,
  readOctetString,
  readOid,
  readSequence,
  readSmallInteger,
  TAG,
} from '@postern/der';
import { readSubjectAltName, type SubjectAltName } from './general_name.ts';
import { readNameConstraints, type UriConstraints } from './name_constraints.ts';
import { hexOf } from './octets.ts';
import { Fields, Malformed, must, only } from './strict_fields.ts';

/** In the order of their bits (RFC 5280 4.2.1.3). */
const KEY_USAGES = [
  'digitalSignature',
  'contentCommitment',
  'keyEncipherment',
  'dataEncipherment',
  'keyAgreement',
  'keyCertSign',
  'cRLSign',
  'encipherOnly',
  'decipherOnly',
] as const;

export type KeyUsage = (typeof KEY_USAGES)[number];

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
  /** Pointers to delta lists (RFC 5280 4.2.1.15). */
  readonly hasFreshestCrl?: boolean;
  readonly hasOcsp?: boolean;
  readonly noRevAvail?: boolean;
}

export interface RawExtension {
  readonly oid: string;
  readonly isCritical: boolean;
  /** Contents of `extnValue`, DER. */
  readonly value: Uint8Array;
}

export const EKU_SERVER_AUTH = '1.3.6.1.5.5.7.3.1';
export const EKU_CLIENT_AUTH = '1.3.6.1.5.5.7.3.2';
export const EKU_ANY = '2.5.29.37.0';
const OCSP = '1.3.6.1.5.5.7.48.1';

/** `unapplied`: we only note that it is there, so one that is critical counts as unknown. */
type Criticality = 'either' | 'never' | 'unapplied';

interface Row {
  readonly name: string;
  readonly critical: Criticality;
  readonly read: (value: DerElement, isCritical: boolean, name: string) => Extensions;
}

const ROWS: { readonly [oid: string]: Row } = {
  '2.5.29.19': { name: 'basicConstraints', critical: 'either', read: readBasicConstraints },
  '2.5.29.15': { name: 'keyUsage', critical: 'either', read: readKeyUsage },
  '2.5.29.37': { name: 'extKeyUsage', critical: 'either', read: readExtendedKeyUsage },
  '2.5.29.17': {
    name: 'subjectAltName',
    critical: 'either',
    read: (value, isCritical, name) => ({
      subjectAltName: readSubjectAltName(must(readSequence(value), name), isCritical),
    }),
  },
  '2.5.29.30': {
    name: 'nameConstraints',
    critical: 'either',
    read: (value, _isCritical, name) => ({ uriConstraints: readNameConstraints(must(readSequence(value), name)) }),
  },
  '2.5.29.14': {
    name: 'subjectKeyIdentifier',
    critical: 'never',
    read: (value, _isCritical, name) => ({ subjectKeyId: hexOf(must(readOctetString(value), name)) }),
  },
  '2.5.29.35': { name: 'authorityKeyIdentifier', critical: 'never', read: readAuthorityKeyId },
  '1.3.6.1.5.5.7.1.1': { name: 'authorityInfoAccess', critical: 'never', read: readAuthorityInfoAccess },
  // RFC 9608 2.
  '2.5.29.56': {
    name: 'noRevAvail',
    critical: 'never',
    read: (value, _isCritical, name) => {
      must(readNull(value), name);
      return { noRevAvail: true };
    },
  },
  '2.5.29.31': {
    name: 'cRLDistributionPoints',
    critical: 'unapplied',
    read: () => ({ hasCrlDistributionPoints: true }),
  },
  '2.5.29.46': { name: 'freshestCRL', critical: 'never', read: () => ({ hasFreshestCrl: true }) },
};

/** They limit a path and are critical by RFC 5280 (4.2.1.11, 4.2.1.14): one that does not say so binds all the same. */
const ALWAYS_BINDING: ReadonlySet<string> = new Set(['2.5.29.36', '2.5.29.54']);

/** Throws `Malformed`. `list`: all extensions of one certificate. */
export function readExtensions(list: readonly RawExtension[]): Extensions & { readonly unknownCritical: string[] } {
  if (list.length === 0) throw new Malformed('extensions: empty');
  let known: Extensions = {};
  const unknownCritical: string[] = [];
  const seen = new Set<string>();
  for (const { oid, isCritical, value } of list) {
    // RFC 5280 4.2: one of each, or two readers believe different ones.
    if (seen.has(oid)) throw new Malformed(`extension ${oid}: twice`);
    seen.add(oid);
    const row = Object.hasOwn(ROWS, oid) ? ROWS[oid] : undefined;
    if (isCritical && row?.critical === 'never') throw new Malformed(`${row.name}: critical`);
    if (ALWAYS_BINDING.has(oid) || (isCritical && row?.critical !== 'either')) unknownCritical.push(oid);
    if (row) known = { ...known, ...row.read(only(value, row.name), isCritical, row.name) };
  }
  return { ...known, unknownCritical };
}

function readBasicConstraints(value: DerElement, isCritical: boolean, name: string): Extensions {
  const fields = new Fields(must(readSequence(value), name));
  const ca = fields.optional(TAG.boolean);
  // X.690 11.5: a DEFAULT FALSE is never spelled out.
  if (ca && !must(readBoolean(ca), name)) throw new Malformed(`${name}: cA FALSE spelled out`);
  const length = fields.optional(TAG.integer);
  fields.end(name);
  const pathLength = length && must(readSmallInteger(length), 'pathLenConstraint');
  return {
    basicConstraints: { isCritical, isCa: ca !== undefined, ...(pathLength === undefined ? {} : { pathLength }) },
  };
}

function readKeyUsage(value: DerElement, isCritical: boolean, name: string): Extensions {
  const { bytes, unusedBits } = must(readBitString(value), name);
  const last = bytes[bytes.length - 1];
  // RFC 5280 4.2.1.3: at least one bit; X.690 11.2.2: no zero bits at the end.
  if (last === undefined || ((last >> unusedBits) & 1) === 0)
    throw new Malformed(`${name}: no bit, or zero bits behind`);
  const isSet = (bit: number) => (((bytes[bit >> 3] ?? 0) >> (7 - (bit & 7))) & 1) === 1;
  return { keyUsage: { isCritical, usages: new Set(KEY_USAGES.filter((_, bit) => isSet(bit))) } };
}

function readExtendedKeyUsage(value: DerElement, _isCritical: boolean, name: string): Extensions {
  const purposes = must(readSequence(value), name).map((purpose) => must(readOid(purpose), name));
  if (purposes.length === 0) throw new Malformed(`${name}: empty`);
  return { extendedKeyUsage: purposes };
}

function readAuthorityKeyId(value: DerElement, _isCritical: boolean, name: string): Extensions {
  const fields = new Fields(must(readSequence(value), name));
  const keyId = fields.optional(contextTag(0, 'primitive'));
  const issuer = fields.optional(contextTag(1, 'constructed'));
  const serial = fields.optional(contextTag(2, 'primitive'));
  fields.end(name);
  // RFC 5280 4.2.1.1, A.2: both or neither.
  if ((issuer === undefined) !== (serial === undefined)) throw new Malformed(`${name}: issuer and serial are a pair`);
  return keyId ? { authorityKeyId: hexOf(keyId.value) } : {};
}

function readAuthorityInfoAccess(value: DerElement, _isCritical: boolean, name: string): Extensions {
  const descriptions = must(readSequence(value), name);
  if (descriptions.length === 0) throw new Malformed(`${name}: empty`);
  let hasOcsp = false;
  for (const description of descriptions) {
    const fields = new Fields(must(readSequence(description), name));
    const method = must(readOid(fields.next('accessMethod')), name);
    fields.next('accessLocation');
    fields.end(name);
    if (method === OCSP) hasOcsp = true;
  }
  return hasOcsp ? { hasOcsp } : {};
}
