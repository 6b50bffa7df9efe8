import { generateKeyPairSync, sign } from 'node:crypto';
import { encodeBase64Url } from '@postern/der';
import fc from 'fast-check';
import { CompactSign, compactVerify, importJWK } from 'jose';
import { describe, expect, test } from 'vitest';
import { ALGORITHMS, type SignatureAlgorithm } from './algorithms.ts';
import { type JwsKey, parseJws, signJws, verifyJws } from './jws.ts';
import { jwkFromSpki, publicKeyFromSpki } from './public_key.ts';
import type { Signer } from './signer.ts';
import { createSoftwareSigner, generatePrivateKey, generateSoftwareSigner } from './software_signer.ts';

const TYP = 'postern-test+jws';
const signer = generateSoftwareSigner('ES256');
const jwk = jwkFromSpki(signer.spki);
const encoder = new TextEncoder();
const text = (value: string) => encodeBase64Url(encoder.encode(value));

const verify = (
  compact: string,
  key: JwsKey | undefined = jwk,
  algorithms: readonly SignatureAlgorithm[] = ['ES256'],
) => verifyJws(compact, { typ: TYP, key: () => key, algorithms, maxBytes: 4096 });

/** A token whose header and payload are these texts, honestly signed. */
async function forge(header: string, payload = text('{}'), by: Signer = signer): Promise<string> {
  const whole = await signJws(
    { ...by, sign: async () => by.sign(encoder.encode(`${text(header)}.${payload}`)) },
    { typ: TYP, payload: {} },
  );
  return `${text(header)}.${payload}.${whole.split('.')[2]}`;
}

const header = (members: object) => JSON.stringify({ alg: 'ES256', typ: TYP, ...members });
const signed = () => signJws(signer, { typ: TYP, payload: { hello: 'world' } });

describe('a token that was tampered with or made for something else is refused', () => {
  const rows: [string, () => string | Promise<string>, string][] = [
    ['nothing', () => '', 'jws-malformed'],
    ['two parts', () => 'a.b', 'jws-malformed'],
    ['four parts', async () => `${await signed()}.`, 'jws-malformed'],
    ['the JSON serialization', () => JSON.stringify({ payload: '', signatures: [] }), 'jws-malformed'],
    ['padding', async () => `${await signed()}=`, 'jws-malformed'],
    ['white space', async () => ` ${await signed()}`, 'jws-malformed'],
    ['the other base64 alphabet', async () => (await signed()).replace('.', '+.'), 'jws-malformed'],
    ['a header that is no object', () => forge('[]'), 'jws-malformed'],
    ['a header that is null', () => forge('null'), 'jws-malformed'],
    ['a header with a byte order mark', () => forge(`\ufeff${header({})}`), 'jws-malformed'],
    ['a header without `alg`', () => forge(JSON.stringify({ typ: TYP })), 'jws-malformed'],
    ['a `kid` that is no text', () => forge(header({ kid: 7 })), 'jws-malformed'],
    ['two `alg` members', () => forge(`{"alg":"none","typ":"${TYP}","alg":"ES256"}`), 'jws-malformed'],
    [
      'two members that differ in spelling only',
      () => forge(`{"\\u0061lg":"none","typ":"${TYP}","alg":"ES256"}`),
      'jws-malformed',
    ],
    [
      'two members deep inside',
      () => forge(`{"alg":"ES256","typ":"${TYP}","kid":"a:b","x":{"y":[{"z":1}]},"kid":"c"}`),
      'jws-malformed',
    ],
    ['`crit`', () => forge(header({ crit: ['exp'] })), 'jws-critical'],
    ['an empty `crit`', () => forge(header({ crit: [] })), 'jws-critical'],
    ['another type', () => forge(header({ typ: 'JWT' })), 'jws-type'],
    ['the type in another case', () => forge(header({ typ: TYP.toUpperCase() })), 'jws-type'],
    ['no type', () => forge(JSON.stringify({ alg: 'ES256' })), 'jws-type'],
    ['algorithm none', () => forge(header({ alg: 'none' })), 'jws-algorithm'],
    ['algorithm none without a signature', () => `${text(header({ alg: 'none' }))}.${text('{}')}.`, 'jws-algorithm'],
    ['HMAC with the public key', () => forge(header({ alg: 'HS256' })), 'jws-algorithm'],
    ['an algorithm of ours that the caller does not take', () => forge(header({ alg: 'ES384' })), 'jws-algorithm'],
    ['an algorithm named like a member of every object', () => forge(header({ alg: 'constructor' })), 'jws-algorithm'],
    [
      'a changed payload',
      async () => (await signed()).replace(/\.[^.]+\./, `.${text('{"hello":"mars"}')}.`),
      'jws-signature',
    ],
    ['no signature', async () => (await signed()).replace(/[^.]+$/, ''), 'jws-signature'],
    [
      'a signature of zeros',
      async () => (await signed()).replace(/[^.]+$/, encodeBase64Url(new Uint8Array(64))),
      'jws-signature',
    ],
    [
      'a signature in DER',
      async () => (await signed()).replace(/[^.]+$/, encodeBase64Url(await signer.sign(encoder.encode('x')))),
      'jws-signature',
    ],
    [
      'the key that it brings along itself',
      async () => {
        const mallory = generateSoftwareSigner('ES256');
        return forge(header({ jwk: jwkFromSpki(mallory.spki), kid: mallory.keyId }), text('{}'), mallory);
      },
      'jws-signature',
    ],
  ];
  test.each(rows)('%s', async (_name, compact, reason) => {
    expect(verify(await compact())).toMatchObject({ ok: false, reason });
  });

  test('one character more than the bound, however well signed', async () => {
    const compact = await signJws(signer, { typ: TYP, payload: new Uint8Array(3000) });
    const bounded = (maxBytes: number) =>
      verifyJws(compact, { typ: TYP, key: () => jwk, algorithms: ['ES256'], maxBytes });
    expect(bounded(compact.length).ok).toBe(true);
    expect(bounded(compact.length - 1)).toMatchObject({ reason: 'jws-too-large' });
  });

  test('with any one character exchanged', async () => {
    const compact = await signed();
    fc.assert(
      fc.property(fc.nat(compact.length - 1), fc.constantFrom(...'AQgwz019-_.=%'), (index, character) => {
        fc.pre(compact[index] !== character);
        expect(verify(compact.slice(0, index) + character + compact.slice(index + 1)).ok).toBe(false);
      }),
      { numRuns: process.env['POSTERN_LONG'] ? 20_000 : 500 },
    );
  });

  test('of any text, without a throw', () => {
    fc.assert(
      fc.property(fc.string(), (any) => {
        expect(parseJws(any, { maxBytes: 100 }).ok).toBe(false);
      }),
    );
  });
});

describe('a key is taken only for what it is', () => {
  const p384 = generateSoftwareSigner('ES384');
  const secret = { kty: 'oct', k: encodeBase64Url(signer.spki) };
  const rows: [string, JwsKey | undefined, string][] = [
    ['none', undefined, 'jws-key-unknown'],
    ['a shared secret', secret, 'jws-key-unknown'],
    ['a key without its members', { kty: 'EC', crv: 'P-256' }, 'jws-key-unknown'],
    ['a type named like a member of every object', { kty: 'constructor' }, 'jws-key-unknown'],
    ['a point off its curve', { ...jwk, y: jwk['x'] as string }, 'jws-key-unknown'],
    ['a coordinate with another spelling', { ...jwk, x: `${jwk['x']}=` }, 'jws-key-unknown'],
    ['octets that are no key', new Uint8Array(91), 'jws-key-unknown'],
    ['a key for encryption', { ...jwk, use: 'enc' }, 'jws-key-unknown'],
    ['a key for signing only', { ...jwk, key_ops: ['sign'] }, 'jws-key-unknown'],
    ['a key for another algorithm', { ...jwk, alg: 'ES384' }, 'jws-algorithm'],
    ['a key of another curve', jwkFromSpki(p384.spki), 'jws-signature'],
    ['an RSA key', jwkFromSpki(generateSoftwareSigner('RS256').spki), 'jws-signature'],
    ['an Ed25519 key', jwkFromSpki(generateSoftwareSigner('EdDSA').spki), 'jws-signature'],
    [
      'an object that poses as a key object',
      { asymmetricKeyType: 'ec', export: 1, asymmetricKeyDetails: { namedCurve: 'prime256v1' } },
      'jws-key-unknown',
    ],
  ];
  test.each(rows)('%s', async (_name, key, reason) => {
    const options = { typ: TYP, key: () => key, algorithms: ['ES256'], maxBytes: 4096 } as const;
    expect(verifyJws(await signed(), options)).toMatchObject({ ok: false, reason });
  });

  test.each([1024, 1536, 2048])('an RSA key of %i bits verifies only when that is enough', (modulusLength) => {
    const { privateKey, publicKey } = generateKeyPairSync('rsa', { modulusLength });
    const signingInput = `${text(header({ alg: 'RS256' }))}.${text('{}')}`;
    const signature = sign('sha256', encoder.encode(signingInput), privateKey);
    const verdict = verify(`${signingInput}.${encodeBase64Url(signature)}`, publicKey, ['RS256']);
    expect(verdict.ok ? 'verified' : verdict.reason).toBe(modulusLength < 2048 ? 'jws-signature' : 'verified');
  });

  test('in each of its three forms', async () => {
    const compact = await signed();
    for (const key of [jwk, signer.spki, publicKeyFromSpki(signer.spki)])
      expect(verify(compact, key)).toMatchObject({ ok: true });
  });
});

describe('an independent implementation (npm jose) agrees', () => {
  test.each(Object.keys(ALGORITHMS) as SignatureAlgorithm[])('%s both ways', async (algorithm) => {
    const privateKey = generatePrivateKey(algorithm);
    const own = createSoftwareSigner(privateKey, algorithm);
    const publicJwk = jwkFromSpki(own.spki);

    const ours = await signJws(own, { typ: TYP, header: { cty: 'text/plain' }, payload: encoder.encode('payload') });
    const theirVerdict = await compactVerify(ours, await importJWK({ ...publicJwk }, algorithm));
    expect(theirVerdict.protectedHeader).toEqual({ alg: algorithm, kid: own.keyId, typ: TYP, cty: 'text/plain' });
    expect(Buffer.from(theirVerdict.payload).toString()).toBe('payload');

    const theirs = await new CompactSign(encoder.encode('payload'))
      .setProtectedHeader({ alg: algorithm, typ: TYP })
      .sign(privateKey);
    const verdict = verify(theirs, publicJwk, [algorithm]);
    expect(verdict.ok && Buffer.from(verdict.value.payload).toString()).toBe('payload');
  });
});

describe('signing', () => {
  test('a caller cannot label a token with another algorithm or type', async () => {
    const compact = await signJws(signer, {
      typ: TYP,
      header: { alg: 'none', typ: 'JWT', kid: 'its-own' },
      payload: {},
    });
    const verified = verify(compact);
    expect(verified.ok && verified.value.header).toEqual({ alg: 'ES256', typ: TYP, kid: 'its-own' });
  });

  test('a signer that answers nonsense is a fault, not a token', async () => {
    const broken = { ...signer, sign: async () => Uint8Array.of(1, 2, 3) };
    await expect(signJws(broken, { typ: TYP, payload: {} })).rejects.toThrow('malformed ECDSA signature');
  });
});
