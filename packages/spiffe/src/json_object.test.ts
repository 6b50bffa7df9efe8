import fc from 'fast-check';
import { expect, test } from 'vitest';
import { parseJsonObject, parseJsonObjectBytes } from './json_object.ts';

const refused: [harm: string, text: string, reason: string][] = [
  ['a member twice', '{"keys":[],"keys":[1]}', 'json-duplicate-member'],
  ['a member twice, once with an escape', '{"keys":[],"k\\u0065ys":[1]}', 'json-duplicate-member'],
  ['a member twice, with space before the colon', '{"a":1,"a" \n\t\r:2}', 'json-duplicate-member'],
  ['a member twice inside', '{"a":[{"b":{"c":1,"d":2,"c":3}}]}', 'json-duplicate-member'],
  ['a member twice behind an inner object', '{"a":{"b":1},"a":2}', 'json-duplicate-member'],
  ['__proto__ twice', '{"__proto__":{},"__proto__":{}}', 'json-duplicate-member'],
  ['the empty name twice', '{"":1,"":2}', 'json-duplicate-member'],
  ['an array', '[]', 'json-malformed'],
  ['null', 'null', 'json-malformed'],
  ['text', '"{}"', 'json-malformed'],
  ['two objects', '{}{}', 'json-malformed'],
  ['a comment', '{}//', 'json-malformed'],
  ['nothing', '', 'json-malformed'],
  ['a byte order mark', '\ufeff{}', 'json-malformed'],
];
test.each(refused)('refuses %s', (_harm, text, reason) => {
  expect(parseJsonObject(text)).toMatchObject({ ok: false, reason });
  expect(parseJsonObjectBytes(new TextEncoder().encode(text))).toMatchObject({ ok: false, reason });
});

const read: [why: string, text: string][] = [
  ['one name in two objects', '{"a":{"x":1},"b":{"x":1}}'],
  ['one name in an object and the one inside', '{"a":{"a":{"a":1}}}'],
  ['one name in two elements of an array', '{"a":[{"x":1},{"x":1}]}'],
  ['a value that looks like a member', '{"a":"a\\":1","b":["a","a"],"c":"{\\"a\\":"}'],
  ['names that differ in their case', '{"a":1,"A":2}'],
  ['names that end in a backslash', '{"a\\\\":1,"a":2}'],
];
test.each(read)('reads %s', (_why, text) => {
  expect(parseJsonObject(text)).toEqual({ ok: true, value: JSON.parse(text) });
});

test('__proto__ is a member and changes nobody’s prototype', () => {
  const object = parseJsonObject('{"__proto__":{"isAdmin":true}}');
  expect(object.ok && Object.hasOwn(object.value, '__proto__')).toBe(true);
  expect(object.ok && object.value['isAdmin']).toBe(undefined);
});

test('half a character is refused, not replaced', () => {
  expect(parseJsonObjectBytes(Uint8Array.of(0x7b, 0x22, 0xc3, 0x22, 0x7d))).toMatchObject({ reason: 'json-malformed' });
});

test('a deep or long text ends in a value or a reason', () => {
  for (const text of [`{"a":${'['.repeat(200_000)}`, `{"a":${'[1,'.repeat(50_000)}2${']'.repeat(50_000)}}`])
    expect(typeof parseJsonObject(text).ok).toBe('boolean');
  expect(parseJsonObject(`{"${'\\n'.repeat(300_000)}":1}`).ok).toBe(true);
});

test('what JSON.stringify writes has no member twice, until one is added again', () => {
  fc.assert(
    fc.property(fc.dictionary(fc.string(), fc.jsonValue()), fc.string(), (object, name) => {
      const text = JSON.stringify(object);
      expect(parseJsonObject(text)).toEqual({ ok: true, value: JSON.parse(text) });
      const again = `{${JSON.stringify(name)}:1,${JSON.stringify({ ...object, [name]: 2 }).slice(1)}`;
      expect(parseJsonObject(again)).toMatchObject({ ok: false, reason: 'json-duplicate-member' });
    }),
    { numRuns: 300 },
  );
});
