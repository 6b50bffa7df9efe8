import { generateSoftwareSigner, jwkFromSpki } from '@postern/keys';
import { describe, expect, test } from 'vitest';
import { signHeartbeat } from './heartbeat.ts';
import { certifyProducer } from './producer_certificate.ts';
import type { RecordBody } from './record.ts';
import { createRecord } from './record_bounds.ts';
import { digestOfSegment, signSegment } from './segment.ts';
import { type FindingKind, type TrailExport, verifyTrail } from './verify_trail.ts';

const assertion = generateSoftwareSigner('ES256');
const assertionKeys = [jwkFromSpki(assertion.spki)];
const signers = { a: generateSoftwareSigner('ES256'), b: generateSoftwareSigner('ES256') };
type Name = keyof typeof signers;

const refusal: RecordBody = { kind: 'refusal', door: 'issue', reason: 'x', count: 1 };
const issuance = (kind: 'issuance-begin' | 'issuance-complete'): RecordBody => ({
  ...{ kind, spiffeId: 'spiffe://demo.test/a', serial: '4a', dnsNames: [], keyThumbprint: 't' },
  ...{ issuerKeyId: 'k', notBeforeMs: 0, notAfterMs: 1, requester: 'r' },
});

/** Signs whatever is asked for: an honest producer, or one that tells two stories. */
async function segmentOf(name: Name, from: number, previous: string, bodies: readonly RecordBody[], closed = false) {
  const texts = bodies.map((body, index) => {
    return createRecord({ v: 1, id: `${name}-${from + index}`, producer: name, number: from + index, atMs: 1 }, body)
      .text;
  });
  const header = {
    producer: name,
    from,
    to: from + bodies.length - 1,
    previous,
    ...(closed && { closed: true as const }),
  };
  return signSegment(header, texts, signers[name]);
}

const certify = (name: Name, signer = signers[name]) =>
  certifyProducer({ producer: name, jwk: jwkFromSpki(signer.spki), owner: `owner of ${name}`, atMs: 0 }, assertion);

/** Two producers, two records a segment, taking turns: a b a b a b. */
async function honestTrail(): Promise<TrailExport> {
  const jwss: { producer: Name; jws: string }[] = [];
  const previous = { a: '', b: '' };
  for (const from of [1, 3, 5]) {
    for (const producer of ['a', 'b'] as const) {
      const jws = await segmentOf(producer, from, previous[producer], [refusal, refusal]);
      previous[producer] = digestOfSegment(jws);
      jwss.push({ producer, jws });
    }
  }
  const heartbeat = await signHeartbeat({ producer: 'a', last: 6, dropped: 0, atMs: 1 }, signers.a);
  return {
    producers: [
      { certificate: await certify('a'), to: 6, isClosed: false, heartbeat },
      { certificate: await certify('b'), to: 6, isClosed: false },
    ],
    segments: jwss.map((segment, index) => ({ ...segment, place: index + 1 })),
  };
}

const renumbered = (
  segments: readonly { readonly producer: string; readonly jws: string }[],
): TrailExport['segments'] => segments.map((segment, index) => ({ ...segment, place: index + 1 }));

const kindsOf = (trail: TrailExport) => [
  ...new Set(verifyTrail(trail, assertionKeys).findings.map(({ kind }) => kind)),
];

test('an honest trail has no finding, and a report for each producer', async () => {
  expect(verifyTrail(await honestTrail(), assertionKeys)).toEqual({
    ...{ ok: true, producers: 2, segments: 6, records: 12, findings: [] },
    byProducer: ['a', 'b'].map((producer) => {
      return { producer, owner: `owner of ${producer}`, segments: 3, records: 6, to: 6, isClosed: false };
    }),
  });
});

test('a producer that was killed is stated once its owner has begun anew: what it held in memory is lost', async () => {
  const certifyRun = (producer: Name, atMs: number) =>
    certifyProducer({ producer, jwk: jwkFromSpki(signers[producer].spki), owner: 'node-1', atMs }, assertion);
  const runs = async (isClosed: boolean): Promise<TrailExport> => ({
    producers: [
      { certificate: await certifyRun('a', 1000), to: 2, isClosed },
      { certificate: await certifyRun('b', 2000), to: 2, isClosed: false },
    ],
    segments: renumbered([
      { producer: 'a', jws: await segmentOf('a', 1, '', [refusal, refusal], isClosed) },
      { producer: 'b', jws: await segmentOf('b', 1, '', [refusal, refusal]) },
    ]),
  });
  expect(verifyTrail(await runs(false), assertionKeys)).toMatchObject({
    ok: true,
    findings: [{ kind: 'producer-not-closed', producer: 'a' }],
  });
  expect(kindsOf(await runs(true))).toEqual([]);
});

test('an empty trail has nothing to be false about', () => {
  expect(verifyTrail({ producers: [], segments: [] }, assertionKeys)).toMatchObject({ ok: true, records: 0 });
});

describe('exactly this is found:', () => {
  type Tamper = (trail: TrailExport) => TrailExport | Promise<TrailExport>;
  const edited = (
    edit: (segments: TrailExport['segments']) => readonly { producer: string; jws: string }[],
  ): Tamper => {
    return (trail) => ({ ...trail, segments: renumbered(edit(trail.segments)) });
  };
  const stated = (change: Partial<TrailExport['producers'][number]>): Tamper => {
    return (trail) => ({ ...trail, producers: trail.producers.with(0, { ...trail.producers[0]!, ...change }) });
  };
  const rows: [string, Tamper, FindingKind[]][] = [
    ['a segment dropped from the middle', edited((s) => s.toSpliced(2, 1)), ['record-gap', 'chain-broken']],
    ['a segment dropped whose place shows', (t) => ({ ...t, segments: t.segments.toSpliced(5, 1) }), ['tail-missing']],
    ['a first segment dropped', edited((s) => s.slice(1)), ['record-gap', 'chain-broken']],
    ['a tail dropped', edited((s) => s.slice(0, 4)), ['tail-missing']],
    [
      'a tail dropped and the number of it lowered, as the heartbeat knows better',
      async (t) =>
        stated({ to: 4 })({ ...t, segments: t.segments.filter((s, i) => s.producer === 'b' || i < 4) }) as TrailExport,
      ['place-missing', 'tail-missing'],
    ],
    ['all of a producer dropped', edited((s) => s.filter(({ producer }) => producer === 'a')), ['tail-missing']],
    ['a segment repeated', edited((s) => s.toSpliced(3, 0, s[0]!)), ['segment-repeated']],
    [
      'two segments of one producer exchanged',
      edited((s) => s.with(0, s[2]!).with(2, s[0]!)),
      ['record-gap', 'chain-broken', 'segment-fork'],
    ],
    [
      'a segment under the name of another producer',
      edited((s) => s.with(0, { ...s[0]!, producer: 'b' })),
      ['segment-invalid', 'record-gap', 'chain-broken'],
    ],
    ['a producer that nobody knows', edited((s) => [...s, { producer: 'c', jws: 'x' }]), ['producer-unknown']],
    ['an object that was lost', edited((s) => s.with(4, { ...s[4]!, jws: '' })), ['segment-invalid', 'tail-missing']],
    [
      'an object cut off',
      edited((s) => s.with(4, { ...s[4]!, jws: s[4]!.jws.slice(0, -1) })),
      ['segment-invalid', 'tail-missing'],
    ],
    [
      'a second story about old numbers',
      async (t) => {
        const jws = await segmentOf('a', 3, digestOfSegment(t.segments[0]!.jws), [
          refusal,
          { ...refusal, reason: 'y' } as RecordBody,
        ]);
        return { ...t, segments: renumbered([...t.segments, { producer: 'a', jws }]) };
      },
      ['segment-fork', 'chain-broken', 'tail-missing'],
    ],
    [
      'records after the end',
      async (t) => {
        const last = digestOfSegment(t.segments[5]!.jws);
        const end = await segmentOf('b', 7, last, [{ kind: 'producer-closed', dropped: 0 }], true);
        const more = await segmentOf('b', 8, digestOfSegment(end), [refusal]);
        return {
          ...t,
          segments: renumbered([...t.segments, { producer: 'b', jws: end }, { producer: 'b', jws: more }]),
        };
      },
      ['after-close'],
    ],
    ['an end that was dropped', stated({ isClosed: true }), ['tail-missing']],
    ['a number that was acknowledged and is not there', stated({ to: 7 }), ['tail-missing']],
    ['a certificate of nobody', stated({ certificate: 'a.b.c' }), ['producer-certificate', 'producer-unknown']],
    [
      'a certificate that is no text',
      stated({ certificate: null as never }),
      ['producer-certificate', 'producer-unknown'],
    ],
    ['a heartbeat of nobody', stated({ heartbeat: 'a.b.c' }), ['heartbeat-invalid']],
    [
      'a heartbeat that knows of more records',
      async (t) =>
        stated({ heartbeat: await signHeartbeat({ producer: 'a', last: 9, dropped: 0, atMs: 1 }, signers.a) })(t),
      ['tail-missing'],
    ],
    [
      'a heartbeat of another producer',
      async (t) =>
        stated({ heartbeat: await signHeartbeat({ producer: 'b', last: 1, dropped: 0, atMs: 1 }, signers.b) })(t),
      ['heartbeat-invalid'],
    ],
    [
      'a producer that was vouched for twice, by a second key',
      async (t) => {
        const certificate = await certify('a', generateSoftwareSigner('ES256'));
        return { ...t, producers: [...t.producers, { certificate, to: 0, isClosed: false }] };
      },
      ['producer-certificate'],
    ],
  ];
  test.each(rows)('%s', async (_what, tamper, kinds) => {
    const trail = await tamper(await honestTrail());
    expect(kindsOf(trail).sort()).toEqual([...kinds].sort());
    expect(verifyTrail(trail, assertionKeys).ok).toBe(false);
  });

  test('everything, when the pinned key is another', async () => {
    const other = [jwkFromSpki(generateSoftwareSigner('ES256').spki)];
    expect(verifyTrail(await honestTrail(), other)).toMatchObject({ ok: false, producers: 0, records: 0 });
  });
});

test('every order but an honest one is found, and every subset but the whole', async () => {
  const whole = await honestTrail();
  // a b a b a
  const own = { a: [0, 2, 4], b: [1, 3] };
  const producers = whole.producers.with(1, { ...whole.producers[1]!, to: 4 });
  const trail = { producers, segments: whole.segments.slice(0, 5) };
  const orders = permutations([0, 1, 2, 3, 4]);
  let honest = 0;
  for (const order of orders) {
    const segments = renumbered(order.map((index) => trail.segments[index]!));
    // Between producers any order is a story that could have been; within one only its own.
    const isPossible = Object.values(own).every((indexes) => {
      return order.filter((index) => indexes.includes(index)).join() === indexes.join();
    });
    const { ok } = verifyTrail({ ...trail, segments }, assertionKeys);
    expect(ok, order.join()).toBe(isPossible);
    if (ok) honest += 1;
  }
  expect([orders.length, honest]).toEqual([120, 10]);
  for (let subset = 0; subset < 31; subset++) {
    const segments = renumbered(trail.segments.filter((_, index) => (subset >> index) & 1));
    expect(verifyTrail({ ...trail, segments }, assertionKeys).ok, subset.toString(2)).toBe(false);
  }
});

function permutations(items: readonly number[]): readonly (readonly number[])[] {
  if (items.length < 2) return [items];
  return items.flatMap((item) => permutations(items.filter((other) => other !== item)).map((rest) => [item, ...rest]));
}

describe('what honest producers state is no failure of the trail:', () => {
  async function trailOf(name: Name, bodies: readonly RecordBody[]): Promise<TrailExport> {
    const jws = await segmentOf(name, 1, '', bodies);
    return {
      producers: [{ certificate: await certify(name), to: bodies.length, isClosed: false }],
      segments: [{ place: 1, producer: name, jws }],
    };
  }

  test('records that were counted and not kept', async () => {
    const trail = await trailOf('a', [refusal, { kind: 'drop', count: 4, firstAtMs: 1, lastAtMs: 2 }]);
    expect(verifyTrail(trail, assertionKeys)).toMatchObject({
      ok: true,
      findings: [{ kind: 'records-dropped', producer: 'a' }],
    });
  });

  test('an issuance that never ended', async () => {
    const trail = await trailOf('a', [issuance('issuance-begin')]);
    expect(verifyTrail(trail, assertionKeys)).toMatchObject({ ok: true, findings: [{ kind: 'issuance-open' }] });
  });

  test('and another producer cannot end it', async () => {
    const [a, b] = [
      await trailOf('a', [issuance('issuance-begin')]),
      await trailOf('b', [issuance('issuance-complete')]),
    ];
    const trail = { producers: [...a.producers, ...b.producers], segments: renumbered([...a.segments, ...b.segments]) };
    expect(kindsOf(trail)).toEqual(['issuance-open']);
    const own = await trailOf('a', [issuance('issuance-begin'), issuance('issuance-complete')]);
    expect(kindsOf(own)).toEqual([]);
  });
});
