import { generateKeyPairSync, type KeyObject } from 'node:crypto';
import { bitString, boolean, element, nullValue, octetString, oid, sequence } from '@postern/der';
import { generateSoftwareSigner } from '@postern/keys';
import { countSigns, createFailingSigner } from '@postern/keys/testing';
import type { Certificate, SubjectAltName } from '@postern/spiffe';
import { beforeAll, describe, expect, test } from 'vitest';
import { type CertificateFields, createName, createTbsCertificate, keyIdOf } from './certificate_der.ts';
import {
  authorityKeyId,
  basicConstraints,
  extendedKeyUsage,
  keyUsage,
  noRevAvail,
  subjectAltName,
  subjectKeyId,
} from './extension_der.ts';
import { lintCertificate } from './lint.ts';
import { type CertificateKind, LINTS } from './lints.ts';
import { certifyIssuer, createRootCertificate, readOwnCertificate } from './root.ts';
import { createSerial } from './serial.ts';
import { signCertificate, x509AlgorithmOf } from './sign.ts';
import { must, START_MS, trustDomain } from './testing/world.ts';

const HOUR_MS = 3_600_000;
const SERVER = '1.3.6.1.5.5.7.3.1';
const CLIENT = '1.3.6.1.5.5.7.3.2';

const rootSigner = generateSoftwareSigner('ES384');
const issuerSigner = generateSoftwareSigner('ES256');
const leafSpki = generateSoftwareSigner('ES256').spki;
let root: Certificate;
let issuer: Certificate;

beforeAll(async () => {
  root = readOwnCertificate(await createRootCertificate({ signer: rootSigner, trustDomain, nowMs: START_MS }));
  const der = await certifyIssuer({ rootSigner, root, spki: issuerSigner.spki, trustDomain, nowMs: START_MS });
  issuer = readOwnCertificate(der);
});

type Parts = { readonly [name: string]: Uint8Array };
type Defect = { readonly fields?: Partial<CertificateFields>; readonly parts?: Parts; readonly without?: string };

const names = (uris: string[], dnsNames: string[] = []) => ({ names: subjectAltName({ uris, dnsNames }) });
const raw = (dotted: string, value: Uint8Array, critical = false) =>
  sequence(oid(dotted), ...(critical ? [boolean(true)] : []), octetString(value));

const GOOD: {
  readonly [K in CertificateKind]: () => { fields: CertificateFields; parts: Parts; issuer?: Certificate };
} = {
  leaf: () => ({
    issuer,
    fields: fieldsOf({ issuer: issuer.subject, subject: createName(), spki: leafSpki, notAfterMs: START_MS + HOUR_MS }),
    parts: {
      basic: basicConstraints({ isCa: false }),
      usage: keyUsage('digitalSignature'),
      extended: extendedKeyUsage(SERVER, CLIENT),
      ...names(['spiffe://demo.test/payments'], ['payments.demo.test']),
      subjectKey: subjectKeyId(keyIdOf(leafSpki)),
      authorityKey: authorityKeyId(Buffer.from(issuer.subjectKeyId as string, 'hex')),
      revocation: noRevAvail(),
    },
  }),
  server: () => {
    const { parts, ...leaf } = GOOD.leaf();
    return { ...leaf, parts: { ...parts, extended: extendedKeyUsage(SERVER), ...names([], ['payments.demo.test']) } };
  },
  issuer: () => ({
    issuer: root,
    fields: fieldsOf({
      issuer: root.subject,
      subject: createName('issuer'),
      spki: issuerSigner.spki,
      notAfterMs: START_MS + 8 * HOUR_MS,
    }),
    parts: {
      basic: basicConstraints({ isCa: true, pathLength: 0 }),
      usage: keyUsage('keyCertSign', 'cRLSign'),
      ...names(['spiffe://demo.test']),
      subjectKey: subjectKeyId(keyIdOf(issuerSigner.spki)),
      authorityKey: authorityKeyId(keyIdOf(rootSigner.spki)),
    },
  }),
  root: () => ({
    fields: fieldsOf({
      issuer: root.subject,
      subject: root.subject,
      spki: rootSigner.spki,
      notAfterMs: START_MS + 9e10,
    }),
    parts: {
      basic: basicConstraints({ isCa: true }),
      usage: keyUsage('keyCertSign', 'cRLSign'),
      ...names(['spiffe://demo.test']),
      subjectKey: subjectKeyId(keyIdOf(rootSigner.spki)),
      authorityKey: authorityKeyId(keyIdOf(rootSigner.spki)),
    },
  }),
};

function fieldsOf(own: Pick<CertificateFields, 'issuer' | 'subject' | 'spki' | 'notAfterMs'>): CertificateFields {
  const signatureAlgorithm = x509AlgorithmOf(issuerSigner);
  return { serial: createSerial(), notBeforeMs: START_MS - 60_000, signatureAlgorithm, extensions: [], ...own };
}

function lint(kind: CertificateKind, defect: Defect = {}) {
  const good = GOOD[kind]();
  const parts = { ...good.parts, ...defect.parts };
  const extensions = Object.entries(parts).flatMap(([name, part]) => (name === defect.without ? [] : [part]));
  const fields = { ...good.fields, ...defect.fields, extensions };
  return lintCertificate(kind, createTbsCertificate(fields), fields.signatureAlgorithm, good.issuer);
}

const failedLints = (result: ReturnType<typeof lint>) => (result.ok ? [] : (result.detail ?? '').split(', '));

test.each(['leaf', 'server', 'issuer', 'root'] as const)('a good %s passes every lint', (kind) => {
  expect(lint(kind)).toMatchObject({ ok: true });
});

const MAIL = element(0x81, Buffer.from('root@demo.test'));
/** accessMethod OCSP, and a URL. */
const OCSP_ACCESS = sequence(oid('1.3.6.1.5.5.7.48.1'), element(0x86, Buffer.from('http://ocsp.demo.test')));
const URI = element(0x86, Buffer.from('spiffe://demo.test/payments'));

/** For another key, and with the id of that one. */
function keyed(key: KeyObject): Defect {
  const spki = new Uint8Array(key.export({ format: 'der', type: 'spki' }));
  return { fields: { spki }, parts: { subjectKey: subjectKeyId(keyIdOf(spki)) } };
}

/** Certificates with one defect each, as bytes; the lints that see it. */
const DEFECTS: readonly (readonly [string, CertificateKind, Defect, readonly string[]])[] = [
  [
    'a SPIFFE ID where there is to be none',
    'server',
    { parts: names(['spiffe://demo.test/payments'], ['a.demo.test']) },
    ['server-no-svid'],
  ],
  [
    'a SPIFFE ID alone where there is to be none',
    'server',
    { parts: names(['spiffe://demo.test/payments']) },
    ['server-no-svid'],
  ],
  ['no name at all', 'server', { without: 'names' }, ['server-no-svid']],
  [
    'a server’s authority',
    'server',
    { parts: { basic: basicConstraints({ isCa: true }) } },
    ['server-no-svid', 'signer-may-certify'],
  ],
  [
    'a server’s certificate for clients',
    'server',
    { parts: { extended: extendedKeyUsage(SERVER, CLIENT) } },
    ['extended-key-usage-server'],
  ],
  [
    'a server’s certificate for clients alone',
    'server',
    { parts: { extended: extendedKeyUsage(CLIENT) } },
    ['extended-key-usage-server'],
  ],
  ['a server’s certificate for anything', 'server', { without: 'extended' }, ['extended-key-usage-server']],
  [
    'a server’s certificate without key usage',
    'server',
    { without: 'usage' },
    ['server-key-usage', 'key-usage-only-digital-signature'],
  ],
  ['no SPIFFE ID', 'leaf', { parts: names([], ['payments.demo.test']) }, ['svid-profile', 'same-trust-domain']],
  ['two SPIFFE IDs', 'leaf', { parts: names(['spiffe://demo.test/a', 'spiffe://demo.test/b']) }, ['svid-profile']],
  ['the trust domain’s own ID', 'leaf', { parts: names(['spiffe://demo.test']) }, ['svid-profile']],
  ['another scheme', 'leaf', { parts: names(['https://demo.test/a']) }, ['svid-profile', 'same-trust-domain']],
  ['another trust domain', 'leaf', { parts: names(['spiffe://evil.test/a']) }, ['same-trust-domain']],
  ['authority', 'leaf', { parts: { basic: basicConstraints({ isCa: true }) } }, ['svid-profile', 'signer-may-certify']],
  [
    'the right to sign certificates',
    'leaf',
    { parts: { usage: keyUsage('digitalSignature', 'keyCertSign') } },
    ['svid-profile', 'key-usage-only-digital-signature'],
  ],
  ['no key usage', 'leaf', { without: 'usage' }, ['svid-profile', 'key-usage-only-digital-signature']],
  [
    'a key usage that is not critical',
    'leaf',
    { parts: { usage: raw('2.5.29.15', bitString(Uint8Array.of(0x80), 7)) } },
    ['svid-profile'],
  ],
  [
    'one purpose only',
    'leaf',
    { parts: { extended: extendedKeyUsage(SERVER) } },
    ['svid-profile', 'extended-key-usage-both'],
  ],
  ['no purposes', 'leaf', { without: 'extended' }, ['extended-key-usage-both']],
  ['no basic constraints', 'leaf', { without: 'basic' }, ['basic-constraints-present']],
  [
    'a serial that can be guessed',
    'leaf',
    { fields: { serial: Uint8Array.of(1, 2, 3, 4, 5, 6, 7, 8) } },
    ['serial-entropy'],
  ],
  ['an end before its beginning', 'leaf', { fields: { notAfterMs: START_MS - 2 * HOUR_MS } }, ['lifetime-positive']],
  [
    'an end after its issuer’s',
    'leaf',
    { fields: { notAfterMs: START_MS + 8 * HOUR_MS + 1000 } },
    ['within-issuer-lifetime'],
  ],
  ['another issuer’s name', 'leaf', { fields: { issuer: createName('mallory') } }, ['issuer-name']],
  [
    'another issuer’s key',
    'leaf',
    { parts: { authorityKey: authorityKeyId(keyIdOf(rootSigner.spki)) } },
    ['authority-key-id'],
  ],
  ['no authority key', 'leaf', { without: 'authorityKey' }, ['authority-key-id']],
  ['no subject key', 'leaf', { without: 'subjectKey' }, ['subject-key-id']],
  [
    'no subject',
    'leaf',
    { fields: { subject: sequence() } },
    ['svid-profile', 'subject-not-empty', 'subject-says-nothing'],
  ],
  ['text in the subject', 'leaf', { fields: { subject: createName('payments') } }, ['subject-says-nothing']],
  [
    'names that are critical',
    'leaf',
    { parts: { names: raw('2.5.29.17', sequence(URI), true) } },
    ['subject-alt-name-not-critical'],
  ],
  [
    'a purpose more',
    'leaf',
    { parts: { extended: extendedKeyUsage(SERVER, CLIENT, '1.3.6.1.5.5.7.3.3') } },
    ['extended-key-usage-both'],
  ],
  [
    'any purpose',
    'leaf',
    { parts: { extended: extendedKeyUsage(SERVER, '2.5.29.37.0') } },
    ['svid-profile', 'extended-key-usage-both'],
  ],
  [
    'a key id that is another key’s',
    'leaf',
    { parts: { subjectKey: subjectKeyId(keyIdOf(rootSigner.spki)) } },
    ['subject-key-id'],
  ],
  [
    'a key of a kind that few know',
    'leaf',
    keyed(generateKeyPairSync('ec', { namedCurve: 'P-521' }).publicKey),
    ['subject-key-kind'],
  ],
  ['a key for agreement', 'leaf', keyed(generateKeyPairSync('x25519').publicKey), ['subject-key-kind']],
  [
    'a key for one padding alone',
    'leaf',
    keyed(generateKeyPairSync('rsa-pss', { modulusLength: 2048 }).publicKey),
    ['subject-key-kind'],
  ],
  [
    'an ECDSA signature with parameters',
    'leaf',
    { fields: { signatureAlgorithm: sequence(oid('1.2.840.10045.4.3.2'), nullValue()) } },
    ['signature-algorithm'],
  ],
  [
    'an RSA signature without parameters',
    'leaf',
    { fields: { signatureAlgorithm: sequence(oid('1.2.840.113549.1.1.11')) } },
    ['signature-algorithm'],
  ],
  [
    'a signature with SHA-1',
    'leaf',
    { fields: { signatureAlgorithm: sequence(oid('1.2.840.113549.1.1.5'), nullValue()) } },
    ['signature-algorithm'],
  ],
  [
    'a beginning before its issuer’s',
    'leaf',
    { fields: { notBeforeMs: START_MS - HOUR_MS } },
    ['within-issuer-lifetime'],
  ],
  ['no word about revocation', 'leaf', { without: 'revocation' }, ['revocation-stated']],
  [
    'delta lists where there are no lists',
    'leaf',
    { parts: { delta: raw('2.5.29.46', sequence()) } },
    ['no-rev-avail-alone'],
  ],
  [
    'an address for revocation answers where there are none',
    'leaf',
    { parts: { access: raw('1.3.6.1.5.5.7.1.1', sequence(OCSP_ACCESS)) } },
    ['no-rev-avail-alone'],
  ],
  [
    'a DNS name that a proxy takes for a SPIFFE ID',
    'leaf',
    { parts: names(['spiffe://demo.test/a'], ['spiffe://demo.test/admin']) },
    ['dns-names-ldh'],
  ],
  ['a wildcard', 'leaf', { parts: names(['spiffe://demo.test/a'], ['*.demo.test']) }, ['dns-names-ldh']],
  ['a mail address', 'leaf', { parts: { names: raw('2.5.29.17', sequence(URI, MAIL)) } }, ['no-other-names']],
  [
    'revocation lists where there are none',
    'leaf',
    { parts: { crl: raw('2.5.29.31', sequence()) } },
    ['no-rev-avail-alone'],
  ],
  [
    'an issuer of issuers',
    'issuer',
    { parts: { basic: basicConstraints({ isCa: true, pathLength: 1 }) } },
    ['path-length-zero'],
  ],
  ['an issuer without a bound', 'issuer', { parts: { basic: basicConstraints({ isCa: true }) } }, ['path-length-zero']],
  [
    'an issuer that is no authority',
    'issuer',
    { parts: { basic: basicConstraints({ isCa: false }) } },
    ['signing-certificate-profile', 'path-length-zero'],
  ],
  [
    'an issuer that may not sign',
    'issuer',
    { parts: { usage: keyUsage('digitalSignature') } },
    ['signing-certificate-profile', 'key-usage-only-signing'],
  ],
  [
    'an issuer that signs more than certificates',
    'issuer',
    { parts: { usage: keyUsage('digitalSignature', 'keyCertSign', 'cRLSign') } },
    ['key-usage-only-signing'],
  ],
  [
    'an issuer that may not sign lists',
    'issuer',
    { parts: { usage: keyUsage('keyCertSign') } },
    ['key-usage-only-signing'],
  ],
  [
    'an issuer with a workload’s ID',
    'issuer',
    { parts: names(['spiffe://demo.test/issuer']) },
    ['signing-certificate-profile'],
  ],
  ['an issuer without an ID', 'issuer', { without: 'names' }, ['authority-has-trust-domain-id', 'same-trust-domain']],
  ['an issuer of another trust domain', 'issuer', { parts: names(['spiffe://evil.test']) }, ['same-trust-domain']],
  [
    'an issuer with purposes',
    'issuer',
    { parts: { extended: extendedKeyUsage(SERVER, CLIENT) } },
    ['no-extended-key-usage-on-authority'],
  ],
  [
    'an issuer that cannot be revoked',
    'issuer',
    { parts: { revocation: noRevAvail() } },
    ['no-rev-avail-not-on-authority'],
  ],
  [
    'an issuer that outlives the root',
    'issuer',
    { fields: { notAfterMs: START_MS + 4e11 } },
    ['within-issuer-lifetime'],
  ],
  ['a root that cannot be revoked', 'root', { parts: { revocation: noRevAvail() } }, ['no-rev-avail-not-on-authority']],
  ['a root issued by somebody else', 'root', { fields: { issuer: createName('mallory') } }, ['self-issued']],
];

describe('what would be wrong in a certificate is seen before it is signed', () => {
  test.each(DEFECTS)('%s (%s)', (_name, kind, defect, expected) => {
    const result = lint(kind, defect);
    expect(result).toMatchObject({ ok: false, reason: 'lint-failed' });
    expect(failedLints(result)).toEqual(expected);
  });

  /** What bytes of ours cannot show: the lint over the certificate as a value. */
  test('a long life without revocation', () => {
    const row = LINTS.find(({ name }) => name === 'no-rev-avail-short-lived');
    const leaf = must(lint('leaf')).certificate;
    const lasting = (hours: number) => ({ ...leaf, notAfterMs: leaf.notBeforeMs + hours * HOUR_MS });
    expect([24, 25].map((hours) => row?.holds(lasting(hours), issuer))).toEqual([true, false]);
  });

  test.each<[string, string, (good: Certificate) => Certificate, Partial<Certificate>]>([
    [
      'a signer that is no authority',
      'signer-may-certify',
      (c) => c,
      { basicConstraints: { isCritical: true, isCa: false } },
    ],
    [
      'a signer that signs no certificates',
      'signer-may-certify',
      (c) => c,
      { keyUsage: { isCritical: true, usages: new Set(['cRLSign'] as const) } },
    ],
    [
      'an issuer below one that has no authority below it',
      'signer-may-certify',
      () => issuer,
      { basicConstraints: { isCritical: true, isCa: true, pathLength: 0 } },
    ],
    [
      'a name that its signer must not give',
      'within-name-constraints',
      (c) => c,
      { uriConstraints: { permitted: ['other.test'], excluded: [], hasOtherKinds: false } },
    ],
    [
      'a signer with a constraint that nobody applies',
      'within-name-constraints',
      (c) => c,
      { uriConstraints: { permitted: ['demo.test'], excluded: [], hasOtherKinds: true } },
    ],
  ])('%s', (_name, name, of, signer) => {
    const row = LINTS.find((lint) => lint.name === name);
    const certificate = of(must(lint('leaf')).certificate);
    expect([row?.holds(certificate, root), row?.holds(certificate, { ...root, ...signer })]).toEqual([true, false]);
  });

  test('an issuer may be certified by a company’s authority that has no SPIFFE ID, a leaf may not', () => {
    const row = LINTS.find(({ name }) => name === 'same-trust-domain');
    const { subjectAltName: _, ...nameless } = root;
    expect([issuer, must(lint('leaf')).certificate].map((c) => row?.holds(c, nameless))).toEqual([true, false]);
  });

  test.each([
    ['an IP address', { ips: [Uint8Array.of(127, 0, 0, 1)] }],
    ['a name of an unknown kind', { others: 1 }],
  ] as const)('%s', (_name, more) => {
    const row = LINTS.find(({ name }) => name === 'no-other-names');
    const leaf = must(lint('leaf')).certificate;
    const subjectAlt = { ...(leaf.subjectAltName as SubjectAltName), ...more } as unknown as SubjectAltName;
    expect(row?.holds({ ...leaf, subjectAltName: subjectAlt }, issuer)).toBe(false);
  });

  test('each lint is failed by some certificate here', () => {
    const failed = new Set([
      ...DEFECTS.flatMap(([, , , names]) => names),
      'no-rev-avail-short-lived',
      'signer-may-certify',
      'within-name-constraints',
    ]);
    expect(LINTS.map(({ name }) => name).filter((name) => !failed.has(name))).toEqual([]);
  });

  test('octets that no verifier could read', () => {
    expect(lintCertificate('leaf', sequence(), sequence(), issuer)).toMatchObject({ reason: 'lint-unreadable' });
  });

  test('an algorithm that differs from the signed one', () => {
    const { fields, parts } = GOOD.leaf();
    const tbs = createTbsCertificate({ ...fields, extensions: Object.values(parts) });
    expect(lintCertificate('leaf', tbs, x509AlgorithmOf(rootSigner), issuer)).toMatchObject({
      reason: 'lint-unreadable',
    });
  });

  test('a leaf without an issuer', () => {
    const { fields, parts } = GOOD.leaf();
    const tbs = createTbsCertificate({ ...fields, extensions: Object.values(parts) });
    expect(lintCertificate('leaf', tbs, fields.signatureAlgorithm, undefined)).toMatchObject({ reason: 'lint-failed' });
  });
});

describe('what was linted is signed once', () => {
  test('and a second signature is refused before the key is used', async () => {
    const signer = countSigns(issuerSigner);
    const linted = must(lint('leaf'));
    await signCertificate(linted, signer);
    await expect(signCertificate(linted, signer)).rejects.toThrow('good for one signature');
    expect(signer.count).toBe(1);
  });

  test('also when the first one failed: whether the key was used is not known', async () => {
    const linted = must(lint('leaf'));
    await expect(signCertificate(linted, createFailingSigner(issuerSigner))).rejects.toThrow();
    await expect(signCertificate(linted, issuerSigner)).rejects.toThrow('good for one signature');
  });

  test('and not by a key of another algorithm', async () => {
    const signer = countSigns(generateSoftwareSigner('ES384'));
    await expect(signCertificate(must(lint('leaf')), signer)).rejects.toThrow('another algorithm');
    expect(signer.count).toBe(0);
  });

  test('and an unlinted one does not type-check', async () => {
    const unlinted = { tbs: sequence(), signatureAlgorithm: sequence(), certificate: issuer };
    // @ts-expect-error the brand has one maker
    await expect(signCertificate(unlinted, issuerSigner)).rejects.toThrow();
  });

  test('and not with an algorithm that certificates do not have', () => {
    expect(() => x509AlgorithmOf(generateSoftwareSigner('PS256'))).toThrow(TypeError);
  });
});
