import { createSoftwareMac } from '@postern/keys';
import { createMemoryTable } from '@postern/store/embedded';
import { countingTable, createManualClock } from '@postern/store/testing';
import { beforeEach, expect, test } from 'vitest';
import { createNonces, type Nonces } from './nonces.ts';

const MINUTE_MS = 60_000;
const mac = createSoftwareMac('acme', new Uint8Array(32).fill(7));
const clock = createManualClock();
let table: ReturnType<typeof countingTable>;
let nonces: Nonces;
beforeEach(() => {
  table = countingTable(createMemoryTable({ clock }));
  nonces = createNonces({ table, mac, clock });
});

test('a nonce costs nothing until it is spent, and is spent once, by one of many', async () => {
  const nonce = await nonces.create();
  expect(await nonces.isGood(nonce)).toBe(true);
  expect([table.reads(), table.writes()]).toEqual([0, 0]);
  const spent = await Promise.all(Array.from({ length: 8 }, () => nonces.spend(nonce)));
  expect(spent.filter(Boolean)).toHaveLength(1);
});

test('no two are the same, and each is base64url (RFC 8555 6.5.1)', async () => {
  const made = await Promise.all(Array.from({ length: 500 }, () => nonces.create()));
  expect(new Set(made).size).toBe(500);
  expect(made.every((nonce) => /^[A-Za-z0-9_-]+$/.test(nonce))).toBe(true);
});

test('is good for half an hour, on both sides of the bound', async () => {
  const nonce = await nonces.create();
  clock.advanceMs(30 * MINUTE_MS);
  expect(await nonces.isGood(nonce)).toBe(true);
  clock.advanceMs(1000);
  expect(await nonces.isGood(nonce)).toBe(false);
});

test('what was spent is remembered for longer than it is good', async () => {
  const nonce = await nonces.create();
  await nonces.spend(nonce);
  clock.advanceMs(30 * MINUTE_MS);
  expect(await nonces.spend(nonce)).toBe(false);
});

test('none that somebody else made, or that was changed, is good', async () => {
  const nonce = await nonces.create();
  const other = createNonces({ table, mac: createSoftwareMac('acme', new Uint8Array(32).fill(8)), clock });
  const text = Buffer.from(nonce, 'base64url').toString();
  const later = text.replace(/^[^.]+/, (time) => (Number.parseInt(time, 36) + 1).toString(36));
  const wrong = [
    ...['', 'x', 'x'.repeat(10_000), `${nonce}=`, `${nonce} `, ` ${nonce}`, await other.create()],
    // Another spelling of the same bytes would be spent apart from it.
    ...[nonce.replace(/.$/, (last) => String.fromCharCode(last.charCodeAt(0) + 1)), `${nonce}A`],
    ...[Buffer.from(later).toString('base64url'), Buffer.from(text.slice(0, -1)).toString('base64url')],
    Buffer.from(`zzzzzzzzzz.${'A'.repeat(22)}.${'A'.repeat(22)}`).toString('base64url'),
  ];
  for (const each of wrong) expect(await nonces.isGood(each), each.slice(0, 80)).toBe(false);
});
