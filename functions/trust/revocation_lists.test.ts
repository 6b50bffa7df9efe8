/** Lists are asked for by strangers, and lie where somebody may write who signs nothing. */
import { type ListPartition, listKey } from '@postern/ca';
import { createRevocationList } from '@postern/ca/revocation-list';
import { createSoftwareSigner, generatePrivateKey } from '@postern/keys';
import type { Certificate } from '@postern/spiffe';
import { createMemoryTable } from '@postern/store/embedded';
import { countingTable, createManualClock } from '@postern/store/testing';
import { beforeEach, expect, test } from 'vitest';
import { createDoor } from '../door/door.ts';
import { mountListDoor } from './revocation_lists.ts';

const HOUR_MS = 3_600_000;
const signer = createSoftwareSigner(generatePrivateKey('ES256'), 'ES256');
const PARTITION: ListPartition = { issuerKeyId: 'ab'.repeat(20), number: 0 };
const clock = createManualClock();

let table: ReturnType<typeof countingTable>;
let refused: string[];
let older: string[];
let ask: (path?: string) => Promise<Response>;
beforeEach(() => {
  table = countingTable(createMemoryTable({ clock }));
  [refused, older] = [[], []];
  const door = createDoor('trust', {
    recordRefusal: ({ reason }) => void refused.push(reason),
    log: () => {},
  });
  mountListDoor(door, { table, clock, onOlder: (list) => older.push(list) });
  ask = async (path = `/v1/crl/${PARTITION.issuerKeyId}/0`) => door.app.request(path);
});

/** Of whoever may write the table, by any key: this door does not look at signatures, verifiers do. */
async function put(number: number, partition = PARTITION): Promise<void> {
  const issuer = { spki: signer.spki, subject: Uint8Array.of(0x30, 0), subjectKeyId: partition.issuerKeyId };
  const times = { thisUpdateMs: clock.nowMs(), nextUpdateMs: clock.nowMs() + 24 * HOUR_MS };
  const points = { distributionPoints: ['https://demo.test/v1/crl/0'], entries: [] };
  const der = await createRevocationList({ ...times, ...points, issuer: issuer as Certificate, signer, number });
  await table.put({ ...listKey(partition), attributes: { der, number } });
}

test('a list that is numbered ahead of time is not served, and keeps none out that comes after it', async () => {
  await put(clock.nowMs());
  expect((await ask()).status).toBe(200);
  for (const number of [clock.nowMs() + HOUR_MS, 2 ** 47]) {
    await put(number);
    expect((await ask()).status).toBe(503);
  }
  await put(clock.nowMs() + 1);
  expect((await ask()).status).toBe(200);
  expect(older).toEqual([]);
});

test('an older list is not served by whoever served a newer one, and the newer one is again', async () => {
  await put(clock.nowMs());
  await ask();
  await put(clock.nowMs() - 1);
  expect((await ask()).status).toBe(503);
  expect(older).toEqual([listKey(PARTITION).sk]);
  await put(clock.nowMs());
  expect((await ask()).status).toBe(200);
});

test('lists that are none cost a stranger’s call one read, and names that are none not even that', async () => {
  const [reads, writes] = [table.reads(), table.writes()];
  for (let number = 1; number <= 300; number++)
    expect((await ask(`/v1/crl/${PARTITION.issuerKeyId}/${number}`)).status).toBe(404);
  expect(table.reads() - reads).toBe(300);
  for (const path of [
    'x/0',
    `${'AB'.repeat(20)}/0`,
    `${PARTITION.issuerKeyId}/1000000000`,
    `${PARTITION.issuerKeyId}/-1`,
  ])
    expect((await ask(`/v1/crl/${path}`)).status).toBe(404);
  expect(table.reads() - reads).toBe(300);
  expect(table.writes()).toBe(writes);
  expect(new Set(refused)).toEqual(new Set(['revocation-list-unknown', 'revocation-list-name']));
});

test.each([
  ['what is no list', Uint8Array.of(0x30, 0)],
  ['a list without end', new Uint8Array(300_000).fill(0x30)],
  ['text', 'a list'],
])('%s is not handed on', async (_name, der) => {
  await table.put({ ...listKey(PARTITION), attributes: { der, number: 1 } });
  expect((await ask()).status).toBeGreaterThanOrEqual(400);
});

test('no cache keeps a list beyond its end', async () => {
  await put(clock.nowMs());
  clock.advanceMs(24 * HOUR_MS - 100_000);
  expect((await ask()).headers.get('cache-control')).toBe('public, max-age=100');
  clock.advanceMs(HOUR_MS);
  expect((await ask()).headers.get('cache-control')).toBe('public, max-age=0');
});
