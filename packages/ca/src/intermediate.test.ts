import { generateKeyPairSync } from 'node:crypto';
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { encodePem } from '@postern/der';
import { generateSoftwareSigner, verifyX509Signature } from '@postern/keys';
import { verifyX509Svid } from '@postern/spiffe';
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { createAuthority } from './authority.ts';
import { createAuthorityCsr } from './authority_csr.ts';
import { createCsr } from './create_csr.ts';
import { createEphemeralIssuer } from './ephemeral_issuer.ts';
import { checkIntermediate } from './intermediate.ts';
import { PROFILES } from './profile.ts';
import { certifyIssuer, createRootCertificate, readOwnCertificate } from './root.ts';
import { AUTHORITY, type Company, createCompany } from './testing/company_root.ts';
import { missingOpenSsl, openSsl } from './testing/openssl.ts';
import { must, spiffeId, trustDomain } from './testing/world.ts';

if (missingOpenSsl !== undefined) console.warn(`skipped: ${missingOpenSsl}`);

const signer = generateSoftwareSigner('ES384');
const DAY_MS = 24 * 3_600_000;
const ID = `subjectAltName=URI:spiffe://${trustDomain}`;
const LEAF = ['basicConstraints=critical,CA:FALSE', 'keyUsage=critical,digitalSignature'];

describe.skipIf(missingOpenSsl !== undefined)('a company’s own root', () => {
  let company: Company;
  let csr: Uint8Array;
  const dir = mkdtempSync(join(tmpdir(), 'postern-intermediate-'));
  const companies: Company[] = [];
  const companyWith = (root: readonly string[]) => {
    const made = createCompany(root);
    companies.push(made);
    return made;
  };
  beforeAll(async () => {
    company = companyWith(AUTHORITY);
    csr = await createAuthorityCsr({ signer, trustDomain });
  });
  afterAll(() => {
    for (const made of companies) made.remove();
    rmSync(dir, { recursive: true });
  });

  const check = (certificates: readonly Uint8Array[], over: { spki?: Uint8Array; nowMs?: number } = {}) =>
    checkIntermediate({ certificates, spki: signer.spki, trustDomain, nowMs: Date.now(), ...over });
  const verdict = (...of: Parameters<typeof check>) => {
    const checked = check(...of);
    return checked.ok ? 'taken' : [checked.reason, checked.detail].filter(Boolean).join(' ');
  };

  test('is asked by a request that OpenSSL verifies, for just what an intermediate of ours needs', () => {
    const text = openSsl(['req', '-inform', 'DER', '-noout', '-text', '-verify'], csr).toString();
    expect(text).toMatch(/Subject: ?O ?= ?Postern, ?CN ?= ?Postern authority of demo\.test/);
    expect(text).toMatch(/Basic Constraints: critical\s+CA:TRUE, pathlen:1/);
    expect(text).toMatch(/Key Usage: critical\s+Certificate Sign, CRL Sign\n/);
    expect(text).toContain('URI:spiffe://demo.test\n');
  });

  test.each([
    ['with what was asked for', undefined],
    ['without a SPIFFE ID, as authorities do that take no names from requests', AUTHORITY],
    [
      'with room for more below',
      ['basicConstraints=critical,CA:TRUE,pathlen:5', 'keyUsage=critical,keyCertSign,cRLSign', ID],
    ],
    [
      'with a constraint on our trust domain',
      [...AUTHORITY, ID, `nameConstraints=critical,permitted;URI:${trustDomain}`],
    ],
    ['with purposes of both kinds', [...AUTHORITY, 'extendedKeyUsage=serverAuth,clientAuth']],
  ])('makes our key an intermediate %s', async (_name, extensions) => {
    const certificate = company.sign(csr, extensions === undefined ? {} : { extensions });
    const taken = must(check([certificate, company.certificate]));
    expect(taken).toMatchObject({ certificate, chain: [], anchors: [company.certificate] });
    await expectIssues(taken.certificate, taken.chain, company.certificate);
  });

  test('may have an authority of its own in between, and the file any order', async () => {
    const between = company.below('Company Issuing');
    const certificate = between.sign(csr);
    const given = [company.certificate, certificate, between.certificate];
    for (const order of [given, given.toReversed()]) {
      const taken = must(check(order));
      expect(taken).toMatchObject({ certificate, chain: [between.certificate], anchors: [company.certificate] });
      await expectIssues(taken.certificate, taken.chain, company.certificate);
    }
  });

  /** Both kinds of issuer below it; judged by our own verifier and by OpenSSL, who have the company's root alone. */
  async function expectIssues(certificate: Uint8Array, chain: readonly Uint8Array[], anchor: Uint8Array) {
    const nowMs = Date.now();
    const clock = { nowMs: () => nowMs };
    const root = readOwnCertificate(certificate);
    const issuer = createEphemeralIssuer({
      certify: (spki) => certifyIssuer({ rootSigner: signer, root, spki, trustDomain, nowMs }),
      above: async () => [certificate, ...chain],
      clock,
    });
    const nothing = async () => {};
    const audit = { begin: nothing, complete: nothing, failed: nothing };
    const authority = createAuthority({ issuers: { ephemeral: issuer, kms: issuer }, audit, clock });
    const { privateKey } = generateKeyPairSync('ec', { namedCurve: 'P-256' });
    const issued = must(
      await authority.issueX509Svid({
        ...{ spiffeId, dnsNames: ['payments.demo.test'], profile: PROFILES['workload'] as never },
        ...{ csr: createCsr(privateKey, {}), requester: 'test' },
      }),
    );
    const bundle = { trustDomain, x509Authorities: [anchor], jwtAuthorities: [] };
    const bundles = new Map([[trustDomain as string, bundle]]);
    const verified = verifyX509Svid({ chain: issued.chain, bundles, nowMs, verifySignature: verifyX509Signature });
    expect(verified).toMatchObject({ ok: true });
    const write = (name: string, ders: readonly Uint8Array[]) => {
      writeFileSync(join(dir, name), ders.map((der) => encodePem('CERTIFICATE', der)).join(''));
      return join(dir, name);
    };
    const [leaf, ...untrusted] = issued.chain as [Uint8Array, ...Uint8Array[]];
    const files = ['-CAfile', write('root.pem', [anchor]), '-untrusted', write('chain.pem', untrusted)];
    const rules = ['-x509_strict', '-purpose', 'sslserver'];
    expect(openSsl(['verify', ...rules, ...files, write('leaf.pem', [leaf])]).toString()).toContain('OK');
  }

  describe('is not taken', () => {
    const rows: [string, () => Uint8Array[], RegExp][] = [
      ['without a certificate for our key', () => [company.certificate], /^intermediate-key 0/],
      [
        'with two for our key',
        () => [company.sign(csr), company.sign(csr), company.certificate],
        /^intermediate-key 2/,
      ],
      ['without its root', () => [company.sign(csr)], /^intermediate-root/],
      [
        'without the authority in between',
        () => [company.below('x').sign(csr), company.certificate],
        /^intermediate-path issuer-unknown/,
      ],
      [
        'from a root of the same name, whose key signed nothing of it',
        () => [company.sign(csr), company.stranger().certificate],
        /^intermediate-path issuer-(unknown|signature)/,
      ],
      [
        'with a certificate that leads nowhere',
        () => [company.sign(csr), company.certificate, company.stranger().certificate],
        /^intermediate-(unused|path)/,
      ],
      ['with more than verifiers take', () => Array<Uint8Array>(4).fill(company.certificate), /^intermediate-count/],
      ['with what is no certificate', () => [company.sign(csr), Uint8Array.of(1)], /^intermediate-malformed/],
      [
        'as a leaf',
        () => [company.sign(csr, { extensions: LEAF }), company.certificate],
        /^intermediate-profile issuer-not-ca/,
      ],
      [
        'as an authority that is not marked critical',
        () => [
          company.sign(csr, { extensions: ['basicConstraints=CA:TRUE', 'keyUsage=critical,keyCertSign,cRLSign'] }),
          company.certificate,
        ],
        /^intermediate-profile issuer-not-ca/,
      ],
      [
        'as one that signs no certificates',
        () => [
          company.sign(csr, { extensions: ['basicConstraints=critical,CA:TRUE', 'keyUsage=critical,cRLSign'] }),
          company.certificate,
        ],
        /^intermediate-profile issuer-key-usage/,
      ],
      [
        'as one that signs no lists',
        () => [
          company.sign(csr, { extensions: ['basicConstraints=critical,CA:TRUE', 'keyUsage=critical,keyCertSign'] }),
          company.certificate,
        ],
        /^intermediate-profile no cRLSign/,
      ],
      [
        'with no room below for issuers',
        () => [
          company.sign(csr, {
            extensions: ['basicConstraints=critical,CA:TRUE,pathlen:0', 'keyUsage=critical,keyCertSign,cRLSign'],
          }),
          company.certificate,
        ],
        /^intermediate-path issuer-path-length/,
      ],
      [
        'with no room below at the root',
        () => {
          const narrow = companyWith([
            'basicConstraints=critical,CA:TRUE,pathlen:1',
            'keyUsage=critical,keyCertSign,cRLSign',
          ]);
          return [narrow.sign(csr), narrow.certificate];
        },
        /^intermediate-path issuer-path-length/,
      ],
      [
        'with a constraint that leaves our trust domain out',
        () => [
          company.sign(csr, { extensions: [...AUTHORITY, 'nameConstraints=critical,permitted;URI:other.test'] }),
          company.certificate,
        ],
        /^intermediate-path issuer-name-constraints/,
      ],
      [
        'with a root whose constraint excludes our trust domain',
        () => {
          const narrow = companyWith([...AUTHORITY, `nameConstraints=critical,excluded;URI:${trustDomain}`]);
          return [narrow.sign(csr), narrow.certificate];
        },
        /^intermediate-path issuer-name-constraints/,
      ],
      [
        'with a constraint on other names, which not every verifier applies',
        () => [
          company.sign(csr, { extensions: [...AUTHORITY, 'nameConstraints=critical,permitted;DNS:demo.test'] }),
          company.certificate,
        ],
        /^intermediate-path issuer-name-constraints/,
      ],
      [
        'for one purpose alone',
        () => [company.sign(csr, { extensions: [...AUTHORITY, 'extendedKeyUsage=serverAuth'] }), company.certificate],
        /^intermediate-path issuer-extended-key-usage/,
      ],
      [
        'with a policy that verifiers would have to apply',
        () => [
          company.sign(csr, { extensions: [...AUTHORITY, 'policyConstraints=critical,requireExplicitPolicy:0'] }),
          company.certificate,
        ],
        /^intermediate-profile issuer-critical-extension/,
      ],
      [
        'in the name of another trust domain',
        () => [
          company.sign(csr, { extensions: [...AUTHORITY, 'subjectAltName=URI:spiffe://evil.test'] }),
          company.certificate,
        ],
        /^intermediate-trust-domain spiffe:\/\/evil\.test/,
      ],
      [
        'below an authority of another trust domain',
        () => {
          const other = companyWith([...AUTHORITY, 'subjectAltName=URI:spiffe://evil.test']);
          return [other.sign(csr), other.certificate];
        },
        /^intermediate-trust-domain/,
      ],
      ['for days only', () => [company.sign(csr, { days: 27 }), company.certificate], /^intermediate-life-too-short/],
    ];
    test.each(rows)('%s', (_name, make, reason) => {
      expect(verdict(make())).toMatch(reason);
    });

    test('after its end, or before its beginning', () => {
      const given = [company.sign(csr), company.certificate];
      expect(verdict(given, { nowMs: Date.now() + 366 * DAY_MS })).toBe('intermediate-path issuer-expired');
      expect(verdict(given, { nowMs: Date.now() - DAY_MS })).toBe('intermediate-path issuer-not-yet-valid');
    });

    test('for the key of another generation', () => {
      const given = [company.sign(csr), company.certificate];
      expect(verdict(given, { spki: generateSoftwareSigner('ES384').spki })).toBe('intermediate-key 0 certificates');
    });

    test('where it is our own root that is given back', async () => {
      const own = await createRootCertificate({ signer, trustDomain, nowMs: Date.now() });
      expect(verdict([own])).toMatch(/^intermediate-root/);
      expect(verdict([own, company.certificate])).toMatch(/^intermediate-path/);
    });
  });
});
