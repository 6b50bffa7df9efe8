import fc from 'fast-check';
import protobuf from 'protobufjs';
import { expect, test } from 'vitest';
import { StructTooDeep, structOf } from './struct.ts';

/** The well-known type as protobufjs has it: what our hand-made writer is held against. */
const Struct = protobuf.Root.fromJSON(
  protobuf.common.get('google/protobuf/struct.proto') as protobuf.INamespace,
).lookupType('google.protobuf.Struct');

interface Fields {
  readonly fields: { readonly [name: string]: Value };
}
type Value = {
  readonly kind?: string;
  readonly structValue?: Fields;
  readonly listValue?: { readonly values: readonly Value[] };
} & { readonly [member: string]: unknown };

function read(bytes: Uint8Array): unknown {
  return objectOf(Struct.decode(bytes) as unknown as Fields);
}
const objectOf = ({ fields }: Fields) =>
  Object.fromEntries(Object.entries(fields).map(([name, value]) => [name, jsonOf(value)]));
function jsonOf(value: Value): unknown {
  if (value.kind === 'structValue') return objectOf(value.structValue as Fields);
  if (value.kind === 'listValue') return value.listValue?.values.map(jsonOf);
  return value.kind === 'nullValue' ? null : value[value.kind ?? ''];
}

test('whatever JSON a token holds is read back the same by somebody else’s decoder', () => {
  const json = fc.dictionary(fc.string(), fc.jsonValue({ maxDepth: 5 }), { maxKeys: 8 });
  fc.assert(
    fc.property(json, (claims) => {
      const parsed = JSON.parse(JSON.stringify(claims)) as Record<string, unknown>;
      const { ['__proto__']: _, ...plain } = parsed;
      expect(read(structOf(plain).finish())).toEqual(plain);
    }),
  );
});

test('defaults are there all the same: zero, false, null, an empty text, list and object', () => {
  const claims = { zero: 0, no: false, nothing: null, text: '', list: [], object: {}, '': 1 };
  expect(read(structOf(claims).finish())).toEqual(claims);
});

test('what is nested deeper than readers follow is refused, not followed', () => {
  const nested = (depth: number, wrap: (inner: unknown) => unknown) => {
    let value: unknown = 1;
    for (let level = 0; level < depth; level++) value = wrap(value);
    return { value };
  };
  for (const wrap of [(inner: unknown) => [inner], (inner: unknown) => ({ inner })]) {
    expect(() => structOf(nested(30, wrap))).not.toThrow();
    expect(() => structOf(nested(40, wrap))).toThrow(StructTooDeep);
    expect(() => structOf(nested(5000, wrap))).toThrow(StructTooDeep);
  }
});
