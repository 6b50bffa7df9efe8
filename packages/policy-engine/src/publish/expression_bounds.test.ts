import { describe, expect, test } from 'vitest';
import { PAYMENTS_FILES } from '../testing/index.ts';
import { MAX_CLAUSES, MAX_NESTING, MAX_OPERATORS, whySchemaTooComplex, whyTooComplex } from './expression_bounds.ts';
import { compileRelease } from './index.ts';
import { createSource, placeOf } from './source.ts';

const policy = (condition: string) => `permit (principal, action, resource) when { ${condition} };`;
const placeIn = (text: string) => placeOf(createSource('org/a.cedar', text), 0, text.length);
const nested = (open: string, close: string, levels: number) => `${open.repeat(levels)}true${close.repeat(levels)}`;

/** The braces of `when` are a level of their own. */
const LEVELS = MAX_NESTING - 1;
const DEEP = `it is nested deeper than ${MAX_NESTING} levels`;
const LONG = `it has more than ${MAX_OPERATORS} operators`;

const rows: [name: string, within: string, beyond: string, why: string][] = [
  ['brackets', policy(nested('(', ')', LEVELS)), policy(nested('(', ')', LEVELS + 1)), DEEP],
  ['sets', policy(nested('[', ']', LEVELS)), policy(nested('[', ']', LEVELS + 1)), DEEP],
  ['records', policy(nested('{a: ', '}', LEVELS)), policy(nested('{a: ', '}', LEVELS + 1)), DEEP],
  [
    'an `if` in an `if`',
    policy(nested('if true then ', ' else 1', LEVELS)),
    policy(nested('if true then ', ' else 1', LEVELS + 1)),
    DEEP,
  ],
  [
    'an `else if` after another',
    policy(`${'if true then 1 else '.repeat(LEVELS)}1`),
    policy(`${'if true then 1 else '.repeat(LEVELS + 1)}1`),
    DEEP,
  ],
  [
    'brackets that are closed again',
    policy(`[${'(if (true) then 1 else 2), '.repeat(300)}1, if true then 1 else 2]`),
    policy(`[(${nested('(', ')', LEVELS)})]`),
    DEEP,
  ],
  ['`+`', policy(`1${' + 1'.repeat(MAX_OPERATORS)}`), policy(`1${' + 1'.repeat(MAX_OPERATORS + 1)}`), LONG],
  ['`.`', policy(`context${'.a'.repeat(MAX_OPERATORS)}`), policy(`context${'.a'.repeat(MAX_OPERATORS + 1)}`), LONG],
  ['`&&`', policy(`a${' && a'.repeat(MAX_OPERATORS)}`), policy(`a${' && a'.repeat(MAX_OPERATORS + 1)}`), LONG],
  [
    'clauses',
    `permit (principal, action, resource)${' unless { a }'.repeat(MAX_CLAUSES)};`,
    `permit (principal, action, resource)${' unless { a }'.repeat(MAX_CLAUSES + 1)};`,
    `it has more than ${MAX_CLAUSES} clauses`,
  ],
];

describe('a policy is not shown to Cedar', () => {
  test.each(rows)('with more than so many: %s', (_name, within, beyond, why) => {
    expect(whyTooComplex(placeIn(within))).toBeUndefined();
    expect(whyTooComplex(placeIn(beyond))).toBe(why);
  });

  test('for what it says, and not for what stands in comments and strings', () => {
    const text = `// ${'('.repeat(100)}\n${policy(`"${'(['.repeat(2000)}\\"${'&&'.repeat(2000)}" == context.a // ${'{'.repeat(100)}\n`)}`;
    expect(whyTooComplex(placeIn(text))).toBeUndefined();
    expect(whyTooComplex(placeIn(policy(`"a" == "${'x'.repeat(100_000)}"`)))).toBeUndefined();
  });

  test('however its brackets stand', () => {
    for (const text of [')'.repeat(1000), `if ${'),'.repeat(1000)}`, ','.repeat(1000), '"'.repeat(1001)]) {
      expect(whyTooComplex(placeIn(text))).toBeUndefined();
      expect(whyTooComplex(placeIn(`${text.replaceAll('"', '')}${'('.repeat(MAX_NESTING + 1)}`))).toBe(DEEP);
    }
  });

  test('nor a schema', () => {
    const schema = (levels: number) => `entity X { a: ${'Set<'.repeat(levels)}Long${'>'.repeat(levels)} };`;
    expect(whySchemaTooComplex(placeIn(schema(LEVELS)))).toBeUndefined();
    expect(whySchemaTooComplex(placeIn(schema(LEVELS + 1)))).toBe(DEEP);
  });
});

describe('a file that would end the stack of the validator', () => {
  const compile = (files: { readonly [path: string]: string }) =>
    compileRelease({
      files: new Map(Object.entries({ ...PAYMENTS_FILES, ...files })),
      trustDomain: 'demo.test',
      number: 1,
      nowMs: Date.UTC(2026, 0, 5, 12),
      nextSigners: [],
    });
  const files: [name: string, file: string, text: string, code: string][] = [
    ['brackets', 'org/a.cedar', policy(nested('(', ')', 100_000)), 'policy-too-complex'],
    ['sets', 'org/a.cedar', policy(nested('[', ']', 1000)), 'policy-too-complex'],
    ['sums', 'org/a.cedar', policy(`1${' + 1'.repeat(20_000)} > 0`), 'policy-too-complex'],
    [
      'clauses',
      'org/a.cedar',
      `permit (principal, action, resource)${' when { true }'.repeat(5000)};`,
      'policy-too-complex',
    ],
    [
      'a schema',
      'schema.cedarschema',
      `entity X { a: ${'Set<'.repeat(5000)}Long${'>'.repeat(5000)} };`,
      'schema-too-complex',
    ],
    ['nothing but ends', 'org/a.cedar', ';'.repeat(200_000), 'policy-malformed'],
  ];
  test.each(files)('is refused, and the next one is taken: %s', (_name, file, text, code) => {
    const refused = compile({ [file]: text });
    expect(refused.ok ? [] : refused.problems[0]).toMatchObject({ code, file, line: 1 });
    expect(compile({ 'org/a.cedar': policy('context.local.hour < 9') })).toMatchObject({ ok: true });
  });

  test('is taken by the validator within the bounds, whatever repeats', () => {
    const allowed = rows.flatMap(([, within]) => [within]);
    for (const text of [
      ...allowed,
      policy(`${'('.repeat(LEVELS)}context.local.hour${' + 1'.repeat(MAX_OPERATORS - 10)} > 1${')'.repeat(LEVELS)}`),
      policy(
        `${'if context.local.hour < 9 then false else '.repeat(LEVELS)}${'context has auth || '.repeat(300)}false`,
      ),
    ]) {
      expect(() => compile({ 'org/a.cedar': text })).not.toThrow();
    }
    expect(compile({ 'org/a.cedar': policy('context.local.hour < 9') })).toMatchObject({ ok: true });
  });
});
