import { canonicalJson } from '@postern/canonical-json';
import { describe, expect, test } from 'vitest';
import type { DecisionRecord, RecordBody } from './record.ts';
import { boundRecord, createRecord, isRecord, MAX_RECORD_BYTES } from './record_bounds.ts';

const header = { v: 1, id: 'id-1', producer: 'p', number: 1, atMs: 1 } as const;
const refusal = { kind: 'refusal', door: 'issue', reason: 'x', count: 1 } as const;

const decision: DecisionRecord = {
  kind: 'decision',
  outcome: 'deny',
  reason: 'no-permit',
  service: 'payments',
  method: 'GET',
  path: '/a',
  host: 'payments.test',
  enforcementPoint: 'envoy',
  parties: [{ kind: 'workload', principal: 'spiffe://demo.test/a', outcome: 'deny', policies: [], errors: [] }],
  releaseNumber: 1,
  feedSequence: 1,
  validUntilMs: 1,
  mode: 'enforce',
  observed: false,
  latencyUs: 10,
};

describe('a record', () => {
  test.each(['/a?token=secret', '/a#secret', '/a?', '/a#?secret', '/a?x#y'])('never holds the query of %s', (path) => {
    const { record, text } = createRecord(header, { ...decision, path });
    expect(record).toMatchObject({ path: '/a' });
    expect(text).not.toContain('secret');
  });

  test('that is small is kept as it is, in the spelling that is hashed', () => {
    const { record, text } = createRecord(header, decision);
    expect(record).toEqual({ ...decision, ...header });
    expect(text).toBe(canonicalJson(record));
  });

  const parties = Array.from({ length: 500 }, () => ({
    kind: 'user',
    principal: 'x'.repeat(10_000),
    outcome: 'deny',
    policies: Array.from({ length: 500 }, () => 'p'.repeat(10_000)),
    errors: Array.from({ length: 500 }, () => '€'.repeat(10_000)),
  }));
  test.each<[string, RecordBody]>([
    ['long texts', { ...refusal, reason: 'x'.repeat(1_000_000) }],
    ['texts of many bytes a character', { ...refusal, reason: '€'.repeat(1_000_000) }],
    [
      'texts that JSON spells six times as long',
      { ...refusal, reason: '\u0001'.repeat(1_000_000), door: '\u0002'.repeat(5000) },
    ],
    ['halves of characters', { ...refusal, reason: '\ud800'.repeat(10_000) }],
    ['lists in lists', { ...decision, parties }],
    ['depth', { ...refusal, extra: nested(10_000) } as RecordBody],
    ['names', { ...refusal, extra: Object.fromEntries(parties.map((_, index) => [`n${index}`, 1])) } as RecordBody],
  ])('does not grow with %s', (_what, body) => {
    const { record, text } = createRecord(header, body);
    expect(Buffer.byteLength(text)).toBeLessThanOrEqual(MAX_RECORD_BYTES);
    expect(record).toMatchObject({ ...header, kind: body.kind });
    expect(isRecord(JSON.parse(text))).toBe(true);
  });

  test('says where it was cut', () => {
    expect(boundRecord({ reason: 'x'.repeat(5000) }).reason).toMatch(/^x{4095}…$/);
    expect(boundRecord({ reason: 'x'.repeat(4096) }).reason).toMatch(/^x{4096}$/);
  });

  test('cannot claim another number, producer, time or id than its own', () => {
    const forged = { ...refusal, number: 7, producer: 'other', atMs: 0, id: 'other', v: 2 } as RecordBody;
    expect(createRecord(header, forged).record).toMatchObject(header);
  });

  test.each([
    ['not a number', { latencyUs: Number.NaN }],
    ['infinity', { latencyUs: Number.POSITIVE_INFINITY }],
    ['bytes', { reason: Buffer.from('token') }],
    ['a date', { reason: new Date(0) }],
    ['a function', { reason: () => 'x' }],
  ])('with %s is a bug and throws before it has a number', (_what, wrong) => {
    expect(() => createRecord(header, { ...decision, ...wrong } as unknown as RecordBody)).toThrow(TypeError);
  });
});

function nested(depth: number): unknown {
  let value: unknown = 'inside';
  for (let level = 0; level < depth; level++) value = [value];
  return value;
}

describe('what an untrusted producer sends is no record', () => {
  const record = { ...header, ...refusal };
  test.each<[string, unknown]>([
    ['null', null],
    ['a text', 'x'],
    ['another version', { ...record, v: 2 }],
    ['without an id', { ...record, id: undefined }],
    ['with an empty id', { ...record, id: '' }],
    ['with an id that no key can hold', { ...record, id: 'x'.repeat(129) }],
    ['with a line break in its id', { ...record, id: 'a\nb' }],
    ['without a producer', { ...record, producer: undefined }],
    ['with a producer that no key can hold', { ...record, producer: 'é' }],
    ['with number 0', { ...record, number: 0 }],
    ['with half a number', { ...record, number: 1.5 }],
    ['without a time', { ...record, atMs: undefined }],
    ['with a time before the epoch', { ...record, atMs: -1 }],
    ['with a time that no calendar has', { ...record, atMs: 8.64e15 }],
    ['without a kind', { ...record, kind: undefined }],
    ['with a kind that is markup', { ...record, kind: '<script>' }],
  ])('%s', (_what, value) => {
    expect(isRecord(value)).toBe(false);
  });

  test('but one of a kind that a newer version added is', () => {
    expect(isRecord({ ...header, kind: 'something-new', more: 1 })).toBe(true);
  });
});
