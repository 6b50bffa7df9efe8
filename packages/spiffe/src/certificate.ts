/** An X.509 certificate, read strictly (RFC 5280 4.1). Nothing here is verified. */
import {
  contextTag,
  type DerElement,
  parseDer,
  readBitString,
  readBoolean,
  readOctetString,
  readOid,
  readSequence,
  readSmallInteger,
  readTime,
  readUnsigned,
  TAG,
} from '@postern/der';
import { accept, type Result, refuse } from '@postern/result';
import { type Extensions, type RawExtension, readExtensions } from './extensions.ts';
import { equalBytes, hexOf } from './octets.ts';
import { Fields, Malformed, must, only } from './strict_fields.ts';

export interface AlgorithmIdentifier {
  readonly oid: string;
  /** DER of the parameters; absent when they are. */
  readonly parameters?: Uint8Array;
}

export interface Certificate extends Extensions {
  readonly der: Uint8Array;
  readonly tbs: Uint8Array;
  /** Lower-case hex of the magnitude, without leading zeros. */
  readonly serial: string;
  readonly signatureAlgorithm: AlgorithmIdentifier;
  readonly signature: Uint8Array;
  /** Name, DER: compared byte for byte. */
  readonly issuer: Uint8Array;
  readonly subject: Uint8Array;
  readonly isSubjectEmpty: boolean;
  readonly notBeforeMs: number;
  readonly notAfterMs: number;
  /** SubjectPublicKeyInfo, DER. */
  readonly spki: Uint8Array;
  /** OIDs of extensions that bind a verifier and that nobody here applies. */
  readonly unknownCritical: readonly string[];
}

/** Larger than any certificate with names we would issue or accept. */
export const MAX_CERTIFICATE_BYTES = 16 * 1024;
/** RFC 5280 4.1.2.2. */
const MAX_SERIAL_BYTES = 20;
const EC_PUBLIC_KEY = '1.2.840.10045.2.1';

export type CertificateReason = 'certificate-too-large' | 'certificate-malformed';

/**
 * Reads one certificate, so that this verifier and the next understand the same names and limits: whatever RFC 5280
 * gives only one spelling is refused in any other. `der`: untrusted, at most `MAX_CERTIFICATE_BYTES`; the views in the
 * result keep it alive. Refusals: `certificate-too-large`; `certificate-malformed`, with the field in `detail`.
 */
export function parseCertificate(der: Uint8Array): Result<Certificate, CertificateReason> {
  if (der.length > MAX_CERTIFICATE_BYTES) return refuse('certificate-too-large', `${der.length} bytes`);
  try {
    return accept(readCertificate(der));
  } catch (fault) {
    if (fault instanceof Malformed) return refuse('certificate-malformed', fault.message);
    throw fault;
  }
}

function readCertificate(der: Uint8Array): Certificate {
  const element = must(parseDer(der, { maxBytes: MAX_CERTIFICATE_BYTES }), 'certificate');
  const outer = new Fields(must(readSequence(element), 'certificate'));
  const tbs = outer.next('tbsCertificate');
  const outerAlgorithm = outer.next('signatureAlgorithm');
  const signature = readSignature(outer.next('signatureValue'));
  outer.end('certificate');

  const fields = new Fields(must(readSequence(tbs), 'tbsCertificate'));
  const version = fields.optional(contextTag(0, 'constructed'));
  // v3 is 2; without extensions there are no names that we could use.
  if (!version || must(readSmallInteger(only(version.value, 'version')), 'version') !== 2)
    throw new Malformed('version: not v3');
  const serial = must(readUnsigned(fields.next('serialNumber')), 'serialNumber');
  if (serial.length > MAX_SERIAL_BYTES) throw new Malformed('serialNumber: more than 20 octets');
  // RFC 5280 4.1.1.2: both must be the same, or the unsigned one could claim another algorithm.
  if (!equalBytes(fields.next('signature').raw, outerAlgorithm.raw))
    throw new Malformed('signatureAlgorithm: differs from the signed one');
  const issuer = fields.next('issuer');
  if (must(readSequence(issuer), 'issuer').length === 0) throw new Malformed('issuer: empty');
  const validity = readValidity(fields.next('validity'));
  const subject = fields.next('subject');
  // RFC 5280 4.1.2.2: zero is no serial, yet some well-known roots have it, and nobody looks a root up by it.
  const isZero = serial.length === 1 && serial[0] === 0;
  if (isZero && !equalBytes(issuer.raw, subject.raw)) throw new Malformed('serialNumber: zero');
  const isSubjectEmpty = must(readSequence(subject), 'subject').length === 0;
  const spki = readSpki(fields.next('subjectPublicKeyInfo'));
  fields.optional(contextTag(1, 'primitive'));
  fields.optional(contextTag(2, 'primitive'));
  const extensions = fields.next('extensions');
  if (extensions.tag !== contextTag(3, 'constructed')) throw new Malformed('extensions: absent');
  fields.end('tbsCertificate');

  const list = must(readSequence(only(extensions.value, 'extensions')), 'extensions');
  return {
    ...readExtensions(list.map(readExtension)),
    ...validity,
    der,
    tbs: tbs.raw,
    serial: hexOf(serial),
    signatureAlgorithm: readAlgorithm(outerAlgorithm),
    signature,
    issuer: issuer.raw,
    subject: subject.raw,
    isSubjectEmpty,
    spki: spki.raw,
  };
}

function readValidity(element: DerElement): Pick<Certificate, 'notBeforeMs' | 'notAfterMs'> {
  const fields = new Fields(must(readSequence(element), 'validity'));
  const notBeforeMs = must(readTime(fields.next('notBefore')), 'notBefore');
  const notAfterMs = must(readTime(fields.next('notAfter')), 'notAfter');
  fields.end('validity');
  return { notBeforeMs, notAfterMs };
}

function readSpki(element: DerElement): DerElement {
  const fields = new Fields(must(readSequence(element), 'subjectPublicKeyInfo'));
  const { oid, parameters } = readAlgorithm(fields.next('algorithm'));
  // RFC 5480 2.1.1: a curve by its name only. One spelled out may differ in its generator and so fit any public key.
  if (oid === EC_PUBLIC_KEY && parameters?.[0] !== TAG.oid) throw new Malformed('subjectPublicKeyInfo: no named curve');
  must(readBitString(fields.next('subjectPublicKey')), 'subjectPublicKey');
  fields.end('subjectPublicKeyInfo');
  return element;
}

function readExtension(element: DerElement): RawExtension {
  const fields = new Fields(must(readSequence(element), 'extension'));
  const oid = must(readOid(fields.next('extnID')), 'extnID');
  const critical = fields.optional(TAG.boolean);
  // X.690 11.5: a DEFAULT FALSE is never spelled out.
  if (critical && !must(readBoolean(critical), 'critical'))
    throw new Malformed(`extension ${oid}: critical FALSE spelled out`);
  const value = must(readOctetString(fields.next('extnValue')), 'extnValue');
  fields.end('extension');
  return { oid, isCritical: critical !== undefined, value };
}

function readAlgorithm(element: DerElement): AlgorithmIdentifier {
  const fields = new Fields(must(readSequence(element), 'algorithm'));
  const oid = must(readOid(fields.next('algorithm')), 'algorithm');
  const parameters = fields.any();
  fields.end('algorithm');
  return parameters ? { oid, parameters: parameters.raw } : { oid };
}

function readSignature(element: DerElement): Uint8Array {
  const bits = must(readBitString(element), 'signatureValue');
  if (bits.unusedBits !== 0) throw new Malformed('signatureValue: not whole octets');
  return bits.bytes;
}
