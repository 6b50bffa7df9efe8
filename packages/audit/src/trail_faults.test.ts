/** The trail on stores that fail, lose answers and deliver twice: what was acknowledged is there, once, and findable. */
import { generateSoftwareSigner, jwkFromSpki } from '@postern/keys';
import type { Objects, Table } from '@postern/store';
import { createMemoryObjects, createMemoryTable } from '@postern/store/embedded';
import { createManualClock, type Fault, failingObjects, failingTable } from '@postern/store/testing';
import { describe, expect, test } from 'vitest';
import { createProducer } from './producer.ts';
import { certifyProducer } from './producer_certificate.ts';
import type { RecordBody } from './record.ts';
import { findRecord } from './record_index.ts';
import { createTrail, type Trail } from './trail.ts';
import { verifyTrail } from './verify_trail.ts';

const clock = createManualClock();
const assertion = generateSoftwareSigner('ES256');
const assertionKeys = [jwkFromSpki(assertion.spki)];
const refusal = (reason: string): RecordBody => ({ kind: 'refusal', door: 'issue', reason, count: 1 });

async function openProducer(trail: Trail, id: string) {
  const signer = generateSoftwareSigner('ES256');
  const key = jwkFromSpki(signer.spki);
  const certificate = await certifyProducer({ producer: id, jwk: key, owner: id, atMs: 0 }, assertion);
  await trail.openProducer({ producer: id, certificate, key, owner: id });
  const sink = {
    async write({ jws }: { readonly jws: string }) {
      const taken = await trail.ingest(id, jws);
      if (!taken.ok) throw new Error(taken.reason);
    },
  };
  let ids = 0;
  return createProducer({ id, signer, sink, clock, mode: 'strict', createId: () => `${id}-${++ids}` });
}

async function reportOf(trail: Trail) {
  const producers = await trail.producers();
  const segments = [];
  for (const entry of await trail.entries(0, 1000)) {
    segments.push({ place: entry.place, producer: entry.producer, jws: (await trail.segment(entry)) ?? '' });
  }
  return verifyTrail({ producers, segments }, assertionKeys);
}

async function appendSure(producer: Awaited<ReturnType<typeof openProducer>>, reason: string): Promise<void> {
  try {
    await producer.append(refusal(reason));
  } catch {
    for (let tries = 0; ; tries++) {
      try {
        return await producer.flush();
      } catch (fault) {
        if (tries === 200) throw fault;
      }
    }
  }
}

/** A trail on failing stores, and the same stores without faults to look at it afterwards. */
function createWorld(faultOf: (call: { readonly store: 'table' | 'objects'; readonly index: number }) => Fault) {
  const table: Table = createMemoryTable({ clock });
  const objects: Objects = createMemoryObjects();
  let isFailing = false;
  let index = 0;
  const plan = (store: 'table' | 'objects') => () => (isFailing ? faultOf({ store, index: index++ }) : 'none');
  const trail = createTrail({
    table: failingTable(table, plan('table')),
    objects: failingObjects(objects, plan('objects')),
  });
  const setFailing = (failing: boolean) => {
    isFailing = failing;
  };
  return { table, trail, honest: createTrail({ table, objects }), setFailing, calls: () => index };
}

async function runThree(faultOf: Parameters<typeof createWorld>[0]) {
  const world = createWorld(faultOf);
  const producer = await openProducer(world.trail, 'p');
  world.setFailing(true);
  for (const reason of ['a', 'b', 'c']) await appendSure(producer, reason);
  const report = await reportOf(world.honest);
  expect(report).toMatchObject({ ok: true, records: 3, segments: 3, findings: [] });
  for (const id of ['p-1', 'p-2', 'p-3']) expect(await findRecord(world.table, id), id).toBeDefined();
  return world.calls();
}

describe.each<Fault>(['before', 'after'])('a store that fails once, %s its work,', (fault) => {
  test('at whatever call, costs no record and doubles none', async () => {
    const calls = await runThree(() => 'none');
    expect(calls).toBeGreaterThan(10);
    for (let failed = 0; failed < calls; failed++) await runThree(({ index }) => (index === failed ? fault : 'none'));
  });
});

test('a store that fails at random costs no record and doubles none', async () => {
  let seed = 11;
  const random = () => {
    seed = (seed * 48271) % 2147483647;
    return seed / 2147483647;
  };
  for (let round = 0; round < 30; round++) {
    await runThree(() => (random() < 0.1 ? 'before' : random() < 0.1 ? 'after' : 'none'));
  }
});

test('a segment that is delivered twenty times at once has one place', async () => {
  const world = createWorld(() => 'none');
  const signer = generateSoftwareSigner('ES256');
  const key = jwkFromSpki(signer.spki);
  const certificate = await certifyProducer({ producer: 'p', jwk: key, owner: 'p', atMs: 0 }, assertion);
  await world.trail.openProducer({ producer: 'p', certificate, key, owner: 'p' });
  const held: string[] = [];
  const sink = { write: async ({ jws }: { readonly jws: string }) => void held.push(jws) };
  const producer = createProducer({ id: 'p', signer, sink, clock, mode: 'strict', createId: () => 'id-1' });
  await producer.append(refusal('a'));
  const answers = await Promise.all(Array.from({ length: 20 }, () => world.trail.ingest('p', held[0] as string)));
  expect(answers.every((answer) => answer.ok && answer.value === 1)).toBe(true);
  expect(await reportOf(world.honest)).toMatchObject({ ok: true, segments: 1, records: 1 });
});

test('of two stories about the same number told at once one is taken and the other is a fork', async () => {
  const world = createWorld(() => 'none');
  const signer = generateSoftwareSigner('ES256');
  const key = jwkFromSpki(signer.spki);
  const certificate = await certifyProducer({ producer: 'p', jwk: key, owner: 'p', atMs: 0 }, assertion);
  await world.trail.openProducer({ producer: 'p', certificate, key, owner: 'p' });
  const held: string[] = [];
  const sink = { write: async ({ jws }: { readonly jws: string }) => void held.push(jws) };
  for (const story of ['first', 'second']) {
    await createProducer({ id: 'p', signer, sink, clock, mode: 'strict', createId: () => story }).append(
      refusal(story),
    );
  }
  const answers = await Promise.all(held.map((jws) => world.trail.ingest('p', jws)));
  expect(answers.map((answer) => (answer.ok ? 'taken' : answer.reason)).sort()).toEqual(['segment-fork', 'taken']);
  expect(await reportOf(world.honest)).toMatchObject({ ok: true, segments: 1 });
});

test('ten producers that write at once each keep their chain', async () => {
  const world = createWorld(() => 'none');
  const producers = await Promise.all(Array.from({ length: 10 }, (_, index) => openProducer(world.trail, `p${index}`)));
  await Promise.all(
    producers.map(async (producer) => {
      for (let index = 0; index < 10; index++) await appendSure(producer, `r${index}`);
      await producer.close();
    }),
  );
  const report = await reportOf(world.honest);
  expect(report).toMatchObject({ ok: true, producers: 10, records: 110, findings: [] });
  expect(report.byProducer.every((producer) => producer.isClosed && producer.to === 11)).toBe(true);
});
