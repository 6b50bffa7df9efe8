import { generateKeyPairSync } from 'node:crypto';
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { generateSoftwareSigner } from '@postern/keys';
import { EKU_CLIENT_AUTH, EKU_SERVER_AUTH } from '@postern/spiffe';
import { fromBER, Integer, Null, OctetString, Utf8String } from 'asn1js';
import {
  AlgorithmIdentifier,
  AttributeTypeAndValue,
  AuthorityKeyIdentifier,
  BasicConstraints,
  Extension,
  ExtKeyUsage,
  GeneralName,
  GeneralNames,
  Certificate as PkiCertificate,
  PublicKeyInfo,
  RelativeDistinguishedNames,
  TimeType,
} from 'pkijs';
import { afterAll, describe, expect, test } from 'vitest';
import { keyIdOf } from './certificate_der.ts';
import { createCsr } from './create_csr.ts';
import { WORKLOAD_PROFILE } from './profile.ts';
import { certifyIssuer, createRootCertificate, readOwnCertificate } from './root.ts';
import { createSerial } from './serial.ts';
import { x509AlgorithmOf } from './sign.ts';
import { createLeafTbs, type LeafTemplate } from './template.ts';
import { missingOpenSsl, openSsl } from './testing/openssl.ts';
import { createWorld, START_MS, spiffeId, trustDomain } from './testing/world.ts';

const exact = (bytes: Uint8Array) => Uint8Array.from(bytes).buffer;

/** The same certificate, as an independent library writes it. */
function tbsByPkijs(template: LeafTemplate): Buffer {
  const certificate = new PkiCertificate();
  certificate.version = 2;
  certificate.serialNumber = Integer.fromBigInt(BigInt(`0x${Buffer.from(template.serial).toString('hex')}`));
  certificate.signature = new AlgorithmIdentifier({ schema: fromBER(exact(template.signatureAlgorithm)).result });
  certificate.issuer = new RelativeDistinguishedNames({ schema: fromBER(exact(template.issuer.subject)).result });
  certificate.subject.typesAndValues = [
    new AttributeTypeAndValue({ type: '2.5.4.10', value: new Utf8String({ value: 'Postern' }) }),
  ];
  certificate.notBefore.value = new Date(template.notBeforeMs);
  certificate.notAfter.value = new Date(template.notAfterMs);
  // The library leaves the kind of time to its caller (RFC 5280 4.1.2.5).
  if (template.notAfterMs >= Date.UTC(2050, 0, 1)) certificate.notAfter.type = TimeType.GeneralizedTime;
  certificate.subjectPublicKeyInfo = new PublicKeyInfo({ schema: fromBER(exact(template.spki)).result });
  const names = [
    new GeneralName({ type: 6, value: template.spiffeId.uri }),
    ...template.dnsNames.map((value) => new GeneralName({ type: 2, value })),
  ];
  const value = (schema: { toBER(): ArrayBuffer }) => schema.toBER();
  const authorityKeyId = Buffer.from(template.issuer.subjectKeyId as string, 'hex');
  certificate.extensions = [
    ['2.5.29.19', true, value(new BasicConstraints({ cA: false }).toSchema())],
    // BIT STRING, 7 unused bits: digitalSignature.
    ['2.5.29.15', true, exact(Uint8Array.of(0x03, 0x02, 0x07, 0x80))],
    ['2.5.29.37', false, value(new ExtKeyUsage({ keyPurposes: [EKU_SERVER_AUTH, EKU_CLIENT_AUTH] }).toSchema())],
    ['2.5.29.17', false, value(new GeneralNames({ names }).toSchema())],
    ['2.5.29.14', false, value(new OctetString({ valueHex: exact(keyIdOf(template.spki)) }))],
    [
      '2.5.29.35',
      false,
      value(
        new AuthorityKeyIdentifier({ keyIdentifier: new OctetString({ valueHex: exact(authorityKeyId) }) }).toSchema(),
      ),
    ],
    ['2.5.29.56', false, value(new Null())],
  ].map(
    ([extnID, critical, extnValue]) =>
      new Extension({ extnID, critical, extnValue } as ConstructorParameters<typeof Extension>[0]),
  );
  return Buffer.from(certificate.encodeTBS().toBER());
}

async function createTemplate(algorithm: 'ES256' | 'ES384', over: Partial<LeafTemplate> = {}): Promise<LeafTemplate> {
  const rootSigner = generateSoftwareSigner('ES384');
  const root = readOwnCertificate(await createRootCertificate({ signer: rootSigner, trustDomain, nowMs: START_MS }));
  const signer = generateSoftwareSigner(algorithm);
  const issuer = readOwnCertificate(
    await certifyIssuer({ rootSigner, root, spki: signer.spki, trustDomain, nowMs: START_MS }),
  );
  return {
    serial: createSerial(),
    notBeforeMs: START_MS,
    notAfterMs: START_MS + 3_600_000,
    spiffeId,
    dnsNames: ['payments.demo.test', 'pay.demo.test'],
    spki: generateSoftwareSigner('ES256').spki,
    noRevAvail: true,
    issuer,
    signatureAlgorithm: x509AlgorithmOf(signer),
    ...over,
  };
}

describe('a leaf has the bytes that an independent library (npm pkijs) writes', () => {
  const rsa = generateKeyPairSync('rsa', { modulusLength: 2048 }).publicKey.export({ format: 'der', type: 'spki' });
  const rows: [string, 'ES256' | 'ES384', Partial<LeafTemplate>][] = [
    ['for a P-256 key', 'ES256', {}],
    ['signed by a P-384 key', 'ES384', {}],
    ['for an Ed25519 key', 'ES256', { spki: generateSoftwareSigner('EdDSA').spki }],
    ['for an RSA key', 'ES256', { spki: new Uint8Array(rsa) }],
    ['without DNS names', 'ES256', { dnsNames: [] }],
    [
      'with names that need a long length',
      'ES256',
      { dnsNames: Array.from({ length: 16 }, (_, i) => `${'a'.repeat(60)}${i}.demo.test`) },
    ],
    [
      'across the change of time format in 2050',
      'ES256',
      { notBeforeMs: Date.UTC(2049, 11, 31, 23, 59, 59), notAfterMs: Date.UTC(2050, 0, 1) },
    ],
  ];
  test.each(rows)('%s', async (_name, algorithm, over) => {
    const template = await createTemplate(algorithm, over);
    expect(Buffer.from(createLeafTbs(template)).toString('hex')).toBe(tbsByPkijs(template).toString('hex'));
  });

  test('and is the same for the same template', async () => {
    const template = await createTemplate('ES256');
    expect(createLeafTbs(template)).toEqual(createLeafTbs({ ...template }));
  });
});

test('serial numbers are positive, of one length, and never the same', () => {
  const serials = Array.from({ length: process.env['POSTERN_LONG'] ? 1_000_000 : 20_000 }, createSerial);
  const isOfForm = (serial: Uint8Array) => serial.length === 16 && ((serial[0] as number) & 0xc0) === 0x40;
  expect(serials.every(isOfForm)).toBe(true);
  expect(new Set(serials.map((serial) => Buffer.from(serial).toString('hex'))).size).toBe(serials.length);
});

if (missingOpenSsl !== undefined) console.warn(`skipped: ${missingOpenSsl}`);

describe.skipIf(missingOpenSsl !== undefined)('OpenSSL reads in an issued leaf', () => {
  const dir = mkdtempSync(join(tmpdir(), 'postern-leaf-'));
  afterAll(() => rmSync(dir, { recursive: true }));

  test('exactly the profile, and nothing that was not put there', async () => {
    const { authority } = await createWorld();
    const { privateKey } = generateKeyPairSync('ec', { namedCurve: 'P-256' });
    const issued = await authority.issueX509Svid({
      spiffeId,
      dnsNames: ['payments.demo.test'],
      profile: WORKLOAD_PROFILE,
      csr: createCsr(privateKey, {}),
      requester: 'test',
    });
    if (!issued.ok) throw new Error(issued.reason);
    const file = join(dir, 'leaf.der');
    writeFileSync(file, issued.value.chain[0] as Uint8Array);
    const text = openSsl([
      'x509',
      '-inform',
      'DER',
      '-in',
      file,
      '-noout',
      '-text',
      '-certopt',
      'no_sigdump,no_pubkey',
    ]).toString();
    const extensions = text
      .slice(text.indexOf('X509v3 extensions'))
      .split('\n')
      .map((line) => line.trim());
    const names = extensions.filter(
      (line) => /^(X509v3|No Revocation|2\.5\.29\.56).*:/.test(line) && !line.includes('extensions'),
    );
    expect(names.map((line) => line.replace(/: ?$/, '').trim())).toEqual([
      'X509v3 Basic Constraints: critical',
      'X509v3 Key Usage: critical',
      'X509v3 Extended Key Usage',
      'X509v3 Subject Alternative Name',
      'X509v3 Subject Key Identifier',
      'X509v3 Authority Key Identifier',
      expect.stringMatching(/^(2\.5\.29\.56|X509v3 No Revocation Available)$/),
    ]);
    expect(text).toContain('CA:FALSE');
    expect(text).toMatch(/Key Usage: critical\s+Digital Signature\s/);
    expect(text).toContain('TLS Web Server Authentication, TLS Web Client Authentication');
    expect(text).toContain('URI:spiffe://demo.test/payments, DNS:payments.demo.test');
    expect(text).toMatch(/Subject: ?O ?= ?Postern\s/);
    expect(text).toContain('Version: 3 (0x2)');
    expect(text).toContain('Not Before: Nov 24 11:59:00 2026 GMT');
    expect(text).toContain('Not After : Nov 24 16:00:00 2026 GMT');
  });
});
