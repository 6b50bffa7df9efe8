import fc from 'fast-check';
import { describe, expect, test } from 'vitest';
import {
  addLong,
  divideLong,
  type Long,
  longOf,
  moduloLong,
  multiplyLong,
  negateLong,
  normalLong,
  subtractLong,
} from './long.ts';

const MIN = -(2n ** 63n);
const MAX = 2n ** 63n - 1n;

const edges = fc.constantFrom(MIN, MAX, 2n ** 53n, -(2n ** 53n), 2n ** 53n - 1n, 0n, 1n, -1n, 3037000499n, 3037000500n);
const exact = fc.oneof(edges, fc.bigInt({ min: MIN, max: MAX }), fc.bigInt({ min: -1000n, max: 1000n }));

function inLong(value: bigint): Long | undefined {
  return value < MIN || value > MAX ? undefined : (normalLong(value) as Long);
}

describe('Long', () => {
  test('neither rounds nor wraps: every result is the exact one or none', () => {
    fc.assert(
      fc.property(exact, exact, (left, right) => {
        const [a, b] = [longOf(left), longOf(right)];
        expect(addLong(a, b)).toBe(inLong(left + right));
        expect(subtractLong(a, b)).toBe(inLong(left - right));
        expect(multiplyLong(a, b)).toBe(inLong(left * right));
        expect(negateLong(a)).toBe(inLong(-left));
      }),
      { numRuns: 2000 },
    );
  });

  test('divides toward zero and takes remainders upward, as durations and dates need', () => {
    fc.assert(
      fc.property(exact, fc.constantFrom(1, 1000, 86_400_000), (value, divisor) => {
        expect(divideLong(longOf(value), divisor)).toBe(inLong(value / BigInt(divisor)));
        const remainder = value % BigInt(divisor);
        expect(BigInt(moduloLong(longOf(value), divisor))).toBe(
          remainder < 0n ? remainder + BigInt(divisor) : remainder,
        );
      }),
      { numRuns: 1000 },
    );
  });

  test('holds each integer in one way, so that equality cannot miss', () => {
    expect(longOf(5n)).toBe(5);
    expect(longOf(2n ** 53n - 1n)).toBe(Number.MAX_SAFE_INTEGER);
    expect(longOf(2n ** 53n)).toBe(2n ** 53n);
    expect(Object.is(longOf(-0), 0)).toBe(true);
    expect(Object.is(multiplyLong(-5, 0), 0)).toBe(true);
  });

  test.each([1.5, Number.NaN, 2 ** 53, MAX + 1n, MIN - 1n])(
    'does not make %s from a caller who lost its value',
    (value) => {
      expect(() => longOf(value)).toThrow();
    },
  );
});
