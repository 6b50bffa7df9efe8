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
