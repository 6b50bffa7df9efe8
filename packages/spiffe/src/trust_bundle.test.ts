import { createPublicKey, generateKeyPairSync, X509Certificate } from 'node:crypto';
import { encodeBase64, encodeBase64Url, oid, sequence } from '@postern/der';
import { describe, expect, test } from 'vitest';
import { formatTrustBundle, MAX_BUNDLE_BYTES, parseTrustBundle, parseTrustDomain, type TrustBundle } from './index.ts';
import { mintAuthority } from './testing/mint.ts';

const parsedDomain = parseTrustDomain('demo.test');
if (!parsedDomain.ok) throw new Error(parsedDomain.reason);
const trustDomain = parsedDomain.value;

const root = mintAuthority();
const second = mintAuthority();
const x5c = [encodeBase64(root.der)];
const x509 = { kty: 'EC', use: 'x509-svid', crv: 'P-256', x: 'AA', y: 'AA', x5c };
const jwt = { kty: 'EC', use: 'jwt-svid', kid: 'k1', crv: 'P-256', x: 'AA', y: 'AA' };
const bundleText = (keys: readonly unknown[], more: object = {}) => JSON.stringify({ keys, ...more });
const read = (text: string) => parseTrustBundle(text, trustDomain);
/** What is used of a bundle: certificates and key ids. */
const used = (keys: readonly unknown[]) => {
  const bundle = read(bundleText(keys));
  if (!bundle.ok) return bundle.reason;
  const { x509Authorities, jwtAuthorities } = bundle.value;
  return [...x509Authorities.map(encodeBase64), ...jwtAuthorities.map(({ keyId }) => keyId)];
};

describe('a key that does not belong in a bundle never becomes an authority (Trust Domain and Bundle 4)', () => {
  const both = [x509, jwt];
  const ignored: [harm: string, key: unknown][] = [
    ['an unknown use', { ...x509, use: 'sig' }],
    ['a use in upper case', { ...x509, use: 'X509-SVID' }],
    ['no use', { ...x509, use: undefined }],
    ['a use of a later standard', { ...jwt, use: 'wit-svid', kid: 'w' }],
    ['an unknown key type', { ...x509, kty: 'AKP' }],
    ['a symmetric key', { kty: 'oct', use: 'jwt-svid', kid: 'o', k: 'AA' }],
    ['a key type that every object has', { ...jwt, kty: 'constructor', kid: 'c' }],
    ['no key type', { ...jwt, kty: undefined, kid: 'n' }],
    ['no key at all', 'x509-svid'],
    ['null', null],
    ['a list', [x509]],
    ['no certificate', { ...x509, x5c: undefined }],
    ['an empty list of certificates', { ...x509, x5c: [] }],
  ];
  test.each(ignored)('passes over %s, and keeps the rest', (_harm, key) => {
    expect(used([key, ...both])).toEqual([x5c[0], 'k1']);
  });

  test('passes over all certificates but the first of an entry (X509-SVID 6.2)', () => {
    expect(used([{ ...x509, x5c: [...x5c, encodeBase64(second.der)] }])).toEqual(x5c);
  });

  const refused: [harm: string, text: string, reason: string][] = [
    ['a certificate that is none', bundleText([{ ...x509, x5c: ['AAAA'] }]), 'bundle-key'],
    ['a certificate in base64url', bundleText([{ ...x509, x5c: [encodeBase64Url(root.der)] }]), 'bundle-key'],
    ['a certificate with white space', bundleText([{ ...x509, x5c: [`${x5c[0]}\n`] }]), 'bundle-key'],
    ['x5c that is text', bundleText([{ ...x509, x5c: x5c[0] }]), 'bundle-key'],
    ['a JWT key without kid', bundleText([{ ...jwt, kid: undefined }]), 'bundle-key'],
    ['a JWT key with an empty kid', bundleText([{ ...jwt, kid: '' }]), 'bundle-key'],
    ['two JWT keys of one kid', bundleText([jwt, { ...jwt, x: 'BB' }]), 'bundle-key'],
    ['a JWT key without its coordinate', bundleText([{ ...jwt, y: undefined }]), 'bundle-key'],
    ['no keys', '{}', 'bundle-keys-absent'],
    ['keys that are no list', '{"keys":{}}', 'bundle-keys-absent'],
    ['1,001 keys', bundleText(Array.from({ length: 1001 }, () => 0)), 'bundle-keys-absent'],
    ['keys twice', `{"keys":[],"keys":[${JSON.stringify(x509)}]}`, 'bundle-malformed'],
    ['kid twice in a key', '{"keys":[{"kid":"a","kid":"b"}]}', 'bundle-malformed'],
    ['a list', '[]', 'bundle-malformed'],
    ['no JSON', 'keys', 'bundle-malformed'],
    ['a negative sequence', bundleText([], { spiffe_sequence: -1 }), 'bundle-sequence'],
    ['a sequence that is text', bundleText([], { spiffe_sequence: '1' }), 'bundle-sequence'],
    ['a sequence with a fraction', bundleText([], { spiffe_sequence: 1.5 }), 'bundle-sequence'],
    ['a sequence that JSON cannot count', '{"keys":[],"spiffe_sequence":9007199254740993}', 'bundle-sequence'],
    ['a hint with a fraction', bundleText([], { spiffe_refresh_hint: 0.5 }), 'bundle-refresh-hint'],
    ['a hint that is text', bundleText([], { spiffe_refresh_hint: '300' }), 'bundle-refresh-hint'],
    ['more than a mebibyte', `{"keys":[]}${' '.repeat(MAX_BUNDLE_BYTES)}`, 'bundle-too-large'],
  ];
  test.each(refused)('refuses %s', (_harm, text, reason) => {
    expect(read(text)).toMatchObject({ ok: false, reason });
  });

  test('an empty bundle is read, and holds no authority', () => {
    expect(read('{"keys":[]}')).toEqual({ ok: true, value: { trustDomain, x509Authorities: [], jwtAuthorities: [] } });
  });

  test('a bundle cannot name its own trust domain', () => {
    const bundle = read(bundleText(both, { trust_domain: 'other.test', spiffe_sequence: 3, spiffe_refresh_hint: 60 }));
    expect(bundle).toMatchObject({
      ok: true,
      value: { trustDomain: 'demo.test', sequence: 3, refreshHintSeconds: 60 },
    });
  });
});

describe('what is written is what the standards name, and nothing more', () => {
  const p256 = generateKeyPairSync('ec', { namedCurve: 'P-256' });
  const jwk = p256.privateKey.export({ format: 'jwk' });
  const bundle: TrustBundle = {
    trustDomain,
    sequence: 7,
    refreshHintSeconds: 300,
    x509Authorities: [root.der, second.der],
    jwtAuthorities: [{ keyId: 'k1', jwk: { ...jwk, alg: 'ES256', key_ops: ['verify'] } }],
  };
  const document = JSON.parse(formatTrustBundle(bundle));

  test('never a private member, even of a key that was given with one', () => {
    expect(jwk.d).toBeDefined();
    expect(document.keys[2]).toEqual({ use: 'jwt-svid', kid: 'k1', kty: 'EC', crv: 'P-256', x: jwk.x, y: jwk.y });
  });

  test('x509-svid, no kid, one certificate, its own key (X509-SVID 6.1)', () => {
    expect(document.keys[0]).toEqual({
      use: 'x509-svid',
      ...new X509Certificate(root.der).publicKey.export({ format: 'jwk' }),
      x5c: [Buffer.from(root.der).toString('base64')],
    });
    expect(Object.keys(document)).toEqual(['keys', 'spiffe_sequence', 'spiffe_refresh_hint']);
  });

  test('read back, it is the same bundle, without what was not to be written', () => {
    const { kty, crv, x, y } = jwk;
    const jwtAuthorities = [{ keyId: 'k1', jwk: { kty, crv, x, y } }];
    expect(read(formatTrustBundle(bundle))).toEqual({ ok: true, value: { ...bundle, jwtAuthorities } });
  });

  const keys = [
    generateKeyPairSync('ec', { namedCurve: 'P-384' }),
    generateKeyPairSync('ec', { namedCurve: 'P-521' }),
    generateKeyPairSync('rsa', { modulusLength: 2048 }),
    generateKeyPairSync('ed25519'),
  ].map(({ publicKey }) => publicKey);
  test.each(keys.map((key) => [key.asymmetricKeyType, key] as const))(
    '%s keys as node:crypto writes them',
    (_type, key) => {
      const spki = new Uint8Array(key.export({ type: 'spki', format: 'der' }));
      const authority = mintAuthority({ tbs: { subjectPublicKeyInfo: [spki] } });
      const text = formatTrustBundle({ trustDomain, x509Authorities: [authority.der], jwtAuthorities: [] });
      const { use, x5c: certificates, ...members } = JSON.parse(text).keys[0];
      expect([use, certificates.length]).toEqual(['x509-svid', 1]);
      expect(members).toEqual(key.export({ format: 'jwk' }));
      expect(createPublicKey({ key: members, format: 'jwk' }).equals(key)).toBe(true);
    },
  );

  test('an authority that cannot be written is a fault, not a bundle without it', () => {
    const strange = mintAuthority({ tbs: { subjectPublicKeyInfo: [spkiOf('1.2.3')] } });
    for (const der of [strange.der, Uint8Array.of(1)])
      expect(() => formatTrustBundle({ ...bundle, x509Authorities: [der] })).toThrow(TypeError);
    const secret = { keyId: 's', jwk: { kty: 'oct', k: 'AA' } };
    expect(() => formatTrustBundle({ ...bundle, jwtAuthorities: [secret] })).toThrow(TypeError);
  });
});

function spkiOf(algorithm: string): Uint8Array {
  return sequence(sequence(oid(algorithm)), Uint8Array.of(0x03, 0x02, 0x00, 0x01));
}
