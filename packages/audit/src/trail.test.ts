import { generateSoftwareSigner, jwkFromSpki } from '@postern/keys';
import { createMemoryObjects, createMemoryTable } from '@postern/store/embedded';
import { describe, expect, test } from 'vitest';
import { createProducer } from './producer.ts';
import { certifyProducer } from './producer_certificate.ts';
import type { RecordBody } from './record.ts';
import { findRecord, listRecords } from './record_index.ts';
import { createTrail } from './trail.ts';
import { type FindingKind, type TrailExport, verifyTrail } from './verify_trail.ts';

const nowMs = Date.UTC(2026, 10, 24, 12);
const clock = { nowMs: () => nowMs };
const assertion = generateSoftwareSigner('ES256');
const assertionKeys = [jwkFromSpki(assertion.spki)];
let ids = 0;
const createId = () => `id-${++ids}`;
const refusal = (reason: string): RecordBody => ({ kind: 'refusal', door: 'issue', reason, count: 1 });

function createWorld() {
  const table = createMemoryTable({ clock });
  const objects = createMemoryObjects();
  return { table, objects, trail: createTrail({ table, objects }) };
}

async function openProducer(world: ReturnType<typeof createWorld>, id: string, mode: 'strict' | 'batched' = 'strict') {
  const signer = generateSoftwareSigner('ES256');
  const key = jwkFromSpki(signer.spki);
  const certificate = await certifyProducer({ producer: id, jwk: key, owner: id, atMs: nowMs }, assertion);
  await world.trail.openProducer({ producer: id, certificate, key, owner: id });
  const sent: string[] = [];
  const sink = {
    async write({ jws }: { jws: string }) {
      const taken = await world.trail.ingest(id, jws);
      if (!taken.ok) throw new Error(taken.reason);
      sent.push(jws);
    },
  };
  return { producer: createProducer({ id, signer, sink, clock, mode, createId }), sent, signer };
}

async function exportOf(world: ReturnType<typeof createWorld>): Promise<TrailExport> {
  const entries = await world.trail.entries(0, 1000);
  const segments = [];
  for (const entry of entries)
    segments.push({ place: entry.place, producer: entry.producer, jws: (await world.trail.segment(entry)) as string });
  return { producers: await world.trail.producers(), segments };
}

async function filled() {
  const world = createWorld();
  const a = await openProducer(world, 'issue/1');
  const b = await openProducer(world, 'agent/x/1');
  for (let index = 0; index < 5; index++) {
    await a.producer.append(refusal(`a${index}`));
    await b.producer.append(refusal(`b${index}`));
  }
  return { world, a, b };
}

test('a strict record is durable and found when append resolves', async () => {
  const world = createWorld();
  const { producer } = await openProducer(world, 'issue/1');
  const record = await producer.append(refusal('proof-missing'), 'decision-1');
  expect(await findRecord(world.table, 'decision-1')).toEqual(record);
  expect((await listRecords(world.table, { kind: 'refusal' }, nowMs)).records).toEqual([record]);
});

test('records that arrive together share a segment, keep their order and their numbers', async () => {
  const world = createWorld();
  const { producer, sent } = await openProducer(world, 'issue/1');
  await Promise.all(Array.from({ length: 500 }, (_, index) => producer.append(refusal(`r${index}`))));
  expect(sent.length).toBeLessThan(10);
  const report = verifyTrail(await exportOf(world), assertionKeys);
  expect(report).toMatchObject({ ok: true, records: 500 });
  const page = await listRecords(world.table, { limit: 3 }, nowMs);
  expect(page.records.map((record) => record.number)).toEqual([500, 499, 498]);
  const next = await listRecords(world.table, { limit: 3, after: page.next }, nowMs);
  expect(next.records.map((record) => record.number)).toEqual([497, 496, 495]);
});

describe('the trail does not take', () => {
  const rows: [string, (world: ReturnType<typeof createWorld>) => Promise<unknown>, string][] = [
    ['a producer that nobody vouched for', async (world) => world.trail.ingest('ghost', 'x'), 'producer-unknown'],
    [
      'a segment signed by another key',
      async (world) => {
        await openProducer(world, 'a');
        const { sent, producer } = await openProducer(world, 'b');
        await producer.append(refusal('x'));
        return world.trail.ingest('a', sent[0] as string);
      },
      'segment-signature',
    ],
    [
      'a segment with one before it missing',
      async (world) => {
        const { sent, signer } = await openProducer(world, 'a');
        const held: string[] = [];
        const lossy = createProducer({
          id: 'a',
          signer,
          clock,
          mode: 'strict',
          createId,
          sink: { write: async ({ jws }) => void held.push(jws) },
        });
        await lossy.append(refusal('lost'));
        await lossy.append(refusal('kept'));
        expect(sent).toEqual([]);
        return world.trail.ingest('a', held[1] as string);
      },
      'segment-gap',
    ],
    [
      'another story about numbers that were told before',
      async (world) => {
        const { producer, signer } = await openProducer(world, 'a');
        await producer.append(refusal('first story'));
        const held: string[] = [];
        const liar = createProducer({
          id: 'a',
          signer,
          clock,
          mode: 'strict',
          createId,
          sink: { write: async ({ jws }) => void held.push(jws) },
        });
        await liar.append(refusal('second story'));
        return world.trail.ingest('a', held[0] as string);
      },
      'segment-fork',
    ],
    [
      'anything after the producer closed',
      async (world) => {
        const { producer, sent, signer } = await openProducer(world, 'a');
        await producer.append(refusal('x'));
        await producer.close();
        const held: string[] = [];
        const later = createProducer({
          id: 'a',
          signer,
          clock,
          mode: 'strict',
          createId,
          sink: { write: async ({ jws }) => void held.push(jws) },
        });
        await later.append(refusal('x'));
        await later.append(refusal('y'));
        await later.append(refusal('z'));
        expect(sent.length).toBe(2);
        return world.trail.ingest('a', held[2] as string);
      },
      'producer-closed',
    ],
  ];
  test.each(rows)('%s', async (_name, attempt, reason) => {
    expect(await attempt(createWorld())).toMatchObject({ ok: false, reason });
  });

  test('but a segment said twice is no refusal, and is there once', async () => {
    const { world, a } = await filled();
    expect(await world.trail.ingest('issue/1', a.sent[2] as string)).toEqual({ ok: true, value: 5 });
    expect(verifyTrail(await exportOf(world), assertionKeys)).toMatchObject({ ok: true, records: 10 });
  });
});

describe('the verifier sees', () => {
  const rows: [string, (trail: TrailExport) => TrailExport, FindingKind][] = [
    ['a dropped segment', (t) => ({ ...t, segments: renumbered(t.segments.toSpliced(4, 1)) }), 'record-gap'],
    ['a dropped segment whose place shows', (t) => ({ ...t, segments: t.segments.toSpliced(4, 1) }), 'place-missing'],
    ['a dropped tail', (t) => ({ ...t, segments: t.segments.slice(0, -1) }), 'tail-missing'],
    ['two segments exchanged', (t) => ({ ...t, segments: renumbered(exchanged(t.segments, 2, 4)) }), 'chain-broken'],
    [
      'a segment said twice',
      (t) => ({ ...t, segments: renumbered(t.segments.toSpliced(3, 0, t.segments[1] as never)) }),
      'segment-repeated',
    ],
    [
      'a producer that the control plane did not vouch for',
      (t) => ({ ...t, producers: t.producers.slice(1) }),
      'producer-unknown',
    ],
  ];
  test.each(rows)('%s', async (_name, tamper, kind) => {
    const { world } = await filled();
    const honest = await exportOf(world);
    expect(verifyTrail(honest, assertionKeys).findings).toEqual([]);
    const report = verifyTrail(tamper(honest), assertionKeys);
    expect(report.ok).toBe(false);
    expect(report.findings.map((finding) => finding.kind)).toContain(kind);
  });

  test('every changed byte of every segment and certificate', async () => {
    const { world } = await filled();
    const honest = await exportOf(world);
    const changed = (text: string, index: number) =>
      text.slice(0, index) + (text[index] === 'A' ? 'B' : 'A') + text.slice(index + 1);
    for (const [number, segment] of honest.segments.entries()) {
      for (let index = number; index < segment.jws.length; index += 97) {
        const jws = changed(segment.jws, index);
        const segments = honest.segments.with(number, { ...segment, jws });
        expect(verifyTrail({ ...honest, segments }, assertionKeys).ok, `segment ${number} byte ${index}`).toBe(false);
      }
    }
    const [first, ...others] = honest.producers;
    for (let index = 0; index < (first as { certificate: string }).certificate.length; index += 7) {
      const certificate = changed((first as { certificate: string }).certificate, index);
      const producers = [{ ...(first as never as object), certificate, to: 5, isClosed: false }, ...others];
      expect(verifyTrail({ ...honest, producers }, assertionKeys).ok, `certificate byte ${index}`).toBe(false);
    }
  });

  test('an issuance that began and never ended, without calling the trail false', async () => {
    const world = createWorld();
    const { producer } = await openProducer(world, 'issue/1');
    const issuance = {
      spiffeId: 'spiffe://demo.test/a',
      serial: '4a',
      dnsNames: [],
      keyThumbprint: 't',
      issuerKeyId: 'k',
      notBeforeMs: 0,
      notAfterMs: 1,
      requester: 'r',
    };
    await producer.append({ kind: 'issuance-begin', ...issuance });
    expect(verifyTrail(await exportOf(world), assertionKeys)).toMatchObject({
      ok: true,
      findings: [{ kind: 'issuance-open' }],
    });
  });
});

const renumbered = (segments: TrailExport['segments']) =>
  segments.map((segment, index) => ({ ...segment, place: index + 1 }));

function exchanged(segments: TrailExport['segments'], a: number, b: number): TrailExport['segments'] {
  return segments.with(a, segments[b] as never).with(b, segments[a] as never);
}

test('a batched record is with the sink after a flush, and a fault of the sink loses nothing', async () => {
  const signer = generateSoftwareSigner('ES256');
  const taken: string[] = [];
  let isAway = true;
  const sink = {
    async write({ jws }: { jws: string }) {
      if (isAway) throw new Error('away');
      taken.push(jws);
    },
  };
  const producer = createProducer({ id: 'p', signer, sink, clock, mode: 'batched', createId });
  await producer.append(refusal('x'));
  await expect(producer.flush()).rejects.toThrow('away');
  isAway = false;
  await producer.flush();
  expect(taken.length).toBe(1);
  expect(producer.last()).toBe(1);
});

test('the text of a record is bounded, whatever came in', async () => {
  const world = createWorld();
  const { producer } = await openProducer(world, 'issue/1');
  const record = await producer.append(refusal(`${'x'.repeat(1_000_000)}\ud800`));
  expect(JSON.stringify(record).length).toBeLessThan(5000);
});
