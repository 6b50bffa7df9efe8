/**
 * Certificate revocation lists (RFC 5280 5), written and read with pkijs. Whoever imports this loads that library: it is
 * an entry of the package by itself. A list covers one partition of one issuer's certificates, and says which by the
 * distribution point that those certificates carry.
 */
import { bitString, sequence } from '@postern/der';
import { type Signer, verifyX509Signature } from '@postern/keys';
import type { Certificate } from '@postern/spiffe';
import { Enumerated, fromBER, Integer, OctetString } from 'asn1js';
import {
  AlgorithmIdentifier,
  AuthorityKeyIdentifier,
  CertificateRevocationList,
  Extension,
  Extensions,
  GeneralName,
  IssuingDistributionPoint,
  RelativeDistinguishedNames,
  RevokedCertificate,
  Time,
  TimeType,
} from 'pkijs';
import { x509AlgorithmOf } from '../sign.ts';
import { REASON_CODES, type ReasonCode } from './reason_code.ts';

export interface ListedRevocation {
  /** Lower-case hex of the magnitude. */
  readonly serial: string;
  readonly revokedAtMs: number;
  readonly reasonCode?: ReasonCode;
}

export interface RevocationList {
  readonly number: number;
  readonly thisUpdateMs: number;
  readonly nextUpdateMs: number;
  /** Hex. */
  readonly authorityKeyId: string;
  readonly distributionPoints: readonly string[];
  /** In the order of their serials. */
  readonly entries: readonly ListedRevocation[];
  /** Whether this key signed it. */
  isSignedBy(spki: Uint8Array): boolean;
}

const OID = { number: '2.5.29.20', reason: '2.5.29.21', point: '2.5.29.28', authority: '2.5.29.35' } as const;
/** A thousand entries are below 60 KB. */
export const MAX_LIST_BYTES = 256 * 1024;

const exact = (bytes: Uint8Array): ArrayBuffer => Uint8Array.from(bytes).buffer;
const schemaOf = (der: Uint8Array) => fromBER(exact(der)).result;
const hexOf = (bytes: ArrayBuffer | Uint8Array): string => Buffer.from(new Uint8Array(bytes)).toString('hex');

/** What is signed, for keys that the library never sees. */
class UnsignedList extends CertificateRevocationList {
  tbsDer(): Uint8Array {
    return new Uint8Array(this.encodeTBS().toBER());
  }
}

/** RFC 5280 5.1.2.4: UTCTime until 2049, GeneralizedTime from then on. */
function timeOf(ms: number): Time {
  const value = new Date(Math.floor(ms / 1000) * 1000);
  return new Time({ type: value.getUTCFullYear() < 2050 ? TimeType.UTCTime : TimeType.GeneralizedTime, value });
}

/**
 * DER. `distributionPoints`: URIs, those of the certificates that it covers. Cost: one use of the signer. Throws
 * `SignerUnavailable` as it does, and for a key that is not the issuer's.
 */
export async function createRevocationList(input: {
  readonly issuer: Certificate;
  readonly signer: Signer;
  readonly number: number;
  readonly thisUpdateMs: number;
  readonly nextUpdateMs: number;
  readonly distributionPoints: readonly string[];
  readonly entries: readonly ListedRevocation[];
}): Promise<Uint8Array> {
  const { issuer, signer, entries } = input;
  if (Buffer.compare(signer.spki, issuer.spki) !== 0) throw new Error('the signer is not the issuer’s key');
  if (input.distributionPoints.length === 0) throw new TypeError('a list without a distribution point');
  const algorithm = x509AlgorithmOf(signer);
  const list = new UnsignedList({
    version: 1,
    signature: new AlgorithmIdentifier({ schema: schemaOf(algorithm) }),
    issuer: new RelativeDistinguishedNames({ schema: schemaOf(issuer.subject) }),
    thisUpdate: timeOf(input.thisUpdateMs),
    nextUpdate: timeOf(input.nextUpdateMs),
  });
  const sorted = [...entries].sort((a, b) => (a.serial < b.serial ? -1 : 1));
  // RFC 5280 5.1.2.6: absent when there is none.
  if (sorted.length > 0) list.revokedCertificates = sorted.map(revokedOf);
  list.crlExtensions = new Extensions({ extensions: extensionsOf(input) });
  const tbs = list.tbsDer();
  return sequence(tbs, algorithm, bitString(await signer.sign(tbs)));
}

function revokedOf({ serial, revokedAtMs, reasonCode = 'unspecified' }: ListedRevocation): RevokedCertificate {
  const revoked = new RevokedCertificate({
    userCertificate: Integer.fromBigInt(BigInt(`0x${serial}`)),
    revocationDate: timeOf(revokedAtMs),
  });
  // RFC 5280 5.3.1: `unspecified` is said by leaving it out.
  if (reasonCode !== 'unspecified') {
    const extnValue = new Enumerated({ value: REASON_CODES[reasonCode] }).toBER();
    revoked.crlEntryExtensions = new Extensions({
      extensions: [new Extension({ extnID: OID.reason, critical: false, extnValue })],
    });
  }
  return revoked;
}

function extensionsOf(input: {
  readonly issuer: Certificate;
  readonly number: number;
  readonly distributionPoints: readonly string[];
}): Extension[] {
  const keyId = Buffer.from(input.issuer.subjectKeyId ?? '', 'hex');
  const authority = new AuthorityKeyIdentifier({ keyIdentifier: new OctetString({ valueHex: exact(keyId) }) });
  const point = new IssuingDistributionPoint({
    distributionPoint: input.distributionPoints.map((value) => new GeneralName({ type: 6, value })),
    onlyContainsUserCerts: true,
  });
  const number = Integer.fromBigInt(BigInt(input.number));
  return [
    new Extension({ extnID: OID.authority, critical: false, extnValue: authority.toSchema().toBER() }),
    new Extension({ extnID: OID.number, critical: false, extnValue: number.toBER() }),
    // Critical: who does not know it would take the list for all of the issuer's certificates (RFC 5280 5.2.5).
    new Extension({ extnID: OID.point, critical: true, extnValue: point.toSchema().toBER() }),
  ];
}

/** `der`: untrusted. `undefined` for what is no list of our form; whose it is, `isSignedBy` says. */
export function readRevocationList(der: Uint8Array): RevocationList | undefined {
  if (der.length > MAX_LIST_BYTES) return undefined;
  try {
    return readList(der);
  } catch {
    return undefined;
  }
}

function readList(der: Uint8Array): RevocationList | undefined {
  const parsed = fromBER(exact(der));
  if (parsed.offset !== der.length) return undefined;
  const list = new CertificateRevocationList({ schema: parsed.result });
  const extensions = new Map(list.crlExtensions?.extensions.map((it) => [it.extnID, it]));
  const number = extensions.get(OID.number)?.parsedValue as Integer | undefined;
  const point = extensions.get(OID.point)?.parsedValue as IssuingDistributionPoint | undefined;
  const authority = extensions.get(OID.authority)?.parsedValue as AuthorityKeyIdentifier | undefined;
  const names = point?.distributionPoint;
  if (number === undefined || authority?.keyIdentifier === undefined || !Array.isArray(names)) return undefined;
  if (list.nextUpdate === undefined) return undefined;
  const tbs = list.tbsView;
  const algorithm = { oid: list.signatureAlgorithm.algorithmId };
  const signature = new Uint8Array(list.signatureValue.valueBlock.valueHexView);
  return {
    number: Number(number.toBigInt()),
    thisUpdateMs: list.thisUpdate.value.getTime(),
    nextUpdateMs: list.nextUpdate.value.getTime(),
    authorityKeyId: hexOf(authority.keyIdentifier.valueBlock.valueHexView),
    distributionPoints: names.map((name) => String(name.value)),
    entries: (list.revokedCertificates ?? []).map(entryOf),
    isSignedBy: (spki) => verifyX509Signature({ spki, algorithm, message: tbs, signature }),
  };
}

function entryOf({ userCertificate, revocationDate, crlEntryExtensions }: RevokedCertificate): ListedRevocation {
  const reason = crlEntryExtensions?.extensions.find(({ extnID }) => extnID === OID.reason);
  const code = reason && (fromBER(reason.extnValue.getValue()).result as Enumerated).valueBlock.valueDec;
  const named = Object.entries(REASON_CODES).find(([, value]) => value === code)?.[0] as ReasonCode | undefined;
  return {
    serial: hexOf(userCertificate.valueBlock.valueHexView).replace(/^(?:00)+(?=..)/, ''),
    revokedAtMs: revocationDate.value.getTime(),
    ...(named !== undefined && { reasonCode: named }),
  };
}
