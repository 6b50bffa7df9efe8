import { execFileSync } from 'node:child_process';
import { generateKeyPairSync, type KeyObject } from 'node:crypto';
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { encodePem } from '@postern/der';
import { generateSoftwareSigner, type Signer, SignerUnavailable, verifyX509Signature } from '@postern/keys';
import { type Certificate, parseSpiffeId, parseTrustDomain, type SpiffeId, verifyX509Svid } from '@postern/spiffe';
import fc from 'fast-check';
import { afterAll, describe, expect, test } from 'vitest';
import { createAuthority, type IssuanceAudit } from './authority.ts';
import { createCsr } from './create_csr.ts';
import { parseCsr } from './csr.ts';
import { createEphemeralIssuer } from './ephemeral_issuer.ts';
import { WORKLOAD_PROFILE } from './profile.ts';
import { certifyIssuer, createRootCertificate, readOwnCertificate } from './root.ts';

const nowMs = Date.UTC(2026, 10, 24, 12);
const clock = { nowMs: () => nowMs };
const trustDomain = must(parseTrustDomain('demo.test'));
const spiffeId: SpiffeId = must(parseSpiffeId('spiffe://demo.test/payments'));

function must<T>(result: { ok: true; value: T } | { ok: false; reason: string }): T {
  if (!result.ok) throw new Error(result.reason);
  return result.value;
}

function counting(signer: Signer): Signer & { count: number } {
  const counted = {
    ...signer,
    count: 0,
    sign: (message: Uint8Array) => {
      counted.count += 1;
      return signer.sign(message);
    },
  };
  return counted;
}

async function createWorld(audit: Partial<IssuanceAudit> = {}, failing = false) {
  const rootSigner = counting(generateSoftwareSigner('ES384'));
  const root = await createRootCertificate({ signer: rootSigner, trustDomain, nowMs });
  const log: string[] = [];
  const issuer = createEphemeralIssuer({
    clock,
    certify: (spki) => {
      if (failing) throw new SignerUnavailable('away');
      return certifyIssuer({ rootSigner, root: readOwnCertificate(root), spki, trustDomain, nowMs });
    },
  });
  const authority = createAuthority({
    issuer,
    clock,
    audit: {
      begin: async () => void log.push('begin'),
      complete: async () => void log.push('complete'),
      failed: async (_issuance, reason) => void log.push(`failed ${reason}`),
      ...audit,
    },
  });
  return { authority, root, rootSigner, log };
}

const keyPair = () => generateKeyPairSync('ec', { namedCurve: 'P-256' }).privateKey;
const request = (csr: Uint8Array) => ({ spiffeId, dnsNames: [], profile: WORKLOAD_PROFILE, csr, requester: 'test' });

const dir = mkdtempSync(join(tmpdir(), 'postern-ca-'));
afterAll(() => rmSync(dir, { recursive: true }));

describe('what is issued', () => {
  const keys: [string, () => KeyObject][] = [
    ['P-256', keyPair],
    ['P-384', () => generateKeyPairSync('ec', { namedCurve: 'P-384' }).privateKey],
    ['RSA 2048', () => generateKeyPairSync('rsa', { modulusLength: 2048 }).privateKey],
    ['Ed25519', () => generateKeyPairSync('ed25519').privateKey],
  ];
  test.each(keys)('for a %s key is accepted by OpenSSL in strict mode and by our own verifier', async (_name, key) => {
    const { authority, root, log } = await createWorld();
    const granted = { ...request(createCsr(key(), { spiffeId: spiffeId.uri })), dnsNames: ['payments.demo.test'] };
    const issued = must(await authority.issueX509Svid(granted));
    expect(log).toEqual(['begin', 'complete']);
    const [leaf, issuer] = issued.chain as [Uint8Array, Uint8Array];
    writeFileSync(join(dir, 'root.pem'), encodePem('CERTIFICATE', root));
    writeFileSync(join(dir, 'issuer.pem'), encodePem('CERTIFICATE', issuer));
    writeFileSync(join(dir, 'leaf.pem'), encodePem('CERTIFICATE', leaf));
    const files = ['-CAfile', join(dir, 'root.pem'), '-untrusted', join(dir, 'issuer.pem'), join(dir, 'leaf.pem')];
    const at = ['-attime', String(nowMs / 1000)];
    const verdict = execFileSync('openssl', ['verify', '-x509_strict', ...at, ...files], { encoding: 'utf8' });
    expect(verdict).toContain('leaf.pem: OK');
    const bundle = { trustDomain, x509Authorities: [root], jwtAuthorities: [] };
    const verified = must(
      verifyX509Svid({ chain: issued.chain, bundles: new Map([[trustDomain as string, bundle]]), nowMs, verifySignature: verifyX509Signature }),
    );
    expect(verified).toMatchObject({ serial: issued.serial, spiffeId: { uri: spiffeId.uri } });
    const text = execFileSync('openssl', ['x509', '-in', join(dir, 'leaf.pem'), '-noout', '-text'], { encoding: 'utf8' });
    expect(text).toContain('URI:spiffe://demo.test/payments, DNS:payments.demo.test');
  });

  test('costs one use of the root key for a thousand SVIDs', async () => {
    const { authority, rootSigner } = await createWorld();
    const before = rootSigner.count;
    const csr = createCsr(keyPair(), {});
    for (let index = 0; index < 1000; index++) must(await authority.issueX509Svid(request(csr)));
    expect(rootSigner.count - before).toBe(1);
  });

  test('never has a lifetime beyond profile or issuer', async () => {
    const { authority } = await createWorld();
    const issued = must(await authority.issueX509Svid({ ...request(createCsr(keyPair(), {})), ttlSeconds: 10 ** 9 }));
    expect(issued.notAfterMs - nowMs).toBe(8 * 60 * 60 * 1000);
  });
});

describe('nothing is signed', () => {
  test('when the record of its beginning cannot be made durable', async () => {
    let signed = 0;
    const { authority, log } = await createWorld({
      begin: async () => {
        throw new Error('disk full');
      },
      complete: async () => void signed++,
    });
    await expect(authority.issueX509Svid(request(createCsr(keyPair(), {})))).rejects.toThrow('disk full');
    expect({ signed, log }).toEqual({ signed: 0, log: [] });
  });

  test('when the root key cannot be used', async () => {
    const { authority, log } = await createWorld({}, true);
    expect(await authority.issueX509Svid(request(createCsr(keyPair(), {})))).toMatchObject({ reason: 'authority-unavailable' });
    expect(log).toEqual([]);
  });

  const rows: [string, () => Uint8Array, string][] = [
    ['for a foreign SPIFFE ID in the request', () => createCsr(keyPair(), { spiffeId: 'spiffe://demo.test/admin' }), 'csr-extra-name'],
    ['for a foreign trust domain in the request', () => createCsr(keyPair(), { spiffeId: 'spiffe://evil.test/payments' }), 'csr-extra-name'],
    ['for a 1,024-bit RSA key', () => createCsr(rsa(1024), {}), 'csr-key-weak'],
    ['for an RSA exponent of 3', () => createCsr(generateKeyPairSync('rsa', { modulusLength: 2048, publicExponent: 3 }).privateKey, {}), 'csr-key-weak'],
    ['for a key that its holder has not proved', () => flipped(createCsr(keyPair(), {}), -1), 'csr-signature'],
    ['for a P-521 key', () => createCsr(generateKeyPairSync('ec', { namedCurve: 'P-521' }).privateKey, {}), 'csr-key-unsupported'],
    ['for no request at all', () => new Uint8Array(), 'csr-malformed'],
    ['for an oversized request', () => new Uint8Array(8 * 1024 + 1), 'csr-too-large'],
    ['for a request with bytes after it', () => Buffer.concat([createCsr(keyPair(), {}), Buffer.of(0)]), 'csr-malformed'],
  ];
  test.each(rows)('%s', async (_name, csr, reason) => {
    const { authority, log } = await createWorld();
    expect(await authority.issueX509Svid(request(csr()))).toMatchObject({ ok: false, reason });
    expect(log).toEqual([]);
  });

  test('for any request with a flipped byte', () => {
    const csr = createCsr(keyPair(), { spiffeId: spiffeId.uri });
    fc.assert(
      fc.property(fc.nat(csr.length - 1), fc.integer({ min: 1, max: 255 }), (index, mask) => {
        const mutant = Uint8Array.from(csr);
        mutant[index] = (mutant[index] as number) ^ mask;
        expect(parseCsr(mutant).ok).toBe(false);
      }),
      { numRuns: process.env['POSTERN_LONG'] ? 20_000 : 1000 },
    );
  });
});

const rsa = (modulusLength: number) => generateKeyPairSync('rsa', { modulusLength }).privateKey;

function flipped(bytes: Uint8Array, index: number): Uint8Array {
  const copy = Uint8Array.from(bytes);
  copy[copy.length + index] = (copy[copy.length + index] as number) ^ 1;
  return copy;
}

test('an issuer that is certified for hours only has no authority below it', async () => {
  const { authority } = await createWorld();
  const issued = must(await authority.issueX509Svid(request(createCsr(keyPair(), {}))));
  const issuer: Certificate = readOwnCertificate(issued.chain[1] as Uint8Array);
  expect(issuer.basicConstraints).toEqual({ isCritical: true, isCa: true, pathLength: 0 });
  expect(issuer.notAfterMs - nowMs).toBe(8 * 60 * 60 * 1000);
});
