import { createMemoryTable } from '@postern/store/embedded';
import { countingTable, createManualClock } from '@postern/store/testing';
import { describe, expect, test } from 'vitest';
import type { AuditRecord, RecordBody } from './record.ts';
import { createRecord } from './record_bounds.ts';
import { findRecord, indexRecords, listRecords, type RecordQuery } from './record_index.ts';

const DAY_MS = 24 * 60 * 60 * 1000;
const clock = createManualClock();
const nowMs = clock.nowMs();

function recordAt(
  atMs: number,
  number: number,
  body: Partial<RecordBody> = {},
  producer = 'p',
  id = `id-${producer}-${number}`,
): AuditRecord {
  const whole = { kind: 'refusal', door: 'issue', reason: `r${number}`, count: 1, ...body } as RecordBody;
  return createRecord({ v: 1, id, producer, number, atMs }, whole).record;
}

const createTable = () => countingTable(createMemoryTable({ clock }));

async function allOf(table: ReturnType<typeof createTable>, query: RecordQuery): Promise<AuditRecord[]> {
  const records: AuditRecord[] = [];
  for (let after: string | undefined; ; ) {
    const page = await listRecords(table, { ...query, ...(after !== undefined && { after }) }, nowMs);
    records.push(...page.records);
    after = page.next;
    if (after === undefined) return records;
  }
}

test('lists newest first over days and pages, each record once', async () => {
  const table = createTable();
  const records = Array.from({ length: 120 }, (_, index) => recordAt(nowMs - index * (DAY_MS / 8), index + 1));
  await indexRecords(table, records.toReversed());
  for (const limit of [1, 7, 50, 1000]) expect(await allOf(table, { limit })).toEqual(records);
});

test('tells apart records of one millisecond', async () => {
  const table = createTable();
  const records = [1, 2, 10].map((number) => recordAt(nowMs, number)).concat(recordAt(nowMs, 1, {}, 'q'));
  await indexRecords(table, records);
  expect((await allOf(table, {})).map((record) => record.id)).toEqual(['id-q-1', 'id-p-10', 'id-p-2', 'id-p-1']);
});

const decision = {
  kind: 'decision',
  outcome: 'deny',
  service: 'payments',
  workload: { spiffeId: 'spiffe://demo.test/a' },
  user: { issuer: 'i', subject: 'anna' },
  device: { id: 'laptop' },
} as unknown as RecordBody;

test.each<[string, RecordQuery, readonly number[]]>([
  ['kind', { kind: 'decision' }, [4, 2]],
  ['outcome', { outcome: 'deny' }, [2]],
  ['service', { service: 'payments' }, [4, 2]],
  ['calling workload', { party: 'spiffe://demo.test/a' }, [4, 2]],
  ['user', { party: 'anna' }, [2]],
  ['device', { party: 'laptop' }, [4, 2]],
  ['all at once', { kind: 'decision', outcome: 'deny', service: 'payments', party: 'anna' }, [2]],
  ['what is not there', { party: 'ann' }, []],
])('finds by %s', async (_what, query, numbers) => {
  const table = createTable();
  await indexRecords(table, [
    recordAt(nowMs - 5, 1),
    recordAt(nowMs - 4, 2, decision),
    recordAt(nowMs - 3, 3),
    recordAt(nowMs - 2, 4, { ...decision, outcome: 'allow', user: undefined } as RecordBody),
  ]);
  expect((await allOf(table, query)).map((record) => record.number)).toEqual(numbers);
});

test('a record by its id costs two reads', async () => {
  const table = createTable();
  const record = recordAt(nowMs, 1);
  await indexRecords(table, [record]);
  table.reset();
  expect(await findRecord(table, record.id)).toEqual(record);
  expect(table.reads()).toBe(2);
});

test('a producer that repeats the id of a decision does not come between it and whoever looks for it', async () => {
  const table = createTable();
  const honest = recordAt(nowMs, 1, {}, 'z', 'decision-1');
  await indexRecords(table, [honest]);
  const forged = recordAt(nowMs, 1, { reason: 'forged' } as Partial<RecordBody>, 'a', 'decision-1');
  await indexRecords(table, [recordAt(nowMs, 2, {}, 'a'), forged, recordAt(nowMs, 3, {}, 'a')]);
  expect(await findRecord(table, 'decision-1')).toEqual(honest);
  expect(await allOf(table, {}), 'nothing is hidden from the list').toHaveLength(4);
});

test('a segment whose records share an id is findable all the same', async () => {
  const table = createTable();
  const records = [1, 2, 3].map((number) => recordAt(nowMs + number, number, {}, 'p', 'same'));
  await indexRecords(table, records);
  expect(await findRecord(table, 'same')).toEqual(records[0]);
  expect(await allOf(table, {})).toHaveLength(3);
});

test('indexing twice changes nothing, and a whole segment costs a few transactions', async () => {
  const table = createTable();
  const records = Array.from({ length: 120 }, (_, index) => recordAt(nowMs - index, index + 1));
  await indexRecords(table, records);
  expect([table.writes(), table.itemsWritten()]).toEqual([3, 240]);
  await indexRecords(table, records);
  expect(await allOf(table, { limit: 1000 })).toEqual(records);
});

test('what is older than 90 days is not searched, and is no item any more', async () => {
  const later = createManualClock(nowMs);
  const table = countingTable(createMemoryTable({ clock: later }));
  const record = recordAt(nowMs, 1);
  await indexRecords(table, [record]);
  later.advanceMs(90 * DAY_MS);
  expect(await findRecord(table, record.id)).toBeUndefined();
  expect((await listRecords(table, {}, later.nowMs())).records).toEqual([]);
});

describe('a cursor is untrusted:', () => {
  test.each([
    '999999999999999/',
    '999999999999999/x',
    '1/',
    'x',
    '',
    '/',
    '1e9/a',
    `${nowMs}/\ud800`,
    `${nowMs}/${'x'.repeat(5000)}`,
    `${nowMs}/é`,
  ])('%j neither fails nor keeps the table busy', async (after) => {
    const table = createTable();
    await indexRecords(table, [recordAt(nowMs, 1)]);
    table.reset();
    await listRecords(table, { after }, nowMs);
    expect(table.reads()).toBeLessThan(100);
  });
});

test.each(['', 'x'.repeat(129), 'a b', '\ud800', 'é'])('%j is no id and costs no read', async (id) => {
  const table = createTable();
  expect(await findRecord(table, id)).toBeUndefined();
  expect(table.reads()).toBe(0);
});

test('a record of a clock a little ahead is found at once', async () => {
  const midnightMs = Date.UTC(2026, 10, 25);
  const table = createTable();
  const record = recordAt(midnightMs + 10_000, 1);
  await indexRecords(table, [record]);
  expect((await listRecords(table, {}, midnightMs - 10_000)).records).toEqual([record]);
});
