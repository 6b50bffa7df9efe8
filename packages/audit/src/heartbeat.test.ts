import { generateSoftwareSigner, jwkFromSpki } from '@postern/keys';
import { createMemoryObjects, createMemoryTable } from '@postern/store/embedded';
import { createManualClock } from '@postern/store/testing';
import { describe, expect, test } from 'vitest';
import { signHeartbeat } from './heartbeat.ts';
import { certifyProducer } from './producer_certificate.ts';
import { createRecord } from './record_bounds.ts';
import { signSegment } from './segment.ts';
import { createTrail } from './trail.ts';
import { verifyTrail } from './verify_trail.ts';

const assertion = generateSoftwareSigner('ES256');
const signers = { a: generateSoftwareSigner('ES256'), b: generateSoftwareSigner('ES256') };
type Name = keyof typeof signers;

/** Records 1 and 2 of producer `a`. */
function segmentOfA(): Promise<string> {
  const texts = [1, 2].map((number) => {
    const header = { v: 1, id: `a-${number}`, producer: 'a', number, atMs: 1 } as const;
    return createRecord(header, { kind: 'refusal', door: 'issue', reason: 'x', count: 1 }).text;
  });
  return signSegment({ producer: 'a', from: 1, to: 2, previous: '' }, texts, signers.a);
}

describe('a heartbeat at the trail', () => {
  async function createWorld() {
    const trail = createTrail({
      table: createMemoryTable({ clock: createManualClock() }),
      objects: createMemoryObjects(),
    });
    const key = jwkFromSpki(signers.a.spki);
    const certificate = await certifyProducer({ producer: 'a', jwk: key, owner: 'o', atMs: 0 }, assertion);
    await trail.openProducer({ producer: 'a', certificate, key, owner: 'o' });
    await trail.ingest('a', await segmentOfA());
    return trail;
  }
  const say = (last: number, dropped = 0, name: Name = 'a') =>
    signHeartbeat({ producer: name, last, dropped, atMs: 1 }, signers[name]);

  test('states how many records are missing', async () => {
    const trail = await createWorld();
    expect(await trail.producers()).toMatchObject([{ to: 2, saidTo: 2, dropped: 0 }]);
    expect(await trail.heartbeat('a', await say(5, 1))).toEqual({ ok: true, value: 5 });
    const [head] = await trail.producers();
    expect(head).toMatchObject({ to: 2, saidTo: 5, dropped: 1 });
    const segments = [{ place: 1, producer: 'a', jws: (await trail.segment({ producer: 'a', from: 1 })) as string }];
    const report = verifyTrail({ producers: [head!], segments }, [jwkFromSpki(assertion.spki)]);
    expect(report.findings.map(({ kind }) => kind)).toEqual(['tail-missing']);
  });

  test('that is old, replayed, hides nothing', async () => {
    const trail = await createWorld();
    const old = await say(3);
    await trail.heartbeat('a', await say(5, 2));
    expect(await trail.heartbeat('a', old)).toEqual({ ok: true, value: 5 });
    expect(await trail.heartbeat('a', await say(5, 1))).toEqual({ ok: true, value: 5 });
    expect(await trail.producer('a')).toMatchObject({ saidTo: 5, dropped: 2 });
  });

  test('of many at once leaves the greatest', async () => {
    const trail = await createWorld();
    const said = await Promise.all([9, 4, 7, 5, 8, 6, 3].map((last) => say(last)));
    await Promise.all(said.map((jws) => trail.heartbeat('a', jws)));
    expect(await trail.producer('a')).toMatchObject({ saidTo: 9 });
  });

  test('is refused when it is not the producer’s', async () => {
    const trail = await createWorld();
    expect(await trail.heartbeat('ghost', await say(5))).toMatchObject({ reason: 'producer-unknown' });
    expect(await trail.heartbeat('a', await say(5, 0, 'b'))).toMatchObject({ reason: 'heartbeat-signature' });
    const foreign = await signHeartbeat({ producer: 'b', last: 9, dropped: 0, atMs: 1 }, signers.a);
    expect(await trail.heartbeat('a', foreign)).toMatchObject({ reason: 'heartbeat-malformed' });
    expect(await trail.heartbeat('a', await say(-1))).toMatchObject({ reason: 'heartbeat-malformed' });
    expect(await trail.heartbeat('a', await segmentOfA())).toMatchObject({ reason: 'heartbeat-signature' });
    expect(await trail.producer('a')).toMatchObject({ saidTo: 2 });
  });
});

describe('a producer’s name', () => {
  const trail = createTrail({
    table: createMemoryTable({ clock: createManualClock() }),
    objects: createMemoryObjects(),
  });
  const key = jwkFromSpki(signers.a.spki);

  test('belongs to its first key', async () => {
    const opening = { producer: 'a', certificate: 'x', key, owner: 'o' };
    expect(await trail.openProducer(opening)).toEqual({ ok: true, value: undefined });
    expect(await trail.openProducer(opening)).toEqual({ ok: true, value: undefined });
    const other = jwkFromSpki(signers.b.spki);
    expect(await trail.openProducer({ ...opening, key: other })).toEqual({ ok: false, reason: 'producer-taken' });
    expect((await trail.producer('a'))?.key).toEqual(key);
  });

  test.each(['', 'é', 'a b', 'a\n', 'x'.repeat(301), '\ud800'])('%j is none', async (producer) => {
    expect(await trail.openProducer({ producer, certificate: 'x', key, owner: 'o' })).toMatchObject({
      reason: 'producer-id',
    });
    expect(await trail.producer(producer)).toBeUndefined();
    expect(await trail.ingest(producer, 'x')).toMatchObject({ reason: 'producer-unknown' });
  });
});
