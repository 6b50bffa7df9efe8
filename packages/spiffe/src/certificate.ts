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
import { type Extensions, readExtensions } from './extensions.ts';

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
  /** OIDs of critical extensions that nobody here understands. */
  readonly unknownCritical: readonly string[];
}

/** Larger than any certificate with names we would issue or accept. */
export const MAX_CERTIFICATE_BYTES = 16 * 1024;

export type CertificateReason = 'certificate-too-large' | 'certificate-malformed';

/** `der`: untrusted. `detail` names the part that could not be read. */
export function parseCertificate(der: Uint8Array): Result<Certificate, CertificateReason> {
  if (der.length > MAX_CERTIFICATE_BYTES) return refuse('certificate-too-large', `${der.length} bytes`);
  try {
    return accept(readCertificate(der));
  } catch (fault) {
    if (fault instanceof Malformed) return refuse('certificate-malformed', fault.message);
    throw fault;
  }
}

/** Ends reading at the first thing that is wrong; never leaves this package. */
export class Malformed extends Error {}

/** The value, or the end of reading. */
export function must<T>(result: Result<T>, part: string): T {
  if (result.ok) return result.value;
  throw new Malformed(`${part}: ${result.detail ?? result.reason}`);
}

function readCertificate(der: Uint8Array): Certificate {
  const outer = must(readSequence(must(parseDer(der, { maxBytes: MAX_CERTIFICATE_BYTES }), 'certificate')), 'certificate');
  const [tbs, outerAlgorithm, signatureValue] = outer;
  if (outer.length !== 3 || !tbs || !outerAlgorithm || !signatureValue) throw new Malformed('certificate: not three parts');
  const fields = new Fields(must(readSequence(tbs), 'tbsCertificate'));

  const version = fields.optional(contextTag(0, 'constructed'));
  // v3 is 2; without extensions there are no names that we could use.
  if (!version || must(readSmallInteger(only(version)), 'version') !== 2) throw new Malformed('version: not v3');
  const serial = must(readUnsigned(fields.next('serialNumber')), 'serialNumber');
  if (serial.length > 20 || serial.every((octet) => octet === 0)) throw new Malformed('serialNumber: not 1 to 20 octets, positive');
  const innerAlgorithm = fields.next('signature');
  // RFC 5280 4.1.1.2: both must be the same, or the unsigned one could claim another algorithm.
  if (!equalBytes(innerAlgorithm.raw, outerAlgorithm.raw)) throw new Malformed('signatureAlgorithm: differs from the signed one');
  const issuer = fields.next('issuer');
  const [notBefore, notAfter, ...moreTimes] = must(readSequence(fields.next('validity')), 'validity');
  if (!notBefore || !notAfter || moreTimes.length > 0) throw new Malformed('validity: not two times');
  const subject = fields.next('subject');
  const spki = fields.next('subjectPublicKeyInfo');
  must(readSequence(spki), 'subjectPublicKeyInfo');
  fields.optional(contextTag(1, 'primitive'));
  fields.optional(contextTag(2, 'primitive'));
  const extensions = fields.optional(contextTag(3, 'constructed'));
  if (!extensions) throw new Malformed('extensions: absent');
  fields.end('tbsCertificate');

  const { known, unknownCritical } = readExtensions(only(extensions), readExtension);
  return {
    ...known,
    unknownCritical,
    der,
    tbs: tbs.raw,
    serial: hexOf(serial),
    signatureAlgorithm: readAlgorithm(outerAlgorithm),
    signature: wholeBytes(signatureValue),
    issuer: issuer.raw,
    subject: subject.raw,
    isSubjectEmpty: must(readSequence(subject), 'subject').length === 0,
    notBeforeMs: must(readTime(notBefore), 'notBefore'),
    notAfterMs: must(readTime(notAfter), 'notAfter'),
    spki: spki.raw,
  };
}

export interface RawExtension {
  readonly oid: string;
  readonly isCritical: boolean;
  readonly value: Uint8Array;
}

function readExtension(element: DerElement): RawExtension {
  const fields = new Fields(must(readSequence(element), 'extension'));
  const oid = must(readOid(fields.next('extnID')), 'extnID');
  const critical = fields.optional(TAG.boolean);
  // X.690 11.5: a DEFAULT FALSE is never spelled out.
  if (critical && !must(readBoolean(critical), 'critical')) throw new Malformed(`extension ${oid}: critical FALSE spelled out`);
  const value = must(readOctetString(fields.next('extnValue')), 'extnValue');
  fields.end('extension');
  return { oid, isCritical: critical !== undefined, value };
}

function readAlgorithm(element: DerElement): AlgorithmIdentifier {
  const fields = new Fields(must(readSequence(element), 'algorithm'));
  const oid = must(readOid(fields.next('algorithm')), 'algorithm');
  const parameters = fields.rest();
  if (parameters.length > 1) throw new Malformed('algorithm: more than one parameter');
  return parameters[0] ? { oid, parameters: parameters[0].raw } : { oid };
}

function wholeBytes(element: DerElement): Uint8Array {
  const bits = must(readBitString(element), 'signatureValue');
  if (bits.unusedBits !== 0) throw new Malformed('signatureValue: not whole octets');
  return bits.bytes;
}

function only(element: DerElement): DerElement {
  return must(parseDer(element.value, { maxBytes: MAX_CERTIFICATE_BYTES }), 'explicit tag');
}

/** Fields of a SEQUENCE in order, some of them optional. */
class Fields {
  readonly #elements: readonly DerElement[];
  #index = 0;
  constructor(elements: readonly DerElement[]) {
    this.#elements = elements;
  }
  next(part: string): DerElement {
    const element = this.#elements[this.#index++];
    if (element === undefined) throw new Malformed(`${part}: absent`);
    return element;
  }
  optional(tag: number): DerElement | undefined {
    return this.#elements[this.#index]?.tag === tag ? this.#elements[this.#index++] : undefined;
  }
  rest(): readonly DerElement[] {
    return this.#elements.slice(this.#index);
  }
  end(part: string): void {
    if (this.#index !== this.#elements.length) throw new Malformed(`${part}: unexpected field`);
  }
}

export function hexOf(bytes: Uint8Array): string {
  return Array.from(bytes, (octet) => octet.toString(16).padStart(2, '0')).join('');
}

export function equalBytes(a: Uint8Array, b: Uint8Array): boolean {
  return a.length === b.length && a.every((octet, index) => octet === b[index]);
}
