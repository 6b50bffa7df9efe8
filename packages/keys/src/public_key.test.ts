import { generateKeyPairSync } from 'node:crypto';
import { encodeBase64Url } from '@postern/der';
import { calculateJwkThumbprint } from 'jose';
import { describe, expect, test } from 'vitest';
import { ALGORITHMS, type SignatureAlgorithm } from './algorithms.ts';
import {
  fitsAlgorithm,
  isPublicSigningKey,
  jwkFromSpki,
  publicKeyFromJwk,
  publicKeyFromSpki,
  spkiFromJwk,
  thumbprint,
} from './public_key.ts';
import { isRocaModulus } from './roca.ts';
import { generateSoftwareSigner } from './software_signer.ts';

const NAMES = Object.keys(ALGORITHMS) as SignatureAlgorithm[];

/** RFC 7638 3.1. */
const RFC_7638_KEY = {
  kty: 'RSA',
  n:
    '0vx7agoebGcQSuuPiLJXZptN9nndrQmbXEps2aiAFbWhM78LhWx4cbbfAAtVT86zwu1RK7aPFFxuhDR1L6tSoc_BJECPebWKRXjBZCiFV4n3oknj' +
    'hMstn64tZ_2W-5JsGY4Hc5n9yBXArwl93lqt7_RN5w6Cf0h4QyQ5v-65YGjQR0_FDW2QvzqY368QQMicAtaSqzs8KJZgnYb9c7d0zgdAZHzu6qMQ' +
    'vRL5hajrn1n91CbOpbISD08qNLyrdkt-bFTWhAI4vMQFh6WeZu0fM4lFd2NcRwr3XPksINHaQ-G_xBniIqbw0Ls1jF44-csFCur-kEgU8awapJzK' +
    'nqDKgw',
  e: 'AQAB',
  alg: 'RS256',
  kid: '2011-04-29',
};

describe('thumbprint', () => {
  test('of the key in RFC 7638 is the one printed there', () => {
    expect(thumbprint(RFC_7638_KEY)).toBe('NzbLsXh8uDCcd-6MNwXF4W_7noWXFZAfHkxZsRGC9Xs');
  });

  test.each(NAMES)('of a key for %s is the one that npm jose computes', async (algorithm) => {
    const jwk = jwkFromSpki(generateSoftwareSigner(algorithm).spki);
    expect(jwk['kid']).toBe(await calculateJwkThumbprint({ ...jwk }));
  });

  test('does not exist for a key with a member missing', () => {
    expect(() => thumbprint({ kty: 'EC', crv: 'P-256', x: 'AA' })).toThrow(TypeError);
  });
});

test.each(NAMES)('a key for %s is the same as SPKI, as JWK and back', (algorithm) => {
  const { spki } = generateSoftwareSigner(algorithm);
  expect(spkiFromJwk(jwkFromSpki(spki))).toEqual(spki);
});

describe('a key fits only the algorithms of its type and curve', () => {
  const keys = NAMES.map((name) => [name, publicKeyFromSpki(generateSoftwareSigner(name).spki)] as const);
  test.each(keys)('%s', (name, key) => {
    const fitting = NAMES.filter((other) => key !== undefined && fitsAlgorithm(key, other));
    expect(fitting).toEqual(
      ALGORITHMS[name].keyType === 'RSA' ? NAMES.filter((other) => ALGORITHMS[other].keyType === 'RSA') : [name],
    );
  });

  test.each([
    ['RSA with exponent 3', generateKeyPairSync('rsa', { modulusLength: 2048, publicExponent: 3 }).publicKey],
    ['RSA of 1,024 bits', generateKeyPairSync('rsa', { modulusLength: 1024 }).publicKey],
    ['RSA-PSS with its own parameters', generateKeyPairSync('rsa-pss', { modulusLength: 2048 }).publicKey],
    ['secp256k1', generateKeyPairSync('ec', { namedCurve: 'secp256k1' }).publicKey],
    ['X25519', generateKeyPairSync('x25519').publicKey],
    ['Ed448', generateKeyPairSync('ed448').publicKey],
  ] as const)('%s fits none', (_name, key) => {
    expect(NAMES.filter((name) => fitsAlgorithm(key, name))).toEqual([]);
  });
});

describe('a key that has a second spelling, or is none, is refused', () => {
  const jwk = jwkFromSpki(generateSoftwareSigner('RS256').spki);
  const withLeadingZero = encodeBase64Url(Buffer.concat([Buffer.of(0), Buffer.from(jwk['n'] as string, 'base64url')]));
  const rows: [string, { readonly [name: string]: unknown }][] = [
    ['a modulus with a leading zero', { ...jwk, n: withLeadingZero }],
    ['padding', { ...jwk, e: 'AQAB=' }],
    ['white space', { ...jwk, e: ' AQAB' }],
    ['members that are no text', { ...jwk, e: 65537 }],
    ['no type', { ...jwk, kty: undefined }],
    ['a shared secret', { kty: 'oct', k: 'AAAA' }],
  ];
  test.each(rows)('%s', (_name, key) => {
    expect(() => publicKeyFromJwk(key)).toThrow();
    expect(isPublicSigningKey(key, 'RS256')).toBe(false);
  });

  test('private members never reach the library, and are no part of a public signing key', () => {
    const { privateKey } = generateKeyPairSync('ec', { namedCurve: 'P-256' });
    const secret = privateKey.export({ format: 'jwk' }) as { [name: string]: unknown };
    expect(publicKeyFromJwk(secret).type).toBe('public');
    expect(isPublicSigningKey(secret, 'ES256')).toBe(false);
    expect(jwkFromSpki(spkiFromJwk(secret))).not.toHaveProperty('d');
  });

  test.each([new Uint8Array(), new Uint8Array(91), new Uint8Array(3000)])(
    'octets that are no SubjectPublicKeyInfo',
    (spki) => {
      expect(publicKeyFromSpki(spki)).toBeUndefined();
    },
  );
});

test('ROCA is not seen in keys of a good generator', () => {
  for (let index = 0; index < 3; index++) {
    const { n } = jwkFromSpki(generateSoftwareSigner('RS256').spki);
    expect(isRocaModulus(Buffer.from(n as string, 'base64url'))).toBe(false);
  }
});
