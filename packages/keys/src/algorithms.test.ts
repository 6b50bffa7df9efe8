import { createPrivateKey, generateKeyPairSync, sign, verify } from 'node:crypto';
import { describe, expect, test } from 'vitest';
import {
  ALGORITHMS,
  algorithmOfX509Oid,
  algorithmRow,
  isSignatureAlgorithm,
  type SignatureAlgorithm,
} from './algorithms.ts';
import { joseSignature } from './jws.ts';
import { algorithmOfKey, publicKeyFromSpki } from './public_key.ts';
import { createSoftwareSigner, generatePrivateKey, generateSoftwareSigner } from './software_signer.ts';
import { verifySignature, verifyX509Signature } from './verify.ts';

const NAMES = Object.keys(ALGORITHMS) as SignatureAlgorithm[];
const message = new TextEncoder().encode('message');

/** AlgorithmIdentifiers as OpenSSL 3.0 writes them into certificates. */
const IDENTIFIERS: { readonly [A in SignatureAlgorithm]?: string } = {
  ES256: '300a06082a8648ce3d040302',
  ES384: '300a06082a8648ce3d040303',
  ES512: '300a06082a8648ce3d040304',
  RS256: '300d06092a864886f70d01010b0500',
  RS384: '300d06092a864886f70d01010c0500',
  RS512: '300d06092a864886f70d01010d0500',
  EdDSA: '300506032b6570',
};

test.each(NAMES)('%s is written into certificates as others write it', (name) => {
  const { x509 } = algorithmRow(name);
  expect(x509 && Buffer.from(x509.identifier).toString('hex')).toBe(IDENTIFIERS[name]);
  if (x509) expect(algorithmOfX509Oid(x509.oid)).toBe(name);
});

test.each(['none', 'HS256', 'ES256K', '', 'toString', '__proto__', undefined, 7])(
  '`%s` is no algorithm of ours',
  (name) => {
    expect(isSignatureAlgorithm(name)).toBe(false);
  },
);

describe('a signature counts for its algorithm, key and message only', () => {
  test.each(NAMES)('%s', async (name) => {
    const signer = generateSoftwareSigner(name);
    const key = publicKeyFromSpki(signer.spki);
    if (key === undefined) throw new Error('no key');
    const signature = await signer.sign(message);
    expect(
      NAMES.filter((other) => verifySignature(other, key, message, joseSignature(name, signature), 'jose')),
    ).toEqual([name]);
    expect(NAMES.filter((other) => verifySignature(other, key, message, signature, 'x509'))).toEqual([name]);
    expect(verifySignature(name, key, new Uint8Array(), signature, 'x509')).toBe(false);
    expect(verifySignature(name, key, message, signature.subarray(1), 'x509')).toBe(false);
    const another = publicKeyFromSpki(generateSoftwareSigner(name).spki);
    if (another !== undefined) expect(verifySignature(name, another, message, signature, 'x509')).toBe(false);
  });
});

describe('a certificate signature', () => {
  const NULL = Uint8Array.of(5, 0);
  test.each(NAMES.filter((name) => algorithmRow(name).x509))(
    '%s counts only with the parameters of its row',
    async (name) => {
      const signer = generateSoftwareSigner(name);
      const signature = await signer.sign(message);
      const oid = algorithmRow(name).x509?.oid as string;
      const input = { spki: signer.spki, message, signature };
      const isRsa = algorithmRow(name).keyType === 'RSA';
      expect(verifyX509Signature({ ...input, algorithm: { oid } })).toBe(!isRsa);
      expect(verifyX509Signature({ ...input, algorithm: { oid, parameters: NULL } })).toBe(isRsa);
      expect(verifyX509Signature({ ...input, algorithm: { oid, parameters: Uint8Array.of(4, 0) } })).toBe(false);
      expect(verifyX509Signature({ ...input, algorithm: { oid: '1.2.840.113549.1.1.5', parameters: NULL } })).toBe(
        false,
      );
      expect(verifyX509Signature({ ...input, spki: new Uint8Array(50), algorithm: { oid } })).toBe(false);
    },
  );
});

test('a certificate may be signed with any digest on any curve, a token may not', () => {
  const { privateKey, publicKey } = generateKeyPairSync('ec', { namedCurve: 'P-384' });
  const signature = sign('sha256', message, privateKey);
  expect(verifySignature('ES256', publicKey, message, signature, 'x509')).toBe(true);
  const raw = sign('sha256', message, { key: privateKey, dsaEncoding: 'ieee-p1363' });
  expect(verifySignature('ES256', publicKey, message, raw, 'jose')).toBe(false);
  const foreign = generateKeyPairSync('ec', { namedCurve: 'secp256k1' });
  const foreignSignature = sign('sha256', message, foreign.privateKey);
  expect(verifySignature('ES256', foreign.publicKey, message, foreignSignature, 'x509')).toBe(false);
});

describe('a software signer', () => {
  test('does not take a key of another algorithm', () => {
    expect(() => createSoftwareSigner(generatePrivateKey('ES384'), 'ES256')).toThrow(TypeError);
    expect(() => createSoftwareSigner(generatePrivateKey('EdDSA'), 'RS256')).toThrow(TypeError);
  });

  test.each(NAMES)('knows what a key for %s is good for', (name) => {
    const key = publicKeyFromSpki(generateSoftwareSigner(name).spki);
    const expected = algorithmRow(name).keyType === 'RSA' ? 'RS256' : name;
    expect(key && algorithmOfKey(key)).toBe(expected);
  });

  test('signs what node:crypto verifies', async () => {
    const pem = generatePrivateKey('ES256').export({ format: 'pem', type: 'pkcs8' });
    const key = createPrivateKey(pem);
    const signature = await createSoftwareSigner(key, 'ES256').sign(message);
    expect(verify('sha256', message, key, signature)).toBe(true);
    expect(sign('sha256', message, key)).not.toEqual(signature);
  });
});
