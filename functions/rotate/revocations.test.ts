/** What a run does at most, and at whose hands. */
import { LIST_LIFE_MS, listKey, MAX_LIST_SLOTS } from '@postern/ca';
import { MAX_FACTS_PER_APPEND } from '@postern/feed';
import { StoreUnavailable, type Table } from '@postern/store';
import { describe, expect, test } from 'vitest';
import { MAX_LISTS_PER_RUN, MAX_REVOKED_PER_RUN } from './revocations.ts';
import { AGENT, createRevocationWorld, type RevocationWorld } from './testing/revocation_world.ts';

const HOUR_MS = 3_600_000;

async function issueMany(world: RevocationWorld, count: number, isListed = false): Promise<readonly string[]> {
  const serials: string[] = [];
  for (let index = 0; index < count; index++) serials.push(await world.issue('e', isListed));
  return serials;
}

/** As if so many slots of the issuer had been taken. */
async function skipSlots(world: RevocationWorld, count: number): Promise<void> {
  await world.stored.update({ pk: 'list-count', sk: world.issuerKeyId, add: { count } });
}

describe('a partition', () => {
  test('has a thousand certificates at most: the next goes to the next one, and its list stays below 64 KiB', async () => {
    const world = await createRevocationWorld();
    const serials = await issueMany(world, MAX_LIST_SLOTS + 1, true);
    expect(await world.slots.partitions()).toEqual(
      [0, 1].map((number) => ({ issuerKeyId: world.issuerKeyId, number })),
    );
    await world.revoke('entry:e', { reasonCode: 'key-compromise' });
    expect(await world.run()).toBe(true);
    const lists = [await world.list(0), await world.list(1)];
    expect(lists.map((list) => list?.entries.length)).toEqual([MAX_LIST_SLOTS, 1]);
    expect(lists.flatMap((list) => list?.entries.map(({ serial }) => serial)).sort()).toEqual([...serials].sort());
    expect(lists[0]?.bytes).toBeLessThan(64 * 1024);
    expect(await world.list(2)).toBeUndefined();
  });

  test('is read whole, also where the store answers it in pieces', async () => {
    const world = await createRevocationWorld((table) => ({
      ...table,
      query: (query) => table.query({ ...query, limit: Math.min(query.limit ?? 100, 7) }),
    }));
    await issueMany(world, 30, true);
    await world.revoke('entry:e');
    await world.run();
    expect((await world.list(0))?.entries).toHaveLength(30);
  });

  test('that somebody else entered is none: nobody looks for its issuer, and it is reported', async () => {
    const world = await createRevocationWorld();
    await world.issue('e', true);
    const own = await world.stored.query({ pk: 'list-partition' });
    for (let number = 1; number <= 500; number++) {
      const sk = `${'f'.repeat(40)}#${String(number).padStart(9, '0')}`;
      await world.stored.put({ pk: 'list-partition', sk, attributes: own.items[0]?.attributes ?? {} });
    }
    await world.run();
    expect(world.state.asked).toEqual([world.issuerKeyId]);
    expect(world.forged).toHaveLength(500);
  });

  test('whose count was turned back fills no slot a second time, and ahead of all issues nothing', async () => {
    const world = await createRevocationWorld();
    const [first] = await issueMany(world, 2, true);
    await world.stored.put({ pk: 'list-count', sk: world.issuerKeyId, attributes: { count: 0 } });
    const third = await world.issue('e', true);
    const certificates = await world.slots.certificates({ issuerKeyId: world.issuerKeyId, number: 0 });
    expect(certificates.map(({ serial }) => serial)).toEqual([first, expect.any(String), third]);
    await world.stored.put({ pk: 'list-count', sk: world.issuerKeyId, attributes: { count: 1e15 } });
    await expect(world.issue('e', true)).rejects.toThrow(StoreUnavailable);
    await world.stored.put({ pk: 'list-count', sk: world.issuerKeyId, attributes: { count: 'x' } });
    await expect(world.issue('e', true)).rejects.toThrow();
  });
});

describe('a flood', () => {
  test('of 12,000 SVIDs is revoked in three runs, each with a bounded number of writes', async () => {
    const world = await createRevocationWorld();
    const serials = await issueMany(world, 12_000);
    await world.revoke('entry:e');
    const runs: boolean[] = [];
    for (let run = 0; run < 3; run++) {
      world.calls.length = 0;
      runs.push(await world.run());
      expect(world.countCalls('transact', 'feed-entry')).toBeLessThanOrEqual(
        Math.ceil(MAX_REVOKED_PER_RUN / MAX_FACTS_PER_APPEND) + 1,
      );
    }
    expect(runs).toEqual([false, false, true]);
    for (const serial of serials) expect(await world.isRevoked(serial)).toBe(true);
    const { sequence } = (await world.feedLog.head()) as { sequence: number };
    expect(sequence).toBe(serials.length + 1);
  }, 120_000);

  test('of single revocations is one list, made once', async () => {
    const world = await createRevocationWorld();
    const serials = await issueMany(world, 600, true);
    for (const serial of serials) await world.revoke(`svid:${serial}`);
    expect(await world.run()).toBe(true);
    expect((await world.list(0))?.entries).toHaveLength(600);
    expect(world.state.signs).toBe(1);
  });

  test('of lists that are due at once is made in as many runs as it takes, none of them twice', async () => {
    const world = await createRevocationWorld();
    const partitions = MAX_LISTS_PER_RUN + 20;
    for (let number = 0; number < partitions; number++) {
      await world.issue('e', true);
      await skipSlots(world, MAX_LIST_SLOTS - 1);
    }
    expect([await world.run(), await world.run(), await world.run()]).toEqual([false, true, true]);
    expect(world.state.signs).toBe(partitions);
    world.clock.advanceMs(LIST_LIFE_MS / 2);
    expect([await world.run(), await world.run()]).toEqual([false, true]);
    expect(world.state.signs).toBe(2 * partitions);
  });

  test('of callers shares runs', async () => {
    const world = await createRevocationWorld();
    const running = world.run();
    await world.revoke('svid:01');
    world.calls.length = 0;
    await Promise.all([running, ...Array.from({ length: 200 }, () => world.run())]);
    expect(world.countCalls('get', 'revocation-cursor')).toBeLessThanOrEqual(2);
  });
});

describe('facts', () => {
  test('are read once in a run, whatever the number of certificates and lists', async () => {
    const world = await createRevocationWorld();
    await issueMany(world, 300, true);
    for (let more = 0; more < 3; more++) {
      await skipSlots(world, MAX_LIST_SLOTS - 300);
      await issueMany(world, 300, true);
    }
    await world.revoke('entry:e');
    world.calls.length = 0;
    expect(await world.run()).toBe(true);
    expect(world.state.signs).toBe(4);
    expect(world.countCalls('query', 'fact#revocation')).toBe(1);
    expect(world.countCalls('get', 'fact#revocation')).toBe(0);
  });

  test('are not read where nothing is new', async () => {
    const world = await createRevocationWorld();
    await issueMany(world, 3, true);
    await world.run();
    world.calls.length = 0;
    await world.run();
    expect(world.countCalls('query', 'fact#revocation')).toBe(0);
    expect(world.calls.map(({ operation }) => operation).sort()).toEqual(['get', 'get', 'get', 'query', 'query']);
  });
});

describe('how far the feed was followed', () => {
  const CURSOR = { pk: 'revocation-cursor', sk: 'feed' };

  test('is not what somebody else wrote: nobody has a revocation passed over', async () => {
    const world = await createRevocationWorld();
    const serial = await world.issue('e', true);
    await world.run();
    await world.revoke('entry:e');
    const genuine = await world.stored.get(CURSOR);
    const body = JSON.stringify({ epoch: 'epoch', sequence: 1 });
    await world.stored.put({ ...CURSOR, attributes: { ...genuine?.attributes, body } });
    expect(await world.run()).toBe(true);
    expect(await world.isRevoked(serial)).toBe(true);
    expect(world.forged).toEqual([CURSOR]);
    expect((await world.list(0))?.entries).toMatchObject([{ serial }]);
  });

  test('may be turned back: what was followed is followed again, and nothing is revoked a second time', async () => {
    const world = await createRevocationWorld();
    await issueMany(world, 60, true);
    await world.run();
    const before = await world.stored.get(CURSOR);
    await world.revoke('entry:e');
    await world.run();
    const { sequence } = (await world.feedLog.head()) as { sequence: number };
    if (before !== undefined) await world.stored.put(before);
    world.state.signs = 0;
    expect(await world.run()).toBe(true);
    expect((await world.feedLog.head())?.sequence).toBe(sequence);
    expect(world.state.signs).toBe(0);
  });

  test('is moved on by each run where nothing of certificates was said', async () => {
    const world = await createRevocationWorld();
    for (let device = 0; device < 10; device++) await world.revoke(`device:d${device}`);
    await world.run();
    world.calls.length = 0;
    await world.run();
    expect(world.countCalls('query', 'feed-entry')).toBe(1);
    expect(world.countCalls('put', 'revocation-cursor')).toBe(0);
  });
});

describe('an SVID on hold', () => {
  test('is revoked for good with its entry, and one that was given back afterwards stays so', async () => {
    const world = await createRevocationWorld();
    const [held, other] = (await issueMany(world, 2)) as [string, string];
    await world.revoke(`svid:${held}`, { reasonCode: 'certificate-hold' });
    world.clock.advanceMs(1000);
    await world.revoke('entry:e', { reasonCode: 'key-compromise' });
    await world.run();
    expect(await world.feedLog.latest('revocation', `svid:${held}`)).toMatchObject({ reasonCode: 'key-compromise' });
    world.clock.advanceMs(1000);
    await world.revoke(`svid:${other}`, { expiresAtMs: world.clock.nowMs() });
    await world.stored.delete({ pk: 'revocation-cursor', sk: 'feed' });
    await world.run();
    expect([await world.isRevoked(held), await world.isRevoked(other)]).toEqual([true, false]);
  });
});

describe('an issuer key that is away', () => {
  test('is tried once in a run, keeps no SVID from being revoked, and its lists are made when it is back', async () => {
    const world = await createRevocationWorld();
    const serials: string[] = [];
    for (let number = 0; number < 5; number++) {
      serials.push(await world.issue('e', true));
      await skipSlots(world, MAX_LIST_SLOTS - 1);
    }
    await world.run();
    world.state.isKeyAway = true;
    await world.revoke('entry:e');
    world.state.tries = 0;
    await expect(world.run()).rejects.toThrow('told to be away');
    expect(world.state.tries).toBe(1);
    for (const serial of serials) expect(await world.isRevoked(serial)).toBe(true);
    await expect(world.run()).rejects.toThrow();
    world.state.isKeyAway = false;
    world.calls.length = 0;
    expect(await world.run()).toBe(true);
    for (let number = 0; number < 5; number++) expect((await world.list(number))?.entries).toHaveLength(1);
    world.calls.length = 0;
    await world.run();
    expect(world.countCalls('query', 'fact#revocation')).toBe(0);
  });
});

describe('a list', () => {
  /** The next put of a list finds that another process was first. */
  function raced(table: Table, meanwhile: () => Promise<unknown>): Table {
    let isRaced = false;
    return {
      ...table,
      async put(item, condition) {
        if (item.pk === 'revocation-list' && !isRaced) {
          isRaced = true;
          await meanwhile();
        }
        return table.put(item, condition);
      },
    };
  }

  test('that two make at the same time has what either knew, and nobody is told that it was done', async () => {
    let other: (() => Promise<unknown>) | undefined;
    const world = await createRevocationWorld((table) => raced(table, async () => other?.()));
    const serials = await issueMany(world, 2, true);
    const elsewhere = world.start();
    other = () => elsewhere.apply();
    await world.revoke(`svid:${serials[0]}`);
    await expect(world.run()).rejects.toThrow('at the same time');
    await world.revoke(`svid:${serials[1]}`);
    expect(await world.run()).toBe(true);
    expect((await world.list(0))?.entries.map(({ serial }) => serial)).toEqual(serials);
  });

  test('that a certificate waits for is made by itself, once, beside runs and at the same time as one', async () => {
    let other: (() => Promise<unknown>) | undefined;
    const world = await createRevocationWorld((table) => raced(table, async () => other?.()));
    const partition = { issuerKeyId: world.issuerKeyId, number: 0 };
    await world.openList(partition);
    await world.openList({ issuerKeyId: 'f'.repeat(40), number: 0 });
    expect(world.state.tries).toBe(0);
    const serial = await world.issue('e', true);
    await world.revoke(`svid:${serial}`);
    const elsewhere = world.start();
    other = () => elsewhere.openList(partition);
    await world.openList(partition);
    expect((await world.list(0))?.entries).toMatchObject([{ serial }]);
    world.calls.length = 0;
    await world.openList(partition);
    expect(world.calls.map(({ operation, pks }) => `${operation} ${pks}`)).toEqual(['get revocation-list']);
  });

  test('keeps a certificate whose slot was taken away, and is renewed where its number is none', async () => {
    const world = await createRevocationWorld();
    const [serial] = await issueMany(world, 2, true);
    await world.revoke(`svid:${serial}`);
    await world.run();
    const slots = `list-slot#${world.issuerKeyId}#000000000`;
    await world.stored.delete({ pk: slots, sk: '000' });
    const key = listKey({ issuerKeyId: world.issuerKeyId, number: 0 });
    const item = await world.stored.get(key);
    await world.stored.put({ ...key, attributes: { ...item?.attributes, number: 'x' } });
    world.clock.advanceMs(LIST_LIFE_MS / 2);
    expect(await world.run()).toBe(true);
    expect((await world.list(0))?.entries).toMatchObject([{ serial }]);
    expect((await world.list(0))?.thisUpdateMs).toBeGreaterThan(world.clock.nowMs() - HOUR_MS);
  });

  test.each(['an older list', 'no list'])(
    'whose slot was taken away and that was replaced by %s is put right by the next run of whoever saw it',
    async (by) => {
      const world = await createRevocationWorld();
      const [serial] = await issueMany(world, 2, true);
      await world.run();
      const key = listKey({ issuerKeyId: world.issuerKeyId, number: 0 });
      const older = await world.stored.get(key);
      await world.revoke(`svid:${serial}`);
      await world.run();
      const newest = await world.list(0);
      await world.stored.delete({ pk: `list-slot#${world.issuerKeyId}#000000000`, sk: '000' });
      if (older !== undefined && by === 'an older list') await world.stored.put(older);
      else await world.stored.delete(key);
      world.clock.advanceMs(60_000);
      expect(await world.run()).toBe(true);
      expect((await world.list(0))?.entries).toMatchObject([{ serial }]);
      expect((await world.list(0))?.number).toBeGreaterThan(newest?.number ?? Number.NaN);
      expect(world.turnedBack).toEqual([key.sk]);
      world.state.signs = 0;
      await world.run();
      expect(world.state.signs).toBe(0);
    },
  );

  test('all of whose certificates ended is not made for ever', async () => {
    const world = await createRevocationWorld();
    await world.issue('e', true);
    for (let days = 0; days < 30; days += 0.5) {
      world.clock.advanceMs(12 * HOUR_MS);
      await world.run();
    }
    expect(await world.slots.partitions()).toEqual([]);
    world.state.signs = 0;
    world.clock.advanceMs(LIST_LIFE_MS);
    await world.run();
    expect([world.state.signs, world.turnedBack]).toEqual([0, []]);
  });

  test('has no certificate that a forged slot names, nor one of another partition', async () => {
    const world = await createRevocationWorld();
    const good = await world.issue('e', true);
    await skipSlots(world, MAX_LIST_SLOTS - 1);
    const elsewhere = await world.issue('f', true);
    const from = await world.stored.query({ pk: `list-slot#${world.issuerKeyId}#000000001` });
    const into = { pk: `list-slot#${world.issuerKeyId}#000000000`, sk: '001' };
    await world.stored.put({ ...into, attributes: from.items[0]?.attributes ?? {} });
    await world.revoke('entry:f');
    await world.run();
    expect((await world.list(0))?.entries).toEqual([]);
    expect((await world.list(1))?.entries).toMatchObject([{ serial: elsewhere }]);
    expect(world.forged).toEqual([into]);
    expect(await world.isRevoked(good)).toBe(false);
  });

  test('of an agent has all that it fetched', async () => {
    const world = await createRevocationWorld();
    const serials = [await world.issue('e', true), await world.issue('f', true)];
    await world.revoke(`agent:${AGENT}`, { reasonCode: 'superseded' });
    await world.run();
    expect((await world.list(0))?.entries).toMatchObject(
      serials.map((serial) => ({ serial, reasonCode: 'superseded' })),
    );
  });
});
