import { createPrivateKey, createPublicKey, generateKeyPairSync, type KeyObject } from 'node:crypto';
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import {
  bitString,
  element,
  encodePem,
  ia5String,
  nullValue,
  octetString,
  oid,
  sequence,
  setOf,
  unsigned,
  utf8String,
} from '@postern/der';
import { readSpki, thumbprintOfSpki } from '@postern/keys';
import fc from 'fast-check';
import { afterAll, describe, expect, test } from 'vitest';
import { createCsr } from './create_csr.ts';
import { checkCsrNames, MAX_CSR_BYTES, parseCsr } from './csr.ts';
import { checkCsrKey } from './csr_key.ts';
import { attribute, craftCsr, extension, extensionRequest, names } from './testing/craft_csr.ts';
import { missingOpenSsl, openSsl } from './testing/openssl.ts';
import { spiffeId } from './testing/world.ts';

const ec = (namedCurve: string) => generateKeyPairSync('ec', { namedCurve }).privateKey;
const rsa = (modulusLength: number, publicExponent = 65537) =>
  generateKeyPairSync('rsa', { modulusLength, publicExponent }).privateKey;
function spkiOf(key: KeyObject): Uint8Array {
  const publicKey = key.type === 'public' ? key : createPublicKey(key);
  return new Uint8Array(publicKey.export({ format: 'der', type: 'spki' }));
}

const p256 = ec('P-256');
const p256Spki = spkiOf(p256);
const ECDSA_SHA256 = sequence(oid('1.2.840.10045.4.3.2'));
const EC_P256 = sequence(oid('1.2.840.10045.2.1'), oid('1.2.840.10045.3.1.7'));

/** The same point with its y left out. */
function compressed(spki: Uint8Array): Uint8Array {
  const point = spki.subarray(-65);
  const isOdd = ((point[64] as number) & 1) === 1;
  return sequence(EC_P256, bitString(Buffer.concat([Buffer.of(isOdd ? 3 : 2), point.subarray(1, 33)])));
}

function offCurve(spki: Uint8Array): Uint8Array {
  const wrong = Uint8Array.from(spki);
  wrong[wrong.length - 1] = (wrong[wrong.length - 1] as number) ^ 1;
  return wrong;
}

/** A modulus that is a power of 65537 modulo each of the primes by which such keys are known. */
function rocaSpki(): Uint8Array {
  const primes = [11n, 13n, 17n, 19n, 37n, 53n, 61n, 71n, 73n, 79n, 97n, 103n, 107n, 109n, 127n, 151n, 157n];
  const product = primes.reduce((sum, prime) => sum * prime, 2n);
  const modulus = (2n ** 2047n / product) * product + product + (65537n ** 5n % product);
  return rsaSpki(modulus);
}

/** Nobody has the private half, nor needs it: such a key is refused before any signature is looked at. */
function rsaSpki(modulus: bigint): Uint8Array {
  const digits = modulus.toString(16);
  const n = Buffer.from(digits.length % 2 === 0 ? digits : `0${digits}`, 'hex').toString('base64url');
  return spkiOf(createPublicKey({ key: { kty: 'RSA', n, e: 'AQAB' }, format: 'jwk' }));
}

describe('a request is refused, and nothing signed,', () => {
  const rows: [string, () => Uint8Array | string, string][] = [
    ['when it is empty', () => new Uint8Array(), 'csr-malformed'],
    ['when it is larger than any honest one', () => new Uint8Array(MAX_CSR_BYTES + 1), 'csr-too-large'],
    ['when its PEM is', () => 'A'.repeat(12 * 1024 + 1), 'csr-too-large'],
    ['when its PEM is of something else', () => encodePem('CERTIFICATE', craftCsr(p256)), 'csr-malformed'],
    ['when its PEM holds two', () => encodePem('CERTIFICATE REQUEST', craftCsr(p256)).repeat(2), 'csr-malformed'],
    ['when an octet follows it', () => Buffer.concat([craftCsr(p256), Buffer.of(0)]), 'csr-malformed'],
    ['when it has a version that does not exist', () => craftCsr(p256, { version: 1 }), 'csr-malformed'],
    ['when it has fields that do not exist', () => craftCsr(p256, { extraInfo: [nullValue()] }), 'csr-malformed'],
    [
      'when its signature algorithm has parameters',
      () => craftCsr(p256, { signatureAlgorithm: sequence(oid('1.2.840.10045.4.3.2'), nullValue()) }),
      'csr-signature',
    ],
    [
      'when it is signed with SHA-1',
      () => craftCsr(p256, { signatureAlgorithm: sequence(oid('1.2.840.10045.4.1')) }),
      'csr-signature',
    ],
    [
      'when it names an algorithm of another key type',
      () => craftCsr(rsa(2048), { signatureAlgorithm: ECDSA_SHA256 }),
      'csr-signature',
    ],
    ['when the key is somebody else’s', () => craftCsr(p256, { spki: spkiOf(ec('P-256')) }), 'csr-signature'],
    ['when an attribute is no pair', () => craftCsr(p256, { attributes: [sequence(oid('1.2.3'))] }), 'csr-malformed'],
    [
      'when it asks for extensions twice',
      () => craftCsr(p256, { attributes: [extensionRequest(), extensionRequest()] }),
      'csr-malformed',
    ],
    [
      'when one attribute asks for them twice',
      () => craftCsr(p256, { attributes: [attribute('1.2.840.113549.1.9.14', sequence(), sequence(names()))] }),
      'csr-malformed',
    ],
    [
      'when it has two lists of names',
      () =>
        craftCsr(p256, {
          attributes: [extensionRequest(names([6, spiffeId.uri]), names([6, 'spiffe://demo.test/admin']))],
        }),
      'csr-malformed',
    ],
    [
      'when an extension has a field too many',
      () =>
        craftCsr(p256, {
          attributes: [extensionRequest(sequence(oid('2.5.29.17'), octetString(sequence()), nullValue(), nullValue()))],
        }),
      'csr-malformed',
    ],
    [
      'when its names are no list',
      () => craftCsr(p256, { attributes: [extensionRequest(extension('2.5.29.17', nullValue()))] }),
      'csr-malformed',
    ],
    [
      'when `critical` has a second spelling',
      () => craftCsr(p256, { attributes: [extensionRequest(extension('2.5.29.17', sequence(), false))] }),
      'csr-malformed',
    ],
    [
      'when it calls critical what nobody here knows',
      () => craftCsr(p256, { attributes: [extensionRequest(extension('1.2.3.4', nullValue(), true))] }),
      'csr-extension-unsupported',
    ],
  ];
  test.each(rows)('%s', (_name, csr, reason) => {
    expect(parseCsr(csr())).toMatchObject({ ok: false, reason });
  });

  const keys: [string, () => Uint8Array, string][] = [
    ['P-521', () => spkiOf(ec('P-521')), 'csr-key-unsupported'],
    ['secp256k1', () => spkiOf(ec('secp256k1')), 'csr-key-unsupported'],
    ['a point off its curve', () => offCurve(p256Spki), 'csr-key-unsupported'],
    ['the point at infinity', () => sequence(EC_P256, bitString(Uint8Array.of(0))), 'csr-key-unsupported'],
    ['a compressed point', () => compressed(p256Spki), 'csr-key-unsupported'],
    ['RSA of 2,047 bits', () => rsaSpki(2n ** 2046n + 1n), 'csr-key-weak'],
    ['RSA of 4,104 bits', () => rsaSpki(2n ** 4103n + 1n), 'csr-key-unsupported'],
    ['RSA with exponent 3', () => spkiOf(rsa(2048, 3)), 'csr-key-weak'],
    ['RSA from a broken generator (ROCA)', rocaSpki, 'csr-key-weak'],
    [
      'RSA-PSS',
      () => spkiOf(generateKeyPairSync('rsa-pss', { modulusLength: 2048 }).privateKey),
      'csr-key-unsupported',
    ],
    ['Ed448', () => spkiOf(generateKeyPairSync('ed448').privateKey), 'csr-key-unsupported'],
    ['X25519, which signs nothing', () => spkiOf(generateKeyPairSync('x25519').privateKey), 'csr-key-unsupported'],
    ['no key', () => sequence(sequence(oid('1.2.3')), bitString(new Uint8Array(4))), 'csr-key-unsupported'],
    [
      'an RSA key without its NULL',
      () => sequence(sequence(oid('1.2.840.113549.1.1.1')), bitString(sequence(unsigned(7), unsigned(65537)))),
      'csr-key-weak',
    ],
  ];
  test.each(keys)('for %s', (_name, spki, reason) => {
    expect(checkCsrKey(readSpki(spki()))).toMatchObject({ ok: false, reason });
    // The request itself is signed by another key: the key is refused before any signature is looked at.
    expect(parseCsr(craftCsr(p256, { spki: spki() }))).toMatchObject({ ok: false, reason });
  });
});

describe('what is taken from a request', () => {
  test.each([
    ['P-256', () => p256, 'ES256'],
    ['P-384', () => ec('P-384'), 'ES384'],
    ['RSA 2048', () => rsa(2048), 'RS256'],
    ['Ed25519', () => generateKeyPairSync('ed25519').privateKey, 'EdDSA'],
  ] as const)('is the public key, here %s', (_name, make, algorithm) => {
    const key = make();
    const checked = parseCsr(createCsr(key, {}));
    const spki = spkiOf(key);
    expect(checked).toEqual({
      ok: true,
      value: {
        ...{ spki, algorithm, keyThumbprint: thumbprintOfSpki(spki) },
        ...{ uris: [], dnsNames: [], commonNames: [], others: 0 },
      },
    });
  });

  test.each([
    ['a text', 0x0c, 'a.demo.test', ['a.demo.test']],
    ['text of another kind', 0x13, 'a.demo.test', ['a.demo.test']],
    ['what is no text', 0x03, '\u0000a', ['']],
  ])('the common name is read too, as %s', (_what, tag, value, commonNames) => {
    const attribute = sequence(oid('2.5.4.3'), element(tag, Buffer.from(value)));
    const csr = craftCsr(p256, { subject: sequence(element(0x31, attribute)) });
    expect(parseCsr(csr)).toMatchObject({ ok: true, value: { commonNames, dnsNames: [] } });
  });

  test.each(['CERTIFICATE REQUEST', 'NEW CERTIFICATE REQUEST'])('in PEM too, labelled %s', (label) => {
    expect(parseCsr(encodePem(label, craftCsr(p256)))).toMatchObject({ ok: true });
  });

  test('attributes and extensions that the profile decides about change nothing', () => {
    const csr = craftCsr(p256, {
      attributes: [
        attribute('1.2.840.113549.1.9.7', utf8String('challenge')),
        attribute('1.3.6.1.4.1.311.13.2.3', ia5String('10.0')),
        extensionRequest(
          extension('2.5.29.19', sequence(element(1, Uint8Array.of(0xff))), true),
          extension('2.5.29.15', bitString(Uint8Array.of(0x06)), true),
          extension('1.2.3.4', nullValue()),
        ),
      ],
    });
    expect(parseCsr(csr)).toMatchObject({ ok: true, value: { uris: [], dnsNames: [], others: 0 } });
  });
});

describe('names in a request', () => {
  const granted = { spiffeId, dnsNames: ['payments.demo.test'] };
  const own: readonly [number, string] = [6, spiffeId.uri];
  const rows: [string, (readonly [number, string])[], string | undefined][] = [
    ['none', [], undefined],
    ['the granted SPIFFE ID', [own], undefined],
    ['everything granted', [own, [2, 'payments.demo.test']], undefined],
    ['the DNS name alone', [[2, 'payments.demo.test']], undefined],
    ['another SPIFFE ID', [[6, 'spiffe://demo.test/admin']], 'csr-san-not-entitled'],
    ['another trust domain', [[6, 'spiffe://evil.test/payments']], 'csr-san-not-entitled'],
    ['the granted ID with a different case', [[6, 'SPIFFE://demo.test/payments']], 'csr-san-not-entitled'],
    ['the granted ID with a NUL after it', [[6, `${spiffeId.uri}\0`]], 'csr-san-not-entitled'],
    ['a second URI beside the granted one', [own, [6, 'spiffe://demo.test/admin']], 'csr-extra-uri'],
    ['the granted URI twice', [own, own], 'csr-extra-uri'],
    ['a DNS name that is not granted', [own, [2, 'admin.demo.test']], 'csr-san-not-entitled'],
    ['a DNS name that reads like a SPIFFE ID', [[2, 'spiffe://demo.test/admin']], 'csr-san-not-entitled'],
    ['a mail address', [own, [1, 'root@demo.test']], 'csr-san-not-entitled'],
    ['an IP address', [own, [7, '\x7f\0\0\x01']], 'csr-san-not-entitled'],
  ];
  test.each(rows)('%s', (_name, list, reason) => {
    const csr = parseCsr(craftCsr(p256, { attributes: [extensionRequest(names(...list))] }));
    if (!csr.ok) throw new Error(csr.reason);
    const checked = checkCsrNames(csr.value, granted);
    expect(checked.ok ? undefined : checked.reason).toBe(reason);
  });
});

if (missingOpenSsl !== undefined) console.warn(`skipped: ${missingOpenSsl}`);

describe.skipIf(missingOpenSsl !== undefined)('requests made by OpenSSL', () => {
  const dir = mkdtempSync(join(tmpdir(), 'postern-csr-'));
  afterAll(() => rmSync(dir, { recursive: true }));

  function request(key: Buffer, ...args: string[]): Uint8Array {
    const file = join(dir, 'key.pem');
    writeFileSync(file, key, { mode: 0o600 });
    return new Uint8Array(openSsl(['req', '-new', '-key', file, '-outform', 'DER', '-subj', '/CN=ignored', ...args]));
  }

  test.each([
    ['P-256', ['-algorithm', 'EC', '-pkeyopt', 'ec_paramgen_curve:P-256'], 'ES256'],
    ['P-384', ['-algorithm', 'EC', '-pkeyopt', 'ec_paramgen_curve:P-384'], 'ES384'],
    ['RSA', ['-algorithm', 'RSA', '-pkeyopt', 'rsa_keygen_bits:3072'], 'RS256'],
    ['Ed25519', ['-algorithm', 'ED25519'], 'EdDSA'],
  ] as const)('are read, for %s', (_name, args, algorithm) => {
    const csr = request(
      openSsl(['genpkey', ...args]),
      '-addext',
      `subjectAltName=URI:${spiffeId.uri},DNS:payments.demo.test`,
    );
    expect(parseCsr(csr)).toMatchObject({
      ok: true,
      value: { algorithm, uris: [spiffeId.uri], dnsNames: ['payments.demo.test'] },
    });
  });

  test('with a curve spelled out instead of named are refused, whatever curve they spell', () => {
    const key = openSsl(['ecparam', '-name', 'prime256v1', '-param_enc', 'explicit', '-genkey', '-noout']);
    expect(parseCsr(request(key))).toMatchObject({ ok: false, reason: 'csr-key-unsupported' });
    expect(createPrivateKey(key).asymmetricKeyType).toBe('ec');
  });

  test('with a compressed point are refused', () => {
    const key = openSsl(
      ['ec', '-conv_form', 'compressed'],
      openSsl(['genpkey', '-algorithm', 'EC', '-pkeyopt', 'ec_paramgen_curve:P-256']),
    );
    expect(parseCsr(request(key))).toMatchObject({ ok: false, reason: 'csr-key-unsupported' });
  });

  test('what we make ourselves, OpenSSL verifies', () => {
    const csr = createCsr(p256, { spiffeId: spiffeId.uri });
    const text = openSsl(['req', '-inform', 'DER', '-noout', '-verify', '-text'], csr).toString();
    expect(text).toContain(`URI:${spiffeId.uri}`);
  });
});

describe('no input makes it throw, or pass unproved:', () => {
  const numRuns = process.env['POSTERN_LONG'] ? 20_000 : 2_500;
  const seeds = [
    createCsr(p256, { spiffeId: spiffeId.uri }),
    createCsr(generateKeyPairSync('ed25519').privateKey, { spiffeId: spiffeId.uri }),
    createCsr(rsa(2048), {}),
  ];

  test.each([0, 1, 2])('a good request %i with one octet changed', (index) => {
    const seed = seeds[index] as Uint8Array;
    fc.assert(
      fc.property(fc.nat(seed.length - 1), fc.integer({ min: 1, max: 255 }), (at, mask) => {
        const mutant = Uint8Array.from(seed);
        mutant[at] = (mutant[at] as number) ^ mask;
        expect(parseCsr(mutant).ok).toBe(false);
      }),
      { numRuns },
    );
  });

  test('a good request cut short, or with a piece of another one in it', () => {
    const [a, b] = seeds as [Uint8Array, Uint8Array];
    fc.assert(
      fc.property(fc.nat(a.length - 1), fc.nat(b.length - 1), (cut, from) => {
        expect(parseCsr(a.subarray(0, cut)).ok).toBe(false);
        const spliced = Buffer.concat([a.subarray(0, cut), b.subarray(from)]);
        fc.pre(!spliced.equals(a) && !spliced.equals(b));
        expect(parseCsr(spliced).ok).toBe(false);
      }),
      { numRuns },
    );
  });

  test('random octets', () => {
    fc.assert(
      fc.property(fc.uint8Array({ maxLength: 300 }), (bytes) => {
        expect(parseCsr(bytes).ok).toBe(false);
      }),
      { numRuns },
    );
  });
});

test('a request for a set of nothing is one without names', () => {
  expect(parseCsr(craftCsr(p256, { attributes: [extensionRequest(names())] }))).toMatchObject({
    ok: true,
    value: { uris: [] },
  });
  expect(parseCsr(craftCsr(p256, { attributes: [setOf()] }))).toMatchObject({ ok: false, reason: 'csr-malformed' });
});
