import { createPublicKey } from 'node:crypto';
import { describe, expect, test } from 'vitest';
import type { SignatureAlgorithm } from './algorithms.ts';
import { derFromRaw, rawFromDer } from './ecdsa_signature.ts';
import { type JwsKey, parseJws, verifyParsedJws } from './jws.ts';
import { publicKeyFromJwk } from './public_key.ts';
import { loadVectors, missingVectors, type WycheproofTest } from './testing/wycheproof.ts';
import { verifySignature } from './verify.ts';

interface SignatureGroup {
  readonly publicKeyDer: string;
  readonly tests: readonly (WycheproofTest & { readonly msg: string; readonly sig: string })[];
}

interface JoseGroup {
  readonly comment: string;
  readonly private: { readonly [name: string]: unknown };
  readonly public?: { readonly [name: string]: unknown };
  readonly tests: readonly (WycheproofTest & { readonly jws?: unknown })[];
}

const hex = (text: string) => Buffer.from(text, 'hex');

const SIGNATURE_FILES: readonly (readonly [string, SignatureAlgorithm, 'jose' | 'x509', number])[] = [
  ['ecdsa_secp256r1_sha256_test.json', 'ES256', 'x509', 484],
  ['ecdsa_secp256r1_sha256_p1363_test.json', 'ES256', 'jose', 262],
  ['ecdsa_secp384r1_sha384_test.json', 'ES384', 'x509', 504],
  ['ecdsa_secp384r1_sha384_p1363_test.json', 'ES384', 'jose', 280],
  ['ed25519_test.json', 'EdDSA', 'x509', 151],
];

if (missingVectors !== undefined) console.warn(`skipped: ${missingVectors}`);

describe.skipIf(missingVectors !== undefined)('signatures of Project Wycheproof', () => {
  test.each(SIGNATURE_FILES)(
    '%s: no forged signature verifies, every good one does',
    (name, algorithm, form, count) => {
      const file = loadVectors<SignatureGroup>(name);
      const wrong: string[] = [];
      let run = 0;
      for (const group of file.testGroups) {
        const key = createPublicKey({ key: hex(group.publicKeyDer), format: 'der', type: 'spki' });
        for (const { tcId, comment, msg, sig, result } of group.tests) {
          run += 1;
          const isGenuine = verifySignature(algorithm, key, hex(msg), hex(sig), form);
          if (isGenuine !== (result === 'valid')) wrong.push(`${tcId} ${comment}: ${isGenuine}`);
        }
      }
      expect({ wrong, run }).toEqual({ wrong: [], run: count });
    },
  );

  test.each([
    ['ecdsa_secp256r1_sha256_test.json', 'ES256', 32],
    ['ecdsa_secp384r1_sha384_test.json', 'ES384', 48],
  ] as const)('%s: what our DER reader takes verifies as raw exactly when it is good', (name, algorithm, size) => {
    const wrong: string[] = [];
    for (const group of loadVectors<SignatureGroup>(name).testGroups) {
      const key = createPublicKey({ key: hex(group.publicKeyDer), format: 'der', type: 'spki' });
      for (const { tcId, comment, msg, sig, result } of group.tests) {
        const raw = rawFromDer(hex(sig), size);
        const isGenuine = raw.ok && verifySignature(algorithm, key, hex(msg), raw.value, 'jose');
        const back = raw.ok ? derFromRaw(raw.value, size) : undefined;
        const isSame = back === undefined || (back.ok && hex(sig).equals(back.value));
        if (isGenuine !== (result === 'valid') || !isSame) wrong.push(`${tcId} ${comment}`);
      }
    }
    expect(wrong).toEqual([]);
  });
});

/** Of asymmetric algorithms with one signature; what is not ours is listed with the reason. */
const SKIPPED_GROUPS: { readonly [keyType: string]: string } = { oct: 'a shared secret: no HMAC is taken anywhere' };

/** Valid to Wycheproof, refused here. */
const STRICTER: { readonly [tcId: number]: string } = {
  346: 'the key says PS256, the token PS384',
  347: 'the key says ES521, which is no algorithm',
  350: 'the key says PS256, the token PS384',
  351: 'the key says ES521, which is no algorithm',
};

describe.skipIf(missingVectors !== undefined)('tokens of Project Wycheproof', () => {
  const all: readonly SignatureAlgorithm[] = [
    'ES256',
    'ES384',
    'ES512',
    'RS256',
    'RS384',
    'RS512',
    'PS256',
    'PS384',
    'PS512',
  ];

  function verifies(jws: unknown, key: (kid: unknown) => JwsKey | undefined): boolean {
    if (typeof jws !== 'string') return false;
    const parsed = parseJws(jws, { maxBytes: 16 * 1024 });
    return parsed.ok && verifyParsedJws(parsed.value, { algorithms: all, key: (header) => key(header.kid) }).ok;
  }

  test('json_web_signature_test.json: no forged token verifies, every good one does', () => {
    const wrong: string[] = [];
    const stricter: number[] = [];
    let run = 0;
    for (const group of loadVectors<JoseGroup>('json_web_signature_test.json').testGroups) {
      if (String(group.private['kty']) in SKIPPED_GROUPS) continue;
      for (const { tcId, comment, jws, result } of group.tests) {
        run += 1;
        const isGenuine = verifies(jws, () => group.public);
        if (isGenuine === (result === 'valid')) continue;
        if (!isGenuine && STRICTER[tcId] !== undefined) stricter.push(tcId);
        else wrong.push(`${tcId} ${group.comment} ${comment}: ${isGenuine}`);
      }
    }
    expect(wrong).toEqual([]);
    expect(stricter).toEqual(Object.keys(STRICTER).map(Number));
    expect(run).toBe(361);
  });

  test('json_web_key_test.json: no weak, foreign or mislabelled key verifies anything', () => {
    const wrong: string[] = [];
    let run = 0;
    for (const group of loadVectors<JoseGroup>('json_web_key_test.json').testGroups) {
      const keys = (group.private['keys'] as { [name: string]: unknown }[]).filter((key) => key['kty'] !== 'oct');
      if (keys.length === 0) continue;
      for (const { tcId, comment, jws, result } of group.tests) {
        // A mixed set is looked up by key id; its symmetric members are nothing to us.
        const isGenuine = verifies(jws, (kid) => keys.find((key) => key['kid'] === kid));
        run += 1;
        if (isGenuine !== (result === 'valid')) wrong.push(`${tcId} ${group.comment} ${comment}: ${isGenuine}`);
      }
    }
    expect({ wrong, run }).toEqual({ wrong: [], run: 12 });
  });

  test('the ROCA key is refused as a key, not only as a signature', () => {
    const groups = loadVectors<JoseGroup>('json_web_key_test.json').testGroups;
    const roca = groups.find((group) => group.comment === 'jws_rsa_roca_key');
    const keys = roca?.private['keys'] as { [name: string]: unknown }[] | undefined;
    expect(keys).toHaveLength(1);
    for (const key of keys ?? []) expect(() => publicKeyFromJwk(key)).toThrow(/private half/);
  });
});
