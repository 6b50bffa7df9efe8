import { generateKeyPairSync } from 'node:crypto';
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { oid, sequence } from '@postern/der';
import { generateSoftwareSigner } from '@postern/keys';
import { type Certificate, EKU_CLIENT_AUTH, EKU_SERVER_AUTH } from '@postern/spiffe';
import { afterAll, describe, expect, test } from 'vitest';
import { keyIdOf } from './certificate_der.ts';
import { createCsr } from './create_csr.ts';
import { PROFILES, WORKLOAD_PROFILE } from './profile.ts';
import { certifyIssuer, createRootCertificate, readOwnCertificate } from './root.ts';
import { createSerial } from './serial.ts';
import { x509AlgorithmOf } from './sign.ts';
import { createLeafTbs, type LeafTemplate } from './template.ts';
import { missingOpenSsl, openSsl } from './testing/openssl.ts';
import { pkijsExtension, tbsByPkijs } from './testing/pkijs_tbs.ts';
import { createWorld, START_MS, spiffeId, trustDomain } from './testing/world.ts';

const DIGITAL_SIGNATURE = [0x03, 0x02, 0x07, 0x80];
const SIGN_CERTIFICATES_AND_LISTS = [0x03, 0x02, 0x01, 0x06];

const hex = (bytes: Uint8Array) => Buffer.from(bytes).toString('hex');

/** The same leaf, as an independent library writes it. */
function leafByPkijs({ serial, issuer, spiffeId: id, dnsNames, ...template }: LeafTemplate): Buffer {
  return tbsByPkijs({
    ...template,
    serial: hex(serial),
    issuer: issuer.subject,
    extensions: [
      pkijsExtension.basicConstraints({ cA: false }),
      pkijsExtension.keyUsage(DIGITAL_SIGNATURE),
      pkijsExtension.extendedKeyUsage(EKU_SERVER_AUTH, ...(id === undefined ? [] : [EKU_CLIENT_AUTH])),
      pkijsExtension.subjectAltName(id === undefined ? [] : [id.uri], dnsNames),
      pkijsExtension.subjectKeyId(hex(keyIdOf(template.spki))),
      pkijsExtension.authorityKeyId(issuer.subjectKeyId as string),
      ...(template.noRevAvail ? [pkijsExtension.noRevAvail()] : []),
    ],
  });
}

type IssuerAlgorithm = 'ES256' | 'ES384' | 'RS256' | 'EdDSA';

async function createTemplate(algorithm: IssuerAlgorithm, over: Partial<LeafTemplate> = {}): Promise<LeafTemplate> {
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
  const rsa = (modulusLength: number) =>
    new Uint8Array(generateKeyPairSync('rsa', { modulusLength }).publicKey.export({ format: 'der', type: 'spki' }));
  const rows: [string, IssuerAlgorithm, Partial<LeafTemplate>][] = [
    ['for a P-256 key', 'ES256', {}],
    ['for a P-384 key', 'ES256', { spki: generateSoftwareSigner('ES384').spki }],
    ['for an Ed25519 key', 'ES256', { spki: generateSoftwareSigner('EdDSA').spki }],
    ['for an RSA 2048 key', 'ES256', { spki: rsa(2048) }],
    ['for an RSA 3072 key', 'ES256', { spki: rsa(3072) }],
    ['for an RSA 4096 key', 'ES256', { spki: rsa(4096) }],
    ['signed by a P-384 key', 'ES384', {}],
    ['signed by an RSA key', 'RS256', {}],
    ['signed by an Ed25519 key', 'EdDSA', {}],
    ...Object.values(PROFILES).map((profile): [string, IssuerAlgorithm, Partial<LeafTemplate>] => [
      `of the profile ${profile.name}`,
      'ES256',
      { noRevAvail: profile.noRevAvail, notAfterMs: START_MS + profile.defaultTtlSeconds * 1000 },
    ]),
    ['that can be revoked by lists', 'ES256', { noRevAvail: false }],
    ['without DNS names', 'ES256', { dnsNames: [] }],
    ['of a server, without a SPIFFE ID', 'ES256', { spiffeId: undefined }],
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
    expect(hex(createLeafTbs(template))).toBe(hex(leafByPkijs(template)));
  });

  test('and is the same for the same template', async () => {
    const template = await createTemplate('ES256');
    expect(createLeafTbs(template)).toEqual(createLeafTbs({ ...template }));
  });
});

describe('an authority has the bytes that an independent library (npm pkijs) writes', () => {
  const algorithms = ['ES256', 'ES384', 'RS256', 'EdDSA'] as const;

  function byPkijs(certificate: Certificate, issuer: Certificate, commonName: string, more: object): string {
    const { pathLength, isNameConstrained = false } = more as { pathLength?: number; isNameConstrained?: boolean };
    return hex(
      tbsByPkijs({
        ...certificate,
        commonName,
        signatureAlgorithm: sequence(
          oid(certificate.signatureAlgorithm.oid),
          certificate.signatureAlgorithm.parameters ?? new Uint8Array(),
        ),
        issuer: issuer.subject,
        extensions: [
          pkijsExtension.basicConstraints({
            cA: true,
            ...(pathLength !== undefined && { pathLenConstraint: pathLength }),
          }),
          pkijsExtension.keyUsage(SIGN_CERTIFICATES_AND_LISTS),
          pkijsExtension.subjectAltName([`spiffe://${trustDomain}`], []),
          pkijsExtension.subjectKeyId(hex(keyIdOf(certificate.spki))),
          pkijsExtension.authorityKeyId(hex(keyIdOf(issuer.spki))),
          ...(isNameConstrained ? [pkijsExtension.nameConstraint(trustDomain)] : []),
        ],
      }),
    );
  }

  test.each(algorithms)('a root with a key for %s', async (algorithm) => {
    const signer = generateSoftwareSigner(algorithm);
    // Across the change of time format in 2050, and before it.
    for (const nowMs of [START_MS, Date.UTC(2045, 0, 1)]) {
      const root = readOwnCertificate(await createRootCertificate({ signer, trustDomain, nowMs }));
      expect(hex(root.tbs)).toBe(byPkijs(root, root, `Postern root of ${trustDomain}`, {}));
    }
  });

  test.each(
    algorithms.flatMap((algorithm) => [false, true].map((isNameConstrained) => ({ algorithm, isNameConstrained }))),
  )(
    'an issuer certified by $algorithm, name constraint: $isNameConstrained',
    async ({ algorithm, isNameConstrained }) => {
      const rootSigner = generateSoftwareSigner(algorithm);
      const root = readOwnCertificate(
        await createRootCertificate({ signer: rootSigner, trustDomain, nowMs: START_MS }),
      );
      const { spki } = generateSoftwareSigner('ES256');
      const certified = { rootSigner, root, spki, trustDomain, nowMs: START_MS, isNameConstrained };
      const issuer = readOwnCertificate(await certifyIssuer(certified));
      const name = `Postern issuer ${hex(keyIdOf(spki)).slice(0, 16)}`;
      expect(hex(issuer.tbs)).toBe(byPkijs(issuer, root, name, { pathLength: 0, isNameConstrained }));
    },
  );
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
