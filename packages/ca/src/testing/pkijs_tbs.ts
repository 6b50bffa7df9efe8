/** To-be-signed structures as an independent library (npm pkijs) writes them, from the same input. */
import { fromBER, Integer, Null, OctetString, Sequence, Set as SetOf, Utf8String } from 'asn1js';
import {
  AlgorithmIdentifier,
  AttributeTypeAndValue,
  AuthorityKeyIdentifier,
  BasicConstraints,
  Certificate,
  Extension,
  ExtKeyUsage,
  GeneralName,
  GeneralNames,
  GeneralSubtree,
  NameConstraints,
  PublicKeyInfo,
  RelativeDistinguishedNames,
  TimeType,
} from 'pkijs';

export interface PkijsFields {
  /** Hex. */
  readonly serial: string;
  /** DER each. */
  readonly signatureAlgorithm: Uint8Array;
  readonly issuer: Uint8Array;
  readonly spki: Uint8Array;
  readonly commonName?: string;
  readonly notBeforeMs: number;
  readonly notAfterMs: number;
  readonly extensions: readonly Extension[];
}

export const exact = (bytes: Uint8Array): ArrayBuffer => Uint8Array.from(bytes).buffer;
const schemaOf = (der: Uint8Array) => fromBER(exact(der)).result;

/** DER of the TBSCertificate. */
export function tbsByPkijs(fields: PkijsFields): Buffer {
  const certificate = new Certificate();
  certificate.version = 2;
  certificate.serialNumber = Integer.fromBigInt(BigInt(`0x${fields.serial}`));
  certificate.signature = new AlgorithmIdentifier({ schema: schemaOf(fields.signatureAlgorithm) });
  certificate.issuer = new RelativeDistinguishedNames({ schema: schemaOf(fields.issuer) });
  certificate.notBefore.value = new Date(fields.notBeforeMs);
  certificate.notAfter.value = new Date(fields.notAfterMs);
  // The library leaves the kind of time to its caller (RFC 5280 4.1.2.5).
  if (fields.notAfterMs >= Date.UTC(2050, 0, 1)) certificate.notAfter.type = TimeType.GeneralizedTime;
  certificate.subjectPublicKeyInfo = new PublicKeyInfo({ schema: schemaOf(fields.spki) });
  certificate.subject = nameOf(fields.commonName);
  certificate.extensions = [...fields.extensions];
  return Buffer.from(certificate.encodeTBS().toBER());
}

/** Read back, since the library's own names of two attributes are one RDN of both, which is another name. */
export function nameOf(commonName?: string): RelativeDistinguishedNames {
  const rdn = (type: string, value: string) =>
    new SetOf({ value: [new AttributeTypeAndValue({ type, value: new Utf8String({ value }) }).toSchema()] });
  const rdns = [rdn('2.5.4.10', 'Postern'), ...(commonName === undefined ? [] : [rdn('2.5.4.3', commonName)])];
  return new RelativeDistinguishedNames({ schema: fromBER(new Sequence({ value: rdns }).toBER()).result });
}

const extension = (extnID: string, critical: boolean, schema: { toBER(): ArrayBuffer }) =>
  new Extension({ extnID, critical, extnValue: schema.toBER() });

const octets = (hex: string) => new OctetString({ valueHex: exact(Buffer.from(hex, 'hex')) });

/** Each extension of ours, by the library's own classes. */
export const pkijsExtension = {
  basicConstraints: (constraints: { cA: boolean; pathLenConstraint?: number }) =>
    extension('2.5.29.19', true, new BasicConstraints(constraints).toSchema()),
  /** `bits`: the BIT STRING, for which the library has no class. */
  keyUsage: (bits: readonly number[]) =>
    new Extension({ extnID: '2.5.29.15', critical: true, extnValue: exact(Uint8Array.from(bits)) }),
  extendedKeyUsage: (...keyPurposes: string[]) =>
    extension('2.5.29.37', false, new ExtKeyUsage({ keyPurposes }).toSchema()),
  subjectAltName: (uris: readonly string[], dnsNames: readonly string[]) =>
    extension(
      '2.5.29.17',
      false,
      new GeneralNames({
        names: [
          ...uris.map((value) => new GeneralName({ type: 6, value })),
          ...dnsNames.map((value) => new GeneralName({ type: 2, value })),
        ],
      }).toSchema(),
    ),
  subjectKeyId: (hex: string) => extension('2.5.29.14', false, octets(hex)),
  authorityKeyId: (hex: string) =>
    extension('2.5.29.35', false, new AuthorityKeyIdentifier({ keyIdentifier: octets(hex) }).toSchema()),
  nameConstraint: (host: string) =>
    extension(
      '2.5.29.30',
      true,
      new NameConstraints({
        permittedSubtrees: [new GeneralSubtree({ base: new GeneralName({ type: 6, value: host }) })],
      }).toSchema(),
    ),
  noRevAvail: () => extension('2.5.29.56', false, new Null()),
};
