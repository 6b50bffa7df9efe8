import fc from 'fast-check';
import { describe, expect, test } from 'vitest';
import { formatJson, type JsonValue, parseJson } from './json_text.ts';

describe('parseJson', () => {
  test.each([
    ['9007199254740993', 9007199254740993n],
    ['-9223372036854775808', -(2n ** 63n)],
    ['9007199254740991', Number.MAX_SAFE_INTEGER],
    ['[1,[2,{"a":null}]]', [1, [2, { a: null }]]],
    ['"\\u00e9\\ud83d\\ude00\\n\\/"', 'é😀\n/'],
    [' { "a" : true , "b" : false } ', { a: true, b: false }],
  ])('reads %s exactly', (text, value) => {
    expect(parseJson(text)).toEqual({ ok: true, value });
  });

  test.each([
    ['{"a":1,"a":2}', 'json-duplicate-key'],
    ['{"a":1,"\\u0061":2}', 'json-duplicate-key'],
    ['{"__proto__":1,"__proto__":2}', 'json-duplicate-key'],
    ['1.0', 'json-number-not-integer'],
    ['1e3', 'json-number-not-integer'],
    ['-0', 'json-number-not-integer'],
    ['9223372036854775808', 'json-integer-out-of-range'],
    ['1'.repeat(100_000), 'json-integer-out-of-range'],
    ['"\\ud800"', 'json-lone-surrogate'],
    ['{"\\udc00":1}', 'json-lone-surrogate'],
    ['"\ud800"', 'json-lone-surrogate'],
    ['', 'json-malformed'],
    ['01', 'json-malformed'],
    ['[1,]', 'json-malformed'],
    ['{"a":1,}', 'json-malformed'],
    ['{a:1}', 'json-malformed'],
    ['"\n"', 'json-malformed'],
    ['"\\x41"', 'json-malformed'],
    ['"abc', 'json-malformed'],
    ['nul', 'json-malformed'],
    ['1 2', 'json-malformed'],
    ['+1', 'json-malformed'],
    [`${'['.repeat(129)}${']'.repeat(129)}`, 'json-too-deep'],
  ])('refuses %.30s, which two readers would take differently', (text, reason) => {
    expect(parseJson(text)).toMatchObject({ ok: false, reason });
  });

  test('accepts the depth and the size on the bound and refuses the next', () => {
    expect(parseJson(`${'['.repeat(128)}${']'.repeat(128)}`).ok).toBe(true);
    expect(parseJson('"ab"', { maxChars: 4 }).ok).toBe(true);
    expect(parseJson('"abc"', { maxChars: 4 })).toMatchObject({ ok: false, reason: 'json-too-large' });
  });

  test('keeps `__proto__` as an ordinary name and leaves prototypes alone', () => {
    const result = parseJson('{"__proto__":{"admin":true}}');
    const value = result.ok ? (result.value as { readonly [name: string]: JsonValue }) : {};
    expect(Object.hasOwn(value, '__proto__')).toBe(true);
    expect((value as { admin?: unknown }).admin).toBeUndefined();
  });

  test('agrees with the built-in reader wherever that one is exact', () => {
    const json = fc.letrec<{ value: JsonValue }>((tie) => ({
      value: fc.oneof(
        { maxDepth: 4 },
        fc.constantFrom(null, true, false),
        fc.integer(),
        fc.string({ unit: 'grapheme' }),
        fc.array(tie('value'), { maxLength: 4 }),
        fc.dictionary(fc.string({ unit: 'grapheme' }), tie('value'), { maxKeys: 4 }),
      ),
    })).value;
    fc.assert(
      fc.property(json, (value) => {
        const text = JSON.stringify(value, null, 1);
        expect(parseJson(text)).toEqual({ ok: true, value: JSON.parse(text) });
        expect(formatJson(value)).toBe(JSON.stringify(value));
      }),
      { numRuns: 300 },
    );
  });

  test('reads anything that the built-in reader refuses as a refusal, and never throws', () => {
    fc.assert(
      fc.property(fc.string({ unit: fc.constantFrom(...'{}[]",:\\u0019tfn- e.'), maxLength: 12 }), (text) => {
        const result = parseJson(text);
        if (result.ok) expect(() => JSON.parse(text)).not.toThrow();
      }),
      { numRuns: 2000 },
    );
  });
});
