import { X509Certificate } from 'node:crypto';
import { rootCertificates } from 'node:tls';
import {
  bitString,
  boolean,
  contextTag,
  element,
  octetString,
  oid,
  parsePem,
  sequence,
  time,
  unsigned,
} from '@postern/der';
import fc from 'fast-check';
import { describe, expect, test } from 'vitest';
import { checkX509Svid, MAX_CERTIFICATE_BYTES, parseCertificate } from './index.ts';
import {
  basicConstraints,
  extendedKeyUsage,
  extension,
  generalName,
  keyUsage,
  type MintOptions,
  mintAuthority,
  mintLeaf,
  NOW_MS,
  nameConstraints,
  nameOf,
  subjectAltName,
  uriName,
} from './testing/mint.ts';

const root = mintAuthority();
const reasonOf = (options: MintOptions) => {
  const parsed = parseCertificate(mintLeaf({ issuer: root, ...options }).der);
  return parsed.ok ? undefined : parsed.reason;
};
const generalizedTime = (text: string) => element(0x18, Buffer.from(text, 'latin1'));
const names = (name: Uint8Array): MintOptions => ({ extensions: { subjectAltName: subjectAltName([name]) } });

describe('what another verifier could read differently is not read at all (RFC 5280 4.1, X.690)', () => {
  const v1 = element(contextTag(0, 'constructed'), unsigned(0));
  const rows: [harm: string, options: MintOptions][] = [
    ['v1, whose names nothing constrains', { tbs: { version: [] } }],
    ['v1 spelled out', { tbs: { version: [v1] } }],
    ['serial 0', { tbs: { serialNumber: [unsigned(0)] } }],
    ['a negative serial', { tbs: { serialNumber: [element(2, Uint8Array.of(0x80))] } }],
    ['a serial of 21 octets', { tbs: { serialNumber: [unsigned(new Uint8Array(21).fill(1))] } }],
    ['a serial with a needless zero', { tbs: { serialNumber: [element(2, Uint8Array.of(0, 1))] } }],
    ['another algorithm outside than inside', { outerAlgorithm: sequence(oid('1.2.840.10045.4.3.3')) }],
    ['an empty issuer', { tbs: { issuer: [sequence()] } }],
    ['one time', { tbs: { validity: [sequence(time(NOW_MS))] } }],
    ['three times', { tbs: { validity: [sequence(time(NOW_MS), time(NOW_MS), time(NOW_MS))] } }],
    ['a fraction of a second', { tbs: { validity: [sequence(time(NOW_MS), generalizedTime('20510101000000.5Z'))] } }],
    ['no extensions', { tbs: { extensions: [] } }],
    ['an empty list of extensions', { tbs: { extensions: [element(contextTag(3, 'constructed'), sequence())] } }],
    ['a field behind the extensions', { tbs: { more: [unsigned(1)] } }],
    ['a key of no bits', { tbs: { subjectPublicKeyInfo: [sequence(sequence(oid('1.3.101.112')))] } }],
    [
      'a curve that is spelled out, whose generator may be the attacker’s',
      {
        tbs: {
          subjectPublicKeyInfo: [sequence(sequence(oid('1.2.840.10045.2.1'), sequence()), bitString(Uint8Array.of(4)))],
        },
      },
    ],
    ['an extension twice', { extensions: { second: keyUsage([0, 5]) } }],
    [
      'critical FALSE spelled out',
      { extensions: { other: sequence(oid('1.2.3'), boolean(false), octetString(sequence())) } },
    ],
    [
      'critical TRUE as 0x01',
      { extensions: { other: sequence(oid('1.2.3'), element(1, Uint8Array.of(1)), octetString(sequence())) } },
    ],
    [
      'cA FALSE spelled out',
      { extensions: { basicConstraints: extension('2.5.29.19', true, sequence(boolean(false))) } },
    ],
    [
      'bytes behind basic constraints',
      { extensions: { basicConstraints: extension('2.5.29.19', true, sequence(), sequence()) } },
    ],
    ['a key usage without a bit', { extensions: { keyUsage: keyUsage([]) } }],
    [
      'a key usage with zeros behind',
      { extensions: { keyUsage: extension('2.5.29.15', true, bitString(Uint8Array.of(0x80), 0)) } },
    ],
    ['an empty extended key usage', { extensions: { extendedKeyUsage: extendedKeyUsage() } }],
    ['an empty list of names', { extensions: { subjectAltName: subjectAltName([]) } }],
    ['a high octet in a name', names(uriName('spiffe://demo.test/\xe9'))],
    ['an address of five octets', names(generalName(contextTag(7, 'primitive'), new Uint8Array(5)))],
    ['an empty name', names(uriName(''))],
    ['a name of no kind', names(element(contextTag(9, 'primitive')))],
    [
      'an authority key id that is critical',
      { extensions: { authorityKeyId: extension('2.5.29.35', true, sequence()) } },
    ],
    [
      'a subject key id that is critical',
      { extensions: { subjectKeyId: extension('2.5.29.14', true, octetString(new Uint8Array(20))) } },
    ],
    ['noRevAvail that is critical', { extensions: { noRevAvail: extension('2.5.29.56', true, element(5)) } }],
    ['noRevAvail with contents', { extensions: { noRevAvail: extension('2.5.29.56', false, sequence()) } }],
    ['empty name constraints', { extensions: { constraints: nameConstraints({}) } }],
    ['an empty list of permitted names', { extensions: { constraints: nameConstraints({ permitted: [] }) } }],
    [
      'a constraint that is a URI and no host',
      { extensions: { constraints: nameConstraints({ excluded: [uriName('spiffe://a')] }) } },
    ],
    ['a constraint on the empty host', { extensions: { constraints: nameConstraints({ excluded: [uriName('')] }) } }],
  ];
  test.each(rows)('%s', (_harm, options) => {
    expect(reasonOf(options)).toBe('certificate-malformed');
  });

  test('the certificate that each row changes is in order', () => {
    expect(reasonOf({})).toBeUndefined();
    expect(reasonOf({ tbs: { serialNumber: [unsigned(new Uint8Array(20).fill(0x7f))] } })).toBeUndefined();
    expect(reasonOf({ notAfterMs: Date.UTC(2050, 0, 1) })).toBeUndefined();
    expect(reasonOf({ notAfterMs: Date.UTC(2049, 11, 31) })).toBeUndefined();
  });

  test('bytes behind the certificate', () => {
    const { der } = mintLeaf({ issuer: root });
    expect(parseCertificate(Buffer.concat([der, Uint8Array.of(0)]))).toMatchObject({ reason: 'certificate-malformed' });
  });

  test('more bytes than the bound', () => {
    const largest = (size: number) => parseCertificate(new Uint8Array(size));
    expect(largest(MAX_CERTIFICATE_BYTES)).toMatchObject({ reason: 'certificate-malformed' });
    expect(largest(MAX_CERTIFICATE_BYTES + 1)).toMatchObject({ reason: 'certificate-too-large' });
  });
});

test('reads every field as node:crypto does', () => {
  const uri = 'spiffe://demo.test/payments';
  const leaf = mintLeaf({ issuer: root, subject: nameOf('payments'), uri });
  const parsed = parseCertificate(leaf.der);
  if (!parsed.ok) throw new Error(parsed.detail);
  const [ours, theirs] = [parsed.value, new X509Certificate(leaf.der)];
  expect(ours.serial).toBe(theirs.serialNumber.toLowerCase().replace(/^0+/, ''));
  expect(ours.notBeforeMs).toBe(Date.parse(theirs.validFrom));
  expect(ours.notAfterMs).toBe(Date.parse(theirs.validTo));
  expect(`URI:${ours.subjectAltName?.uris[0]}`).toBe(theirs.subjectAltName);
  expect(ours.extendedKeyUsage).toEqual(theirs.keyUsage);
  expect(Buffer.from(ours.spki).equals(theirs.publicKey.export({ type: 'spki', format: 'der' }))).toBe(true);
  expect(ours.authorityKeyId).toBe(Buffer.from(root.keyId).toString('hex'));
  expect(ours.subjectKeyId).toBe(Buffer.from(leaf.keyId).toString('hex'));
});

test('reads the roots that browsers trust as node:crypto does: strictness costs no real authority', () => {
  const refused: string[] = [];
  for (const pem of rootCertificates) {
    const theirs = new X509Certificate(pem);
    const blocks = parsePem(`${pem}\n`, 'CERTIFICATE', { maxBytes: 100_000 });
    if (!blocks.ok) throw new Error(blocks.reason);
    const parsed = parseCertificate(blocks.value[0] as Uint8Array);
    if (!parsed.ok) {
      refused.push(`${parsed.detail}`);
      continue;
    }
    expect(BigInt(`0x${parsed.value.serial}`)).toBe(BigInt(`0x${theirs.serialNumber}`));
    expect(parsed.value.notAfterMs).toBe(Date.parse(theirs.validTo));
    expect(parsed.value.notBeforeMs).toBe(Date.parse(theirs.validFrom));
    expect(parsed.value.basicConstraints?.isCa).toBe(theirs.ca);
  }
  expect(rootCertificates.length).toBeGreaterThan(100);
  expect(refused).toEqual([]);
});

describe('bytes from anybody never throw', () => {
  const { der } = mintLeaf({
    issuer: root,
    extensions: {
      constraints: nameConstraints({ permitted: [uriName('demo.test')], excluded: [uriName('.evil.test')] }),
      access: extension('1.3.6.1.5.5.7.1.1', false, sequence(sequence(oid('1.3.6.1.5.5.7.48.1'), uriName('http://a')))),
      basicConstraints: basicConstraints(false),
    },
  });
  const read = (bytes: Uint8Array) => {
    const parsed = parseCertificate(bytes);
    if (parsed.ok) checkX509Svid(parsed.value);
    return parsed;
  };

  test('random bytes', () => {
    fc.assert(
      fc.property(fc.uint8Array({ maxLength: 300 }), (bytes) => {
        expect(read(bytes).ok).toBe(false);
      }),
      { numRuns: 2000 },
    );
  });

  test('every bit of a good certificate flipped', () => {
    for (let bit = 0; bit < der.length * 8; bit++) {
      const bytes = Uint8Array.from(der);
      bytes[bit >> 3] = (bytes[bit >> 3] as number) ^ (1 << (bit & 7));
      read(bytes);
    }
  });

  test('every prefix of a good certificate, and runs of it overwritten', () => {
    for (let length = 0; length < der.length; length++) expect(read(der.subarray(0, length)).ok).toBe(false);
    const edits = fc.array(fc.tuple(fc.nat(der.length - 1), fc.nat(255)), { minLength: 1, maxLength: 8 });
    fc.assert(
      fc.property(edits, (changes) => {
        const bytes = Uint8Array.from(der);
        for (const [index, octet] of changes) bytes[index] = octet;
        read(bytes);
      }),
      { numRuns: process.env['POSTERN_LONG'] === '1' ? 200_000 : 2000 },
    );
  });
});
