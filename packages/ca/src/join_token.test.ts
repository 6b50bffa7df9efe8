import { createSoftwareMac } from '@postern/keys';
import { StoreUnavailable } from '@postern/store';
import { createMemoryTable } from '@postern/store/embedded';
import { countingTable, createManualClock, failingTable } from '@postern/store/testing';
import { beforeEach, describe, expect, test } from 'vitest';
import { createJoinTokenStore, type JoinTokenStore } from './join_token.ts';
import { START_MS } from './testing/world.ts';

const AGENT = 'spiffe://demo.test/postern/agent/node-1';
const mac = createSoftwareMac('entries', new Uint8Array(32).fill(7));
const clock = createManualClock(START_MS);
let table: ReturnType<typeof countingTable>;
let tokens: JoinTokenStore;

beforeEach(() => {
  clock.setMs(START_MS);
  table = countingTable(createMemoryTable({ clock }));
  tokens = createJoinTokenStore({ table, clock, mac });
});

async function itemOf() {
  const { items } = await table.query({ pk: 'join-token' });
  const [item] = items;
  if (item === undefined) throw new Error('no token');
  return item;
}

describe('a join token', () => {
  test('lets one node in, as the agent it was made for', async () => {
    const { secret } = await tokens.create(AGENT, 600);
    expect(await tokens.consume(secret)).toEqual({ ok: true, value: { agentId: AGENT } });
    expect(await tokens.consume(secret)).toMatchObject({ ok: false, reason: 'join-token-used' });
  });

  test('is not spent while what it is spent for cannot be had, and a bad one asks for nothing', async () => {
    const { secret } = await tokens.create(AGENT, 60);
    const asked: string[] = [];
    const isAway = async (agentId: string) => {
      asked.push(agentId);
      throw new Error('away');
    };
    await expect(tokens.consume(secret, isAway)).rejects.toThrow('away');
    expect(await tokens.consume('guess', isAway)).toMatchObject({ reason: 'join-token-unknown' });
    expect(await tokens.consume(secret, async () => {})).toEqual({ ok: true, value: { agentId: AGENT } });
    expect(await tokens.consume(secret, isAway)).toMatchObject({ reason: 'join-token-used' });
    expect(asked).toEqual([AGENT]);
  });

  test('lets one node in when twenty present it at the same time', async () => {
    const { secret } = await tokens.create(AGENT, 600);
    const results = await Promise.all(Array.from({ length: 20 }, () => tokens.consume(secret)));
    const reasons = results.map((result) => (result.ok ? 'in' : result.reason)).sort();
    expect(reasons).toEqual(['in', ...Array(19).fill('join-token-used')]);
  });

  test('ends when it says', async () => {
    const { secret, expiresAtMs } = await tokens.create(AGENT, 600);
    const late = await tokens.create(AGENT, 600);
    expect(expiresAtMs).toBe(START_MS + 600_000);
    clock.setMs(expiresAtMs - 1);
    expect(await tokens.consume(secret)).toMatchObject({ ok: true });
    clock.setMs(expiresAtMs);
    expect(await tokens.consume(late.secret)).toMatchObject({ reason: 'join-token-expired' });
    clock.setMs(expiresAtMs + 25 * 3_600_000);
    expect(await tokens.consume(late.secret)).toMatchObject({ reason: 'join-token-unknown' });
  });

  test('has 256 random bits', async () => {
    const secrets = await Promise.all(Array.from({ length: 100 }, async () => (await tokens.create(AGENT, 1)).secret));
    expect(secrets.every((secret) => Buffer.from(secret, 'base64url').length === 32)).toBe(true);
    expect(new Set(secrets).size).toBe(100);
  });

  test.each([0, -1, Number.NaN, 7 * 86_400 + 1])('does not live %s seconds', async (ttlSeconds) => {
    await expect(tokens.create(AGENT, ttlSeconds)).rejects.toThrow(RangeError);
  });
});

describe('a guess', () => {
  test.each(['', 'x', 'x'.repeat(129), '\u0000', '\ud800', '../../etc'])('%j is unknown', async (secret) => {
    expect(await tokens.consume(secret)).toMatchObject({ reason: 'join-token-unknown' });
  });

  test('costs one read and no write; one that is too long costs nothing', async () => {
    await tokens.consume('guess');
    expect([table.reads(), table.writes()]).toEqual([1, 0]);
    await tokens.consume('x'.repeat(129));
    expect([table.reads(), table.writes()]).toEqual([1, 0]);
  });
});

describe('whoever can read or write the table', () => {
  test('finds no secret there', async () => {
    const { secret } = await tokens.create(AGENT, 600);
    const text = JSON.stringify(await itemOf());
    expect(text).not.toContain(secret);
    expect(text).not.toContain(Buffer.from(secret, 'base64url').toString('hex'));
  });

  test('cannot present the digest instead', async () => {
    await tokens.create(AGENT, 600);
    expect(await tokens.consume((await itemOf()).sk)).toMatchObject({ reason: 'join-token-unknown' });
  });

  test('cannot make itself a token', async () => {
    const other = createMemoryTable({ clock });
    const { secret } = await createJoinTokenStore({
      table: other,
      clock,
      mac: createSoftwareMac('forger', new Uint8Array(32)),
    }).create(AGENT, 600);
    const made = (await other.query({ pk: 'join-token' })).items[0];
    if (made !== undefined) await table.put(made);
    expect(await tokens.consume(secret)).toMatchObject({ reason: 'join-token-unknown' });
  });

  test.each([
    ['another agent', { agentId: 'spiffe://demo.test/postern/agent/node-2' }],
    ['a later end', { expiresAtMs: START_MS + 1e9 }],
    ['an end that is no number', { expiresAtMs: 'never' }],
    ['an agent that is no text', { agentId: 7 }],
  ])('cannot change a token to have %s', async (_name, over) => {
    const { secret } = await tokens.create(AGENT, 600);
    const item = await itemOf();
    await table.put({ ...item, attributes: { ...item.attributes, ...over } });
    expect(await tokens.consume(secret)).toMatchObject({ reason: 'join-token-unknown' });
  });

  test('cannot move a grant under another secret', async () => {
    const [own, foreign] = [
      await tokens.create(AGENT, 600),
      await tokens.create('spiffe://demo.test/postern/agent/b', 600),
    ];
    const { items } = await table.query({ pk: 'join-token' });
    const foreignItem = items.find(({ attributes }) => attributes['agentId'] !== AGENT);
    const ownItem = items.find(({ attributes }) => attributes['agentId'] === AGENT);
    if (foreignItem === undefined || ownItem === undefined) throw new Error('no items');
    await table.put({ ...foreignItem, sk: ownItem.sk });
    expect(await tokens.consume(own.secret)).toMatchObject({ reason: 'join-token-unknown' });
    expect(await tokens.consume(foreign.secret)).toMatchObject({ ok: true });
  });

  test('cannot have a used one taken for unused by making `used` something else', async () => {
    const { secret } = await tokens.create(AGENT, 600);
    const item = await itemOf();
    await table.put({ ...item, attributes: { ...item.attributes, used: 'no' } });
    expect(await tokens.consume(secret)).toMatchObject({ reason: 'join-token-used' });
  });
});

test('a node is not let in while the table fails, nor twice when an answer got lost', async () => {
  const { secret } = await tokens.create(AGENT, 600);
  const failing = createJoinTokenStore({
    table: failingTable(table, ({ operation }) => (operation === 'update' ? 'after' : 'none')),
    clock,
    mac,
  });
  await expect(failing.consume(secret)).rejects.toThrow(StoreUnavailable);
  expect(await tokens.consume(secret)).toMatchObject({ reason: 'join-token-used' });
});
