import { generateKeyPairSync } from 'node:crypto';
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { encodePem } from '@postern/der';
import { generateSoftwareSigner, verifyX509Signature } from '@postern/keys';
import { countSigns, createFailingSigner } from '@postern/keys/testing';
import { checkSigningCertificate, parseTrustDomain } from '@postern/spiffe';
import { afterAll, describe, expect, test } from 'vitest';
import { certifyIssuer, createRootCertificate, readOwnCertificate } from './root.ts';
import { missingOpenSsl, openSsl } from './testing/openssl.ts';
import { must, START_MS, trustDomain } from './testing/world.ts';

const rootSigner = generateSoftwareSigner('ES384');
const instance = generateSoftwareSigner('ES256');
const YEAR_MS = 365 * 24 * 3_600_000;

const createRoot = (over: { lifeSeconds?: number; nowMs?: number } = {}) =>
  createRootCertificate({ signer: rootSigner, trustDomain, nowMs: START_MS, ...over });

async function certify(over: Partial<Parameters<typeof certifyIssuer>[0]> = {}) {
  const root = readOwnCertificate(await createRoot());
  return certifyIssuer({ rootSigner, root, spki: instance.spki, trustDomain, nowMs: START_MS, ...over });
}

describe('a root', () => {
  test('may sign certificates and lists, carries the trust domain’s ID, and is signed by itself', async () => {
    const root = readOwnCertificate(await createRoot());
    expect(root).toMatchObject({
      basicConstraints: { isCritical: true, isCa: true },
      keyUsage: { isCritical: true, usages: new Set(['keyCertSign', 'cRLSign']) },
      subjectAltName: { uris: ['spiffe://demo.test'], dnsNames: [] },
      notBeforeMs: START_MS - 60_000,
      notAfterMs: START_MS + 10 * YEAR_MS,
    });
    expect(root.extendedKeyUsage).toBeUndefined();
    expect(root.authorityKeyId).toBe(root.subjectKeyId);
    expect(checkSigningCertificate(root).ok).toBe(true);
    const { spki, signatureAlgorithm: algorithm, tbs: message, signature } = root;
    expect(verifyX509Signature({ spki, algorithm, message, signature })).toBe(true);
  });

  test('lives as long as it is told', async () => {
    expect(readOwnCertificate(await createRoot({ lifeSeconds: 3600 })).notAfterMs).toBe(START_MS + 3_600_000);
  });

  test('costs one use of its key', async () => {
    const signer = countSigns(rootSigner);
    await createRootCertificate({ signer, trustDomain, nowMs: START_MS });
    expect(signer.count).toBe(1);
  });

  test.each(['ES256', 'ES384', 'RS256', 'EdDSA'] as const)('may have a key for %s', async (algorithm) => {
    const signer = generateSoftwareSigner(algorithm);
    await expect(createRootCertificate({ signer, trustDomain, nowMs: START_MS })).resolves.toBeDefined();
  });
});

describe('an issuer', () => {
  test('has hours, no authority below it, and the trust domain’s ID', async () => {
    const issuer = readOwnCertificate(await certify());
    expect(issuer).toMatchObject({
      basicConstraints: { isCritical: true, isCa: true, pathLength: 0 },
      keyUsage: { isCritical: true, usages: new Set(['keyCertSign', 'cRLSign']) },
      subjectAltName: { uris: ['spiffe://demo.test'] },
      notAfterMs: START_MS + 8 * 3_600_000,
      notBeforeMs: START_MS - 60_000,
    });
    expect(issuer.noRevAvail).toBeUndefined();
  });

  test('does not outlive the root, nor begin before it', async () => {
    const root = readOwnCertificate(await createRoot({ lifeSeconds: 3600 }));
    const issuer = readOwnCertificate(await certify({ root, nowMs: START_MS - 30_000 }));
    expect(issuer.notAfterMs).toBe(root.notAfterMs);
    expect(issuer.notBeforeMs).toBe(root.notBeforeMs);
  });

  test('is not certified by a root whose time is over', async () => {
    const root = readOwnCertificate(await createRoot({ lifeSeconds: 3600 }));
    await expect(certify({ root, nowMs: START_MS + 2 * 3_600_000 })).rejects.toThrow('lifetime-positive');
  });

  const spkiOf = (key: { export(options: { format: 'der'; type: 'spki' }): Buffer }) =>
    new Uint8Array(key.export({ format: 'der', type: 'spki' }));
  const refused: [string, Partial<Parameters<typeof certifyIssuer>[0]>, RegExp][] = [
    ['for a weak key', { spki: spkiOf(generateKeyPairSync('rsa', { modulusLength: 1024 }).publicKey) }, /csr-key-weak/],
    ['for no key', { spki: new Uint8Array(91) }, /csr-key-unsupported/],
    ['for the root’s own key', { spki: rootSigner.spki }, /key of its own/],
    ['by a key that is not the root’s', { rootSigner: generateSoftwareSigner('ES384') }, /not the root key/],
    ['for another trust domain', { trustDomain: must(parseTrustDomain('evil.test')) }, /same-trust-domain/],
    ['when the root key is out of reach', { rootSigner: createFailingSigner(rootSigner) }, /cannot be used/],
  ];
  test.each(refused)('is not certified %s', async (_name, over, message) => {
    await expect(certify(over)).rejects.toThrow(message);
  });
});

if (missingOpenSsl !== undefined) console.warn(`skipped: ${missingOpenSsl}`);

describe.skipIf(missingOpenSsl !== undefined)('OpenSSL', () => {
  const dir = mkdtempSync(join(tmpdir(), 'postern-root-'));
  afterAll(() => rmSync(dir, { recursive: true }));

  test('accepts root and issuer in strict mode', async () => {
    const der = await createRoot();
    const issuer = await certify({ root: readOwnCertificate(der) });
    writeFileSync(join(dir, 'root.pem'), encodePem('CERTIFICATE', der));
    writeFileSync(join(dir, 'issuer.pem'), encodePem('CERTIFICATE', issuer));
    const at = ['-attime', String(START_MS / 1000)];
    const verdict = openSsl([
      'verify',
      '-x509_strict',
      ...at,
      '-CAfile',
      join(dir, 'root.pem'),
      join(dir, 'issuer.pem'),
    ]);
    expect(verdict.toString()).toContain('issuer.pem: OK');
    expect(
      openSsl([
        'verify',
        '-x509_strict',
        '-check_ss_sig',
        ...at,
        '-CAfile',
        join(dir, 'root.pem'),
        join(dir, 'root.pem'),
      ]).toString(),
    ).toContain('OK');
  });
});
