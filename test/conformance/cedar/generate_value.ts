/** The small fixed world of the generated cases: attribute names, entities, and values in Cedar's JSON form. */
import fc from 'fast-check';
import type { JsonValue } from '../../../packages/policy-engine/src/cedar/index.ts';

export type TypeName =
  | 'bool'
  | 'long'
  | 'string'
  | 'entity'
  | 'set'
  | 'record'
  | 'decimal'
  | 'ip'
  | 'datetime'
  | 'duration';

export const TYPE_NAMES: readonly TypeName[] = [
  'bool',
  'long',
  'string',
  'entity',
  'set',
  'record',
  'decimal',
  'ip',
  'datetime',
  'duration',
];

/** Attribute names and what they usually hold. */
export const ATTRIBUTES: readonly (readonly [name: string, type: TypeName])[] = [
  ['flag', 'bool'],
  ['count', 'long'],
  ['name', 'string'],
  ['owner', 'entity'],
  ['items', 'set'],
  ['nested', 'record'],
  ['score', 'decimal'],
  ['address', 'ip'],
  ['when', 'datetime'],
  ['age', 'duration'],
  ['__proto__', 'long'],
  ['constructor', 'string'],
  ['a b', 'bool'],
];
export const NAMES = ATTRIBUTES.map(([name]) => name);

export const ENTITY_TYPES = ['User', 'App::Group', 'App::Svc::Doc'];
export const ENTITY_IDS = ['a', 'b', 'c', 'é"\\\n\u0000', '__proto__'];

export const entityUids = fc.record({
  type: fc.constantFrom(...ENTITY_TYPES),
  id: fc.oneof({ weight: 3, arbitrary: fc.constant('a') }, fc.constantFrom(...ENTITY_IDS)),
});

const longs: fc.Arbitrary<number | bigint> = fc.oneof(
  { weight: 4, arbitrary: fc.integer({ min: -3, max: 3 }) },
  fc.constantFrom<number | bigint>(
    2n ** 63n - 1n,
    -(2n ** 63n),
    2n ** 53n,
    -(2n ** 53n),
    Number.MAX_SAFE_INTEGER,
    Number.MIN_SAFE_INTEGER,
    2n ** 62n,
    3037000500,
  ),
  fc.bigInt({ min: -(2n ** 63n), max: 2n ** 63n - 1n }).map(normal),
);

function normal(value: bigint): number | bigint {
  return value >= BigInt(Number.MIN_SAFE_INTEGER) && value <= BigInt(Number.MAX_SAFE_INTEGER) ? Number(value) : value;
}

const strings = fc.oneof(
  fc.constantFrom('', 'a', 'b', 'ab', 'aab*', '*', '😀a', 'name', 'flag', '__proto__'),
  fc.string({ unit: fc.constantFrom('a', 'b', '*', '😀', 'é'), maxLength: 5 }),
);

const digits = (max: number) => fc.integer({ min: 0, max }).map(String);
const decimalTexts = fc.oneof(
  fc.constantFrom('1.0', '1.00', '-0.5', '922337203685477.5807', '-922337203685477.5808', '922337203685477.5808'),
  fc.constantFrom('1', '1.', '.1', '1.00000', '01.10', '+1.0', '٣.0', '0000000000000000000001.5', '-0.0'),
  fc.tuple(fc.constantFrom('', '-'), digits(20), digits(10000)).map(([sign, whole, part]) => `${sign}${whole}.${part}`),
);
const ipTexts = fc.oneof(
  fc.constantFrom('127.0.0.1', '127.0.0.0/7', '127.1.2.3/8', '224.0.0.0/4', '224.0.0.0/3', '10.0.0.1/8', '10.0.0.0/8'),
  fc.constantFrom(
    '::1',
    '::1/127',
    'ff00::/8',
    'ff02::1',
    '::',
    '::/0',
    '0.0.0.0/0',
    '1:2:3:4:5:6:7::',
    '::2:3:4:5:6:7:8',
  ),
  fc.constantFrom('::ffff:1.2.3.4', '1.2.3.4/33', '1.2.3.4/08', '01.2.3.4', '1.2.3', '1:2:3:4:5:6:7:8::', '1::2::3'),
  fc.constantFrom(
    '::1/+1',
    '::1/129',
    '1.2.3.4/',
    '/8',
    '',
    ' 1.2.3.4',
    '12345::',
    '::1%eth0',
    '1.2.3.4/1/2',
    '256.0.0.1',
  ),
  fc.tuple(digits(255), digits(3), digits(33)).map(([first, last, prefix]) => `${first}.0.0.${last}/${prefix}`),
  fc.tuple(fc.constantFrom('fe80', '2001:db8', 'ff02'), digits(9), digits(130)).map(([a, b, p]) => `${a}::${b}/${p}`),
);
const datetimeTexts = fc.oneof(
  fc.constantFrom('2024-02-29', '2023-02-29', '0000-01-01', '0000-02-29', '9999-12-31T23:59:59.999Z', '1969-12-31'),
  fc.constantFrom('1970-01-01T00:00:00Z', '2024-01-01T24:00:00Z', '2024-01-01T00:00:60Z', '2024-01-01T00:00:00+2400'),
  fc.constantFrom(
    '2024-01-01T00:00:00',
    '2024-1-1',
    '2024-01-01T00:00:00.1Z',
    '2024-13-01',
    '0000-01-01T00:00:00+2359',
  ),
  fc
    .tuple(fc.integer({ min: 1, max: 12 }), fc.integer({ min: 1, max: 31 }), fc.integer({ min: 0, max: 23 }))
    .map(([month, day, hour]) => `2024-${two(month)}-${two(day)}T${two(hour)}:30:00.250-0${hour % 10}15`),
);
const durationTexts = fc.oneof(
  fc.constantFrom('1d', '-1d2h3m4s5ms', '26h', '-26h', '0ms', '1ms', '', '-', '1h1d', '1x', '1.5h', '--1s', '1m1ms'),
  fc.constantFrom('9223372036854775807ms', '-9223372036854775808ms', '9223372036854775808ms', '106751991168d'),
  fc.constantFrom('-106751991167d7h12m55s808ms', '-106751991167d7h12m55s809ms', '18446744073709551616s', '0001s'),
  fc.integer({ min: -200_000, max: 200_000 }).map((seconds) => `${seconds}s`),
);

function two(value: number): string {
  return String(value).padStart(2, '0');
}

export const EXTENSION_TEXTS: { readonly [type in 'decimal' | 'ip' | 'datetime' | 'duration']: fc.Arbitrary<string> } =
  {
    decimal: decimalTexts,
    ip: ipTexts,
    datetime: datetimeTexts,
    duration: durationTexts,
  };

/** A JSON value in Cedar's form, as attributes, tags and contexts hold it. Extension texts are valid ones only. */
export function valuesOf(type: TypeName, depth = 2): fc.Arbitrary<JsonValue> {
  switch (type) {
    case 'bool':
      return fc.boolean();
    case 'long':
      return longs;
    case 'string':
      return strings;
    case 'entity':
      return entityUids.map((uid) => ({ __entity: uid }));
    case 'set':
      return depth === 0 ? fc.constant([]) : fc.array(anyValues(depth - 1), { maxLength: 3 });
    case 'record':
      return depth === 0 ? fc.constant({}) : attributesOf(depth - 1);
    default:
      return fc.constantFrom(...VALID_TEXTS[type]).map((text) => ({ __extn: { fn: type, arg: text } }));
  }
}

const VALID_TEXTS = {
  decimal: ['1.0', '-0.5', '922337203685477.5807', '1.00'],
  ip: ['127.0.0.1', '10.0.0.0/8', '::1', 'ff00::/8', '10.1.2.3'],
  datetime: ['2024-02-29', '1969-12-31', '1970-01-01T00:00:00.001Z', '0000-01-01'],
  duration: ['1d', '-26h', '9223372036854775807ms', '-1d2h3m4s5ms'],
} as const;

function anyValues(depth: number): fc.Arbitrary<JsonValue> {
  return fc.constantFrom(...TYPE_NAMES).chain((type) => valuesOf(type, depth));
}

/** A record of some of the world's attributes, one in eight of them of an unusual type. */
export function attributesOf(depth: number): fc.Arbitrary<{ [name: string]: JsonValue }> {
  const entries = ATTRIBUTES.map(([name, type]) =>
    fc.option(
      fc.oneof({ weight: 7, arbitrary: valuesOf(type, depth) }, anyValues(0)).map((value) => [name, value] as const),
      { freq: 3, nil: undefined },
    ),
  );
  return fc
    .tuple(...entries)
    .map(
      (chosen) => Object.fromEntries(chosen.filter((entry) => entry !== undefined)) as { [name: string]: JsonValue },
    );
}
