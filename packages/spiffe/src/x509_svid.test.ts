import { contextTag, oid, sequence, unsigned } from '@postern/der';
import { describe, expect, test } from 'vitest';
import { checkSigningCertificate, checkX509Svid, parseCertificate } from './index.ts';
import {
  basicConstraints,
  dnsName,
  type ExtensionSet,
  extendedKeyUsage,
  extension,
  generalName,
  keyUsage,
  mintAuthority,
  mintLeaf,
  nameConstraints,
  noRevAvail,
  subjectAltName,
  uriName,
} from './testing/mint.ts';
import { checkIssuer } from './x509_svid.ts';

const SERVER_AUTH = '1.3.6.1.5.5.7.3.1';
const CLIENT_AUTH = '1.3.6.1.5.5.7.3.2';
const ID = 'spiffe://demo.test/payments';
const root = mintAuthority();
const certificateOf = (der: Uint8Array) => {
  const certificate = parseCertificate(der);
  if (!certificate.ok) throw new Error(certificate.detail);
  return certificate.value;
};
const names = (...uris: string[]): ExtensionSet => ({ subjectAltName: subjectAltName(uris.map(uriName)) });

describe('a leaf that could speak for more than one workload, or sign, is no SVID (X509-SVID 2 to 5)', () => {
  const rows: [harm: string, extensions: ExtensionSet, reason: string | undefined][] = [
    ['in order', {}, undefined],
    ['no names', { subjectAltName: undefined }, 'svid-uri-count'],
    ['only a DNS name', { subjectAltName: subjectAltName([dnsName(ID)]) }, 'svid-uri-count'],
    ['two SPIFFE IDs', names(ID, 'spiffe://demo.test/admin'), 'svid-uri-count'],
    ['one SPIFFE ID twice', names(ID, ID), 'svid-uri-count'],
    ['a web address before the ID', names('https://demo.test', ID), 'svid-uri-count'],
    ['a web address behind the ID', names(ID, 'https://demo.test'), 'svid-uri-count'],
    ['a DNS name beside the ID', { subjectAltName: subjectAltName([dnsName('a.test'), uriName(ID)]) }, undefined],
    ['a web address', names('https://demo.test/payments'), 'svid-spiffe-id'],
    ['upper case in the trust domain', names('spiffe://Demo.test/payments'), 'svid-spiffe-id'],
    ['an escape in the path', names('spiffe://demo.test/%70ayments'), 'svid-spiffe-id'],
    ['a NUL in the path', names('spiffe://demo.test/payments\0.evil'), 'svid-spiffe-id'],
    ['a trailing slash', names('spiffe://demo.test/payments/'), 'svid-spiffe-id'],
    ['the trust domain itself', names('spiffe://demo.test'), 'svid-no-path'],
    ['an authority', { basicConstraints: basicConstraints(true) }, 'svid-is-ca'],
    ['no basic constraints', { basicConstraints: undefined }, undefined],
    ['name constraints', { constraints: nameConstraints({ permitted: [uriName('demo.test')] }) }, 'svid-is-ca'],
    ['no key usage', { keyUsage: undefined }, 'svid-key-usage'],
    ['a key usage that is not critical', { keyUsage: keyUsage([0], false) }, 'svid-key-usage'],
    ['only key encipherment', { keyUsage: keyUsage([2]) }, 'svid-key-usage'],
    ['key encipherment and agreement too', { keyUsage: keyUsage([0, 2, 4]) }, undefined],
    ['keyCertSign', { keyUsage: keyUsage([0, 5]) }, 'svid-key-usage'],
    ['cRLSign', { keyUsage: keyUsage([0, 6]) }, 'svid-key-usage'],
    ['no extended key usage', { extendedKeyUsage: undefined }, undefined],
    ['only serverAuth', { extendedKeyUsage: extendedKeyUsage(SERVER_AUTH) }, 'svid-extended-key-usage'],
    ['only clientAuth', { extendedKeyUsage: extendedKeyUsage(CLIENT_AUTH) }, 'svid-extended-key-usage'],
    ['another usage too', { extendedKeyUsage: extendedKeyUsage(CLIENT_AUTH, '1.2.3', SERVER_AUTH) }, undefined],
    [
      'a critical extension of unknown meaning',
      { other: extension('1.2.3', true, sequence()) },
      'svid-critical-extension',
    ],
    ['one of unknown meaning', { other: extension('1.2.3', false, sequence()) }, undefined],
    [
      'critical CRL points, which nobody here follows',
      { crl: extension('2.5.29.31', true, sequence()) },
      'svid-critical-extension',
    ],
    ['CRL points', { crl: extension('2.5.29.31', false, sequence()) }, undefined],
    ['noRevAvail', { noRevAvail: noRevAvail() }, undefined],
    [
      'policy constraints that do not call themselves critical',
      { policy: extension('2.5.29.36', false, sequence()) },
      'svid-critical-extension',
    ],
  ];
  test.each(rows)('%s', (_harm, extensions, reason) => {
    const checked = checkX509Svid(certificateOf(mintLeaf({ issuer: root, extensions }).der));
    if (reason === undefined) expect(checked).toMatchObject({ ok: true, value: { uri: ID } });
    else expect(checked).toMatchObject({ ok: false, reason });
  });

  test.each([
    [false, 'svid-subject-alt-name'],
    [true, undefined],
  ])('an empty subject with names that are critical: %s', (isCritical, reason) => {
    const extensions = { subjectAltName: subjectAltName([uriName(ID)], isCritical) };
    const leaf = mintLeaf({ issuer: root, subject: sequence(), extensions });
    const checked = checkX509Svid(certificateOf(leaf.der));
    expect(checked.ok ? undefined : checked.reason).toBe(reason);
  });
});

describe('a certificate that may not sign others does not (X509-SVID 3.2, 4)', () => {
  const trustDomain = names('spiffe://demo.test');
  const rows: [harm: string, extensions: ExtensionSet, reason: string | undefined, alsoForVerifier: boolean][] = [
    ['in order', trustDomain, undefined, true],
    ['without a SPIFFE ID', {}, undefined, true],
    ['a leaf', { basicConstraints: basicConstraints(false) }, 'issuer-not-ca', true],
    ['no basic constraints', { basicConstraints: undefined }, 'issuer-not-ca', true],
    [
      'basic constraints not critical',
      { basicConstraints: basicConstraints(true, undefined, false) },
      'issuer-not-ca',
      true,
    ],
    ['no key usage', { keyUsage: undefined }, 'issuer-key-usage', true],
    ['without keyCertSign', { keyUsage: keyUsage([0, 6]) }, 'issuer-key-usage', true],
    ['a key usage that is not critical', { keyUsage: keyUsage([5], false) }, 'issuer-key-usage', false],
    ["a workload's ID", names(ID), 'issuer-has-path', true],
    ['a web address', names('https://demo.test'), 'issuer-has-path', true],
    ['two SPIFFE IDs', names('spiffe://demo.test', 'spiffe://other.test'), 'issuer-uri-count', true],
    [
      'a critical extension of unknown meaning',
      { other: extension('1.2.3', true, sequence()) },
      'issuer-critical-extension',
      true,
    ],
    ['inhibitAnyPolicy', { policy: extension('2.5.29.54', false, unsigned(0)) }, 'issuer-critical-extension', true],
  ];
  test.each(rows)('%s', (_harm, extensions, reason, alsoForVerifier) => {
    const certificate = certificateOf(mintAuthority({ extensions }).der);
    const [made, met] = [checkSigningCertificate(certificate), checkIssuer(certificate)];
    expect(made.ok ? undefined : made.reason).toBe(reason);
    expect(met.ok ? undefined : met.reason).toBe(alsoForVerifier ? reason : undefined);
  });

  test('an authority without a name could not be told from another', () => {
    const authority = mintAuthority({ issuer: root, subject: sequence() });
    expect(checkIssuer(certificateOf(authority.der))).toMatchObject({ ok: false, reason: 'issuer-subject-empty' });
  });
});

test('a name under a tag that is not its own is refused, not passed over as one of another kind', () => {
  const constructedUri = generalName(contextTag(6, 'constructed'), 'spiffe://demo.test/admin');
  const extensions = { subjectAltName: subjectAltName([constructedUri, uriName(ID)]) };
  const parsed = parseCertificate(mintLeaf({ issuer: root, extensions }).der);
  expect(parsed).toMatchObject({ ok: false, reason: 'certificate-malformed' });
  const other = generalName(contextTag(0, 'constructed'), oid('1.2.3'));
  const leaf = certificateOf(
    mintLeaf({ issuer: root, extensions: { san: subjectAltName([other, uriName(ID)]), subjectAltName: undefined } })
      .der,
  );
  expect(leaf.subjectAltName).toMatchObject({ uris: [ID], others: 1 });
});
