import { canonicalJson } from '@postern/canonical-json';
import { generateSoftwareSigner, jwkFromSpki, signJws } from '@postern/keys';
import fc from 'fast-check';
import { describe, expect, test } from 'vitest';
import { createRecord } from './record_bounds.ts';
import { MAX_SEGMENT_BYTES, recordRootOf, SEGMENT_TYPE, type Segment, signSegment, verifySegment } from './segment.ts';

const signer = generateSoftwareSigner('ES256');
const key = jwkFromSpki(signer.spki);
const expected = { producer: 'p', key };
const recordOf = (number: number, reason = 'x', producer = 'p') =>
  createRecord(
    { v: 1, id: `id-${number}`, producer, number, atMs: 1 },
    { kind: 'refusal', door: 'issue', reason, count: 1 },
  );
const header = { producer: 'p', from: 1, to: 2, previous: '' };
const texts = [recordOf(1).text, recordOf(2).text];

/** Any payload under a genuine signature: what a patched producer can do. */
const signed = (payload: string | Uint8Array, typ = SEGMENT_TYPE) =>
  signJws(signer, { typ, payload: typeof payload === 'string' ? Buffer.from(payload) : payload });

async function wholeSegment(): Promise<Segment> {
  const verified = verifySegment(await signSegment(header, texts, signer), expected);
  if (!verified.ok) throw new Error(verified.reason);
  return verified.value;
}

test('a segment comes back as it was signed, in canonical spelling', async () => {
  const jws = await signSegment({ ...header, closed: true }, texts, signer);
  const payload = Buffer.from(jws.split('.')[1] as string, 'base64url').toString();
  expect(canonicalJson(JSON.parse(payload))).toBe(payload);
  expect(verifySegment(jws, expected)).toEqual({
    ok: true,
    value: {
      v: 1,
      ...header,
      closed: true,
      recordRoot: recordRootOf(texts),
      records: [recordOf(1).record, recordOf(2).record],
    },
  });
});

describe('a genuine signature does not make a segment of', () => {
  const rows: [string, (segment: Segment) => unknown, string][] = [
    ['another version', (s) => ({ ...s, v: 2 }), 'segment-malformed'],
    ['null', () => null, 'segment-malformed'],
    ['a list', () => [], 'segment-malformed'],
    ['no records', (s) => ({ ...s, records: undefined }), 'segment-malformed'],
    ['records that are none', (s) => ({ ...s, records: [null, 1] }), 'segment-malformed'],
    [
      'a record without an id',
      (s) => ({ ...s, records: s.records.map((r) => ({ ...r, id: '' })) }),
      'segment-malformed',
    ],
    ['a member that nobody knows', (s) => ({ ...s, extra: 1 }), 'segment-malformed'],
    ['a chain of no digest', (s) => ({ ...s, previous: 'x' }), 'segment-malformed'],
    ['closed that is false', (s) => ({ ...s, closed: false }), 'segment-malformed'],
    ['another producer', (s) => ({ ...s, producer: 'q' }), 'segment-producer'],
    ['a record of another producer', (s) => withRecords(s, [recordOf(1), recordOf(2, 'x', 'q')]), 'segment-numbers'],
    ['a number left out', (s) => withRecords(s, [recordOf(1), recordOf(3)]), 'segment-numbers'],
    ['a number said twice', (s) => withRecords(s, [recordOf(1), recordOf(1)]), 'segment-numbers'],
    ['records in another order', (s) => withRecords(s, [recordOf(2), recordOf(1)]), 'segment-numbers'],
    ['fewer records than numbers', (s) => withRecords(s, [recordOf(1)]), 'segment-numbers'],
    ['more records than numbers', (s) => withRecords(s, [recordOf(1), recordOf(2), recordOf(3)]), 'segment-numbers'],
    ['no record at all', (s) => ({ ...withRecords(s, []), to: 0 }), 'segment-numbers'],
    ['numbers from 0', (s) => ({ ...s, from: 0, to: 1 }), 'segment-numbers'],
    ['numbers that are texts', (s) => ({ ...s, from: '1', to: '2' }), 'segment-numbers'],
    ['a root of other records', (s) => ({ ...s, recordRoot: '0'.repeat(64) }), 'segment-root'],
    [
      'other records under the root',
      (s) => ({ ...s, records: [recordOf(1, 'y').record, recordOf(2).record] }),
      'segment-root',
    ],
  ];
  test.each(rows)('%s', async (_what, tamper, reason) => {
    const jws = await signed(canonicalJson(tamper(await wholeSegment())));
    expect(verifySegment(jws, expected)).toMatchObject({ ok: false, reason });
  });

  test('another spelling, which another reader might read otherwise', async () => {
    const segment = await wholeSegment();
    const text = canonicalJson(segment);
    const spellings = [
      JSON.stringify(segment, null, 1),
      `${text} `,
      `\ufeff${text}`,
      text.replace('{', '{"producer":"q",'),
      text.replace('"v":1', '"v":1.0'),
      text.replace('"reason":"x"', '"reason":"\\u0078"'),
      text.replace('"kind"', '"kind":"decision","kind"'),
      text.slice(0, -1),
    ];
    for (const spelling of spellings) {
      expect(verifySegment(await signed(spelling), expected), spelling.slice(0, 40)).toMatchObject({
        reason: 'segment-malformed',
      });
    }
    const notUtf8 = Buffer.from(text.replace('"reason":"x"', '"reason":"\u0080"'), 'latin1');
    expect(verifySegment(await signed(notUtf8), expected)).toMatchObject({ reason: 'segment-malformed' });
  });
});

describe('the signature', () => {
  test('of another type of document is none of a segment', async () => {
    const jws = await signed(canonicalJson(await wholeSegment()), 'postern-producer+jws');
    expect(verifySegment(jws, expected)).toMatchObject({ reason: 'segment-signature', detail: 'jws-type' });
  });

  test('of another key is none', async () => {
    const other = jwkFromSpki(generateSoftwareSigner('ES256').spki);
    const jws = await signSegment(header, texts, signer);
    expect(verifySegment(jws, { producer: 'p', key: other })).toMatchObject({ reason: 'segment-signature' });
  });

  test('cannot be made with an algorithm that is not ours', async () => {
    const rsa = generateSoftwareSigner('RS256');
    const jws = await signSegment(header, texts, rsa);
    const outcome = verifySegment(jws, { producer: 'p', key: jwkFromSpki(rsa.spki) });
    expect(outcome).toMatchObject({ reason: 'segment-signature', detail: 'jws-algorithm' });
  });

  test('can be made with Ed25519', async () => {
    const ed25519 = generateSoftwareSigner('EdDSA');
    const jws = await signSegment(header, texts, ed25519);
    expect(verifySegment(jws, { producer: 'p', key: jwkFromSpki(ed25519.spki) }).ok).toBe(true);
  });
});

test('a segment that would not fit a log entry is not signed', async () => {
  const large = Array.from({ length: 4 }, (_, index) => recordOf(index + 1, 'x'.repeat(4000).repeat(4)).text);
  const fits = await signSegment({ ...header, to: 4 }, large, signer);
  expect(fits.length).toBeLessThanOrEqual(MAX_SEGMENT_BYTES);
  const tooMany = Array.from({ length: 20 }, (_, index) => recordOf(index + 1, 'x'.repeat(4000)).text);
  await expect(signSegment({ ...header, to: 20 }, tooMany, signer)).rejects.toThrow(RangeError);
});

test('whatever text arrives is refused with a reason and no crash', () => {
  fc.assert(
    fc.property(fc.uint8Array({ maxLength: 100 }), (bytes) => {
      const text = Buffer.from(bytes).toString('latin1');
      expect(verifySegment(text, expected)).toMatchObject({ ok: false, reason: 'segment-signature' });
    }),
    { numRuns: 100 },
  );
  expect(verifySegment('x'.repeat(MAX_SEGMENT_BYTES + 1), expected)).toMatchObject({ detail: 'jws-too-large' });
});

test('any JSON under a genuine signature is refused with a reason and no crash', async () => {
  await fc.assert(
    fc.asyncProperty(fc.jsonValue({ maxDepth: 4 }), async (value) => {
      const outcome = verifySegment(await signed(JSON.stringify(value)), expected);
      expect(outcome).toMatchObject({ ok: false, reason: 'segment-malformed' });
    }),
    { numRuns: 100 },
  );
});

function withRecords(segment: Segment, records: readonly ReturnType<typeof recordOf>[]): Segment {
  const recordRoot = recordRootOf(records.map(({ text }) => text));
  return { ...segment, recordRoot, records: records.map(({ record }) => record) };
}
