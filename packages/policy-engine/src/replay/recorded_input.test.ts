import fc from 'fast-check';
import { describe, expect, test } from 'vitest';
import {
  datetimeOf,
  decimalOf,
  durationOf,
  entityUid,
  formatJson,
  ipOf,
  longOf,
  recordOf,
  recordOfEntries,
  sameValue,
  setOf,
  type Value,
  valueFromJson,
} from '../cedar/index.ts';
import { userEntity, userUid, workloadUid } from '../model.ts';
import {
  formatRecordedInput,
  MAX_RECORDED_INPUT_CHARS,
  parseRecordedInput,
  type RecordedInput,
  recordInput,
} from './index.ts';
import { valueToJson } from './value_to_json.ts';

const ISSUER = 'https://id.test';
const INPUT: RecordedInput = {
  atMs: Date.UTC(2026, 0, 5, 12),
  service: 'payments',
  action: 'payments:refund',
  request: { method: 'POST', path: '/refunds', host: 'payments.demo.test' },
  parties: [
    { kind: 'workload', principal: workloadUid('spiffe://demo.test/storefront') },
    { kind: 'user', principal: userUid(ISSUER, 'alice') },
  ],
  context: recordOf({ risk: recordOf({ score: longOf(9007199254740993n) }), network: recordOf({}) }),
  entities: [userEntity({ issuer: ISSUER, subject: 'alice', groups: ['support'] })],
};

const LINE = formatRecordedInput(INPUT);
const changed = (change: object) => JSON.stringify({ ...JSON.parse(LINE), context: {}, ...change });

describe('a recorded input', () => {
  test('comes back as it was, with integers beyond 2^53', () => {
    const parsed = parseRecordedInput(LINE);
    if (!parsed.ok) throw new Error(parsed.detail);
    expect(LINE).toContain(':9007199254740993');
    expect(formatRecordedInput(parsed.value)).toBe(LINE);
    expect(parsed.value.context.get('risk')).toEqual(recordOf({ score: 9007199254740993n }));
    expect(parsed.value.parties).toEqual(INPUT.parties);
  });

  test('keeps no query and nothing that follows from the rest', () => {
    const { parties, entities, service } = INPUT;
    const context = recordOf({ now: datetimeOf(1), local: recordOf({}), request: recordOf({}), network: recordOf({}) });
    const request = { ...INPUT.request, path: '/refunds?token=secret\nx' };
    const recorded = recordInput({ service, parties, context, entities, nowMs: 1 }, request);
    expect(recorded.context.names()).toEqual(['network']);
    expect(formatRecordedInput(recorded)).not.toContain('secret');
  });

  test('of a newer writer is read, whatever it says besides', () => {
    expect(parseRecordedInput(changed({ decision: '0198', tomorrow: [1] })).ok).toBe(true);
  });

  const party = { kind: 'user', principal: { type: 'User', id: 'a' } };
  const entity = { uid: { type: 'User', id: 'a' }, attrs: {}, parents: [] };
  const rows: [name: string, line: string, reason: string, detail: string][] = [
    ['no JSON', 'x', 'record-malformed', 'json-malformed'],
    ['half a line', LINE.slice(0, -1), 'record-malformed', 'json-malformed'],
    ['a list', '[]', 'record-malformed', 'not a JSON object'],
    ['no version', '{}', 'record-version-unknown', 'v'],
    ['a later version', changed({ v: 2 }), 'record-version-unknown', 'v'],
    ['an instant as text', changed({ atMs: '2026-01-05' }), 'record-malformed', 'atMs'],
    ['half a millisecond', changed({ atMs: 1.5 }), 'record-malformed', 'atMs'],
    ['no service', changed({ service: undefined }), 'record-malformed', 'service'],
    ['a service without end', changed({ service: 'x'.repeat(8193) }), 'record-malformed', 'service'],
    ['an action that is a number', changed({ action: 1 }), 'record-malformed', 'action'],
    ['no request', changed({ request: null }), 'record-malformed', 'request'],
    ['a request without method', changed({ request: { path: '/', host: 'a' } }), 'record-malformed', 'request'],
    ['a query', changed({ request: { method: 'GET', path: '/?a=b', host: 'a' } }), 'record-malformed', 'request.path'],
    ['no parties', changed({ parties: undefined }), 'record-malformed', 'parties'],
    ['nine parties', changed({ parties: Array(9).fill(party) }), 'record-malformed', 'parties'],
    [
      'a kind of party that there is not',
      changed({ parties: [{ ...party, kind: 'toString' }] }),
      'record-malformed',
      'parties[0].kind',
    ],
    [
      'a party without a name',
      changed({ parties: [{ ...party, principal: { type: 'User' } }] }),
      'record-malformed',
      'parties[0].principal: entity-uid-malformed',
    ],
    ['a context that is a list', changed({ context: [] }), 'record-malformed', 'context: context-not-a-record'],
    ['a fraction', changed({ context: { a: 1.5 } }), 'record-malformed', 'context: value-not-integer'],
    ['a second clock', changed({ context: { now: 1 } }), 'record-malformed', 'context.now'],
    ['entities that are none', changed({ entities: [{}] }), 'record-malformed', 'entities: entity-uid-malformed'],
    [
      'an entity that the release defines',
      changed({ entities: [{ ...entity, uid: { type: 'Team', id: 'finance' } }] }),
      'record-malformed',
      'entities[0].uid',
    ],
    [
      'one entity in two ways',
      changed({ entities: [entity, { ...entity, attrs: { a: 1 } }] }),
      'record-malformed',
      'entities: entity-duplicate',
    ],
  ];
  test.each(rows)('with %s is refused by the name of what is wrong', (_name, line, reason, detail) => {
    expect(parseRecordedInput(line)).toEqual({ ok: false, reason, detail });
  });

  test('is bounded', () => {
    const empty = changed({ note: '' }).length;
    const lineOf = (length: number) => changed({ note: 'x'.repeat(length - empty) });
    expect(parseRecordedInput(lineOf(MAX_RECORDED_INPUT_CHARS)).ok).toBe(true);
    expect(parseRecordedInput(lineOf(MAX_RECORDED_INPUT_CHARS + 1))).toMatchObject({ reason: 'record-too-long' });
  });

  test('with an integer that a double would round is read exactly or not at all', () => {
    const line = LINE.replace('9007199254740993', '9223372036854775808');
    expect(parseRecordedInput(line)).toMatchObject({ ok: false, reason: 'record-malformed' });
    expect(parseRecordedInput(LINE.replace('9007199254740993', '1e300'))).toMatchObject({ ok: false });
  });
});

describe('every value has one JSON form that reads back as itself', () => {
  const long = fc.bigInt({ min: -(2n ** 63n), max: 2n ** 63n - 1n }).map(longOf);
  const made = <T>(result: { ok: true; value: T } | { ok: false }): T => {
    if (!result.ok) throw new Error('the generator is wrong');
    return result.value;
  };
  const { value } = fc.letrec<{ value: Value }>((tie) => ({
    value: fc.oneof(
      { maxDepth: 3 },
      fc.boolean(),
      fc.string(),
      long,
      fc.string().map((id) => entityUid('User', id)),
      long.map((ms) => datetimeOf(ms)),
      long.map((ms) => durationOf(ms)),
      fc
        .bigInt({ min: -99_999_999n, max: 99_999_999n })
        .map((n) => made(decimalOf(`${n}.${n < 0n ? -n % 9n : n % 9n}`))),
      fc.ipV4().map((text) => made(ipOf(text))),
      fc
        .array(fc.nat(0xffff), { minLength: 8, maxLength: 8 })
        .map((groups) => made(ipOf(groups.map((group) => group.toString(16)).join(':')))),
      fc.array(tie('value'), { maxLength: 4 }).map(setOf),
      fc
        .dictionary(fc.oneof(fc.string(), fc.constant('__proto__')), tie('value'), { maxKeys: 4 })
        .map((fields) => recordOfEntries(Object.entries(fields))),
    ),
  }));

  test('generated', () => {
    fc.assert(
      fc.property(value, (original) => {
        const json = valueToJson(original);
        const read = valueFromJson(json);
        expect(read.ok && sameValue(read.value, original), formatJson(json)).toBe(true);
      }),
    );
  });

  test('a record that would be read as an escape is a fault, not another value', () => {
    expect(() => valueToJson(recordOf({ __entity: 1 }))).toThrow(TypeError);
  });
});
