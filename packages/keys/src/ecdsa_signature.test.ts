import { generateKeyPairSync, sign, verify } from 'node:crypto';
import { sequence, unsigned } from '@postern/der';
import fc from 'fast-check';
import { describe, expect, test } from 'vitest';
import { derFromRaw, rawFromDer } from './ecdsa_signature.ts';

const raw = (r: readonly number[], s: readonly number[], size = 32) => {
  const bytes = new Uint8Array(2 * size);
  bytes.set(r, size - r.length);
  bytes.set(s, 2 * size - s.length);
  return bytes;
};

describe('both spellings of one signature', () => {
  const rows: [string, number[], number[], number][] = [
    ['short r and s', [1], [2, 3], 32],
    ['a high bit that needs a leading zero in DER', [0x80], [0xff, 0xff], 32],
    ['full length with high bits', Array(32).fill(0xff), Array(32).fill(0x80), 32],
    ['P-384', [9], Array(48).fill(0x7f), 48],
    ['P-521, long form lengths', Array(66).fill(0x01), Array(66).fill(0x01), 66],
  ];
  test.each(rows)('%s', (_name, r, s, size) => {
    const der = derFromRaw(raw(r, s, size), size);
    expect(der).toMatchObject({ ok: true });
    if (der.ok) expect(rawFromDer(der.value, size)).toEqual({ ok: true, value: raw(r, s, size) });
  });

  test('agree for any octets', () => {
    fc.assert(
      fc.property(fc.uint8Array({ minLength: 64, maxLength: 64 }), (bytes) => {
        const der = derFromRaw(bytes, 32);
        expect(der.ok && rawFromDer(der.value, 32)).toEqual({ ok: true, value: bytes });
      }),
    );
  });
});

describe('a signature whose r or s happens to be short', () => {
  const message = Buffer.from('signed until it is');
  test.each([
    ['P-256', 'sha256', 32],
    ['P-384', 'sha384', 48],
  ] as const)('%s: is as good in its raw form, and comes back as the same DER', (namedCurve, digest, size) => {
    const { privateKey, publicKey } = generateKeyPairSync('ec', { namedCurve });
    const wanted = new Set(['r', 's', 'r high', 's high']);
    for (let tries = 0; wanted.size > 0 && tries < 50_000; tries++) {
      const der = sign(digest, message, privateKey);
      const raw = rawFromDer(der, size);
      if (!raw.ok) throw new Error(raw.reason);
      const [r, s] = [raw.value[0], raw.value[size]] as [number, number];
      // A leading zero octet is gone in DER; a high bit has one more there.
      const seen = [r === 0 && 'r', s === 0 && 's', r >= 0x80 && 'r high', s >= 0x80 && 's high'];
      if (!seen.some((kind) => kind !== false && wanted.delete(kind))) continue;
      expect(raw.value).toHaveLength(2 * size);
      expect(verify(digest, message, { key: publicKey, dsaEncoding: 'ieee-p1363' }, raw.value)).toBe(true);
      const back = derFromRaw(raw.value, size);
      expect(back.ok && Buffer.compare(back.value, der)).toBe(0);
    }
    expect([...wanted]).toEqual([]);
  });

  test('and one of nothing but zeros keeps its length', () => {
    const zeros = derFromRaw(new Uint8Array(64), 32);
    expect(zeros.ok && rawFromDer(zeros.value, 32)).toEqual({ ok: true, value: new Uint8Array(64) });
    expect(zeros).toEqual({ ok: true, value: Uint8Array.of(0x30, 0x06, 0x02, 0x01, 0x00, 0x02, 0x01, 0x00) });
  });
});

describe('a second spelling of one signature is refused', () => {
  const rows: [string, Uint8Array][] = [
    ['nothing', Uint8Array.of()],
    ['one integer', sequence(unsigned(1))],
    ['three integers', sequence(unsigned(1), unsigned(2), unsigned(3))],
    ['a padded integer', Uint8Array.of(0x30, 0x07, 0x02, 0x02, 0x00, 0x01, 0x02, 0x01, 0x02)],
    ['a negative integer', Uint8Array.of(0x30, 0x06, 0x02, 0x01, 0x80, 0x02, 0x01, 0x02)],
    ['an integer longer than the curve', sequence(unsigned(new Uint8Array(33).fill(1)), unsigned(1))],
    ['a length in the long form without need', Uint8Array.of(0x30, 0x81, 0x06, 0x02, 0x01, 0x01, 0x02, 0x01, 0x02)],
    ['an octet after it', Uint8Array.of(...sequence(unsigned(1), unsigned(2)), 0)],
    ['an integer without octets', Uint8Array.of(0x30, 0x05, 0x02, 0x00, 0x02, 0x01, 0x02)],
    ['a zero padded with a zero', Uint8Array.of(0x30, 0x07, 0x02, 0x02, 0x00, 0x00, 0x02, 0x01, 0x02)],
    ['a length of its own end', Uint8Array.of(0x30, 0x80, 0x02, 0x01, 0x01, 0x02, 0x01, 0x02, 0x00, 0x00)],
    ['cut short', sequence(unsigned(1), unsigned(2)).subarray(0, 7)],
    ['a set', Uint8Array.of(0x31, 0x06, 0x02, 0x01, 0x01, 0x02, 0x01, 0x02)],
    ['more octets than any curve of ours has', new Uint8Array(145)],
  ];
  test.each(rows)('%s', (_name, der) => {
    expect(rawFromDer(der, 32)).toMatchObject({ ok: false, reason: 'signature-malformed' });
  });

  test.each([0, 63, 65, 96])('%i raw octets for a P-256 signature', (length) => {
    expect(derFromRaw(new Uint8Array(length), 32)).toMatchObject({ ok: false, reason: 'signature-malformed' });
  });
});
