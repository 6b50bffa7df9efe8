import { expect, test } from 'vitest';
import { canonicalJson } from './index.ts';

test('spells the example of RFC 8785 3.2.2 and 3.2.3 as the standard does', () => {
  const input = {
    numbers: [Number('333333333.33333329'), 1e30, 4.5, 2e-3, 0.000000000000000000000000001],
    string: '\u20ac$\u000F\u000aA\'\u0042\u0022\u005c\\"/',
    literals: [null, true, false],
  };
  expect(canonicalJson(input)).toBe(
    '{"literals":[null,true,false],"numbers":[333333333.3333333,1e+30,4.5,0.002,1e-27],"string":"€$\\u000f\\nA\'B\\"\\\\\\\\\\"/"}',
  );
});

test('orders members by UTF-16 code units, not by code points', () => {
  const sorted = canonicalJson({ '\u20ac': 1, '\r': 2, '\ufb33': 3, '1': 4, '\u{1f600}': 5, '\u0080': 6, '\u00f6': 7 });
  expect(sorted).toBe('{"\\r":2,"1":4,"\u0080":6,"\u00f6":7,"\u20ac":1,"\u{1f600}":5,"\ufb33":3}');
});

test('leaves out members without a value, so that an absent and an undefined member hash alike', () => {
  expect(canonicalJson({ b: undefined, a: 1 })).toBe('{"a":1}');
});

const unsayable: [string, unknown][] = [
  ['not a number', Number.NaN],
  ['infinity', [Number.POSITIVE_INFINITY]],
  ['a lone surrogate', { a: '\ud800' }],
  ['a lone surrogate in a name', { '\udfff': 1 }],
  ['a bigint', 1n],
  ['a date', new Date(0)],
  ['bytes', new Uint8Array(1)],
  ['a function', () => 0],
];
test.each(unsayable)('refuses %s rather than lose it', (_name, value) => {
  expect(() => canonicalJson(value)).toThrow(TypeError);
});

test('a cycle ends in an error, not in a crash', () => {
  const cycle: { self?: unknown } = {};
  cycle.self = cycle;
  expect(() => canonicalJson(cycle)).toThrow(TypeError);
});
