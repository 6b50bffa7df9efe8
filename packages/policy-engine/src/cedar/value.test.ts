import fc from 'fast-check';
import { describe, expect, test } from 'vitest';
import { datetimeOf, durationOf } from './datetime.ts';
import { decimalOf } from './decimal.ts';
import { ipOf } from './ipaddr.ts';
import { EMPTY_RECORD, entityUid, recordOf, recordOfEntries, sameValue, setOf, type Value, valueKey } from './value.ts';

function valid<T>(result: { ok: true; value: T } | { ok: false; reason: string }): T {
  if (!result.ok) throw new Error(result.reason);
  return result.value;
}

const simple: fc.Arbitrary<Value> = fc.constantFrom<Value>(
  true,
  false,
  '',
  '1',
  't',
  's1:1',
  'e1:A1:a',
  0,
  1,
  2n ** 60n,
  entityUid('A', 'a'),
  entityUid('A', 'b'),
  entityUid('A::A', 'a'),
  entityUid('A', ''),
  valid(decimalOf('1.0')),
  valid(decimalOf('1.00')),
  valid(ipOf('10.0.0.1/8')),
  valid(ipOf('10.0.0.0/8')),
  valid(ipOf('::1')),
  datetimeOf(1),
  durationOf(1),
);
const { value: values } = fc.letrec<{ value: Value }>((tie) => ({
  value: fc.oneof(
    { maxDepth: 3, withCrossShrink: true },
    simple,
    fc.array(tie('value'), { maxLength: 12 }).map(setOf),
    fc
      .dictionary(fc.constantFrom('a', 'b', '__proto__', 'a=b'), tie('value'), { maxKeys: 3 })
      .map((fields) => recordOfEntries(Object.entries(fields))),
  ),
}));

describe('values', () => {
  test('are equal exactly when their keys are, so that a large set finds what a small one finds', () => {
    fc.assert(
      fc.property(values, values, (left, right) => {
        expect(sameValue(left, right)).toBe(valueKey(left) === valueKey(right));
        expect(sameValue(left, left)).toBe(true);
      }),
      { numRuns: 3000 },
    );
  });

  test('of different types are unequal', () => {
    expect(sameValue(1, '1')).toBe(false);
    expect(sameValue(datetimeOf(1), durationOf(1))).toBe(false);
    expect(sameValue(EMPTY_RECORD, setOf([]))).toBe(false);
  });

  test('ignore order and repetition in sets, below and above the size at which they are hashed', () => {
    for (const size of [3, 30]) {
      const numbers = Array.from({ length: size }, (_, index) => index);
      const set = setOf([...numbers, ...numbers]);
      expect(set.size).toBe(size);
      expect(sameValue(set, setOf(numbers.toReversed()))).toBe(true);
      expect(set.has(size - 1)).toBe(true);
      expect(set.has(String(size - 1))).toBe(false);
      expect(setOf([...numbers, entityUid('A', 'a')]).has(entityUid('A', 'a'))).toBe(true);
    }
  });
});

describe('records', () => {
  test('have no attribute that nobody gave them, whatever `Object.prototype` holds', () => {
    const record = recordOf({ a: 1 });
    for (const name of ['__proto__', 'constructor', 'toString', 'hasOwnProperty']) {
      expect(record.get(name)).toBeUndefined();
      expect(record.has(name)).toBe(false);
    }
    Object.defineProperty(Object.prototype, 'compliant', { value: true, configurable: true });
    try {
      expect(record.get('compliant')).toBeUndefined();
      expect(record.has('compliant')).toBe(false);
    } finally {
      Reflect.deleteProperty(Object.prototype, 'compliant');
    }
  });

  test('take `__proto__` as a name and leave out what is undefined', () => {
    expect(recordOfEntries([['__proto__', 1]]).get('__proto__')).toBe(1);
    expect(recordOf({ a: 1, b: undefined }).names()).toEqual(['a']);
  });

  test('do not take what is no Cedar value from a caller', () => {
    expect(() => recordOf({ a: 1.5 })).toThrow();
    expect(() => recordOf({ a: {} as Value })).toThrow();
    expect(() => recordOf({ a: null as unknown as Value })).toThrow();
  });
});
