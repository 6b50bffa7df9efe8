import { expect, test } from 'vitest';
import { isDueForRenewal, renewAtMs } from './renewal.ts';

const HOUR_MS = 3_600_000;
const issuedAtMs = 1_000_000_000_000;
const svid = (ttlMs: number, serial: string) => ({
  serial,
  notBeforeMs: issuedAtMs - 60_000,
  notAfterMs: issuedAtMs + ttlMs,
});

test.each(['0000', '8000', 'ffff'])(
  'an SVID of four hours is renewed after about one, whatever its serial (%s)',
  (serial) => {
    const at = renewAtMs(svid(4 * HOUR_MS, serial)) - issuedAtMs;
    expect(at).toBeGreaterThanOrEqual(0.9 * HOUR_MS);
    expect(at).toBeLessThanOrEqual(1.1 * HOUR_MS);
  },
);

test('an SVID of a minute is not renewed the moment it is issued, although its validity began a minute before', () => {
  expect(isDueForRenewal(svid(60_000, 'abcd'), issuedAtMs + 10_000)).toBe(false);
  expect(isDueForRenewal(svid(60_000, 'abcd'), issuedAtMs + 20_000)).toBe(true);
});

test('a fleet whose SVIDs were issued together does not renew in step', () => {
  const moments = new Set(
    Array.from({ length: 100 }, (_, index) => renewAtMs(svid(4 * HOUR_MS, (index * 655).toString(16)))),
  );
  expect(moments.size).toBe(100);
});

test('a serial that is no hex text does not make an SVID immortal', () => {
  expect(isDueForRenewal(svid(4 * HOUR_MS, 'zzzz'), issuedAtMs + 2 * HOUR_MS)).toBe(true);
});
