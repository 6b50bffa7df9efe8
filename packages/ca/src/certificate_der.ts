/** To-be-signed certificates, written by hand: one layout for leaves, issuers and roots (RFC 5280 4.1). */
import { createHash } from 'node:crypto';
import {
  contextTag,
  element,
  oid,
  parseDer,
  readBitString,
  readSequence,
  sequence,
  setOf,
  time,
  unsigned,
  utf8String,
} from '@postern/der';

export interface CertificateFields {
  /** Magnitude octets, positive. */
  readonly serial: Uint8Array;
  /** Name, DER. */
  readonly issuer: Uint8Array;
  readonly subject: Uint8Array;
  readonly notBeforeMs: number;
  readonly notAfterMs: number;
  /** SubjectPublicKeyInfo, DER. */
  readonly spki: Uint8Array;
  /** AlgorithmIdentifier, DER, of the key that will sign. */
  readonly signatureAlgorithm: Uint8Array;
  /** Extensions, DER each. */
  readonly extensions: readonly Uint8Array[];
}

const V3 = element(contextTag(0, 'constructed'), unsigned(2));

/** TBSCertificate, DER. */
export function createTbsCertificate(fields: CertificateFields): Uint8Array {
  return sequence(
    V3,
    unsigned(fields.serial),
    fields.signatureAlgorithm,
    fields.issuer,
    sequence(time(fields.notBeforeMs), time(fields.notAfterMs)),
    fields.subject,
    fields.spki,
    element(contextTag(3, 'constructed'), sequence(...fields.extensions)),
  );
}

const ORGANIZATION = '2.5.4.10';
const COMMON_NAME = '2.5.4.3';

/** `O=Postern`, with a common name for authorities. Never text from a request. */
export function createName(commonName?: string): Uint8Array {
  const attribute = (type: string, value: string) => setOf(sequence(oid(type), utf8String(value)));
  return commonName === undefined
    ? sequence(attribute(ORGANIZATION, 'Postern'))
    : sequence(attribute(ORGANIZATION, 'Postern'), attribute(COMMON_NAME, commonName));
}

/** RFC 5280 4.2.1.2 method 1: SHA-1 over the key's bits. A name for the key, not a proof of anything. */
export function keyIdOf(spki: Uint8Array): Uint8Array {
  const parsed = parseDer(spki, { maxBytes: 4096 });
  const parts = parsed.ok ? readSequence(parsed.value) : parsed;
  const bits = parts.ok && parts.value[1] ? readBitString(parts.value[1]) : undefined;
  if (!bits?.ok) throw new TypeError('not a SubjectPublicKeyInfo');
  return createHash('sha1').update(bits.value.bytes).digest();
}
