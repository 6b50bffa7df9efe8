import { SignerUnavailable } from '@postern/keys';
import { countSigns, createFailingSigner } from '@postern/keys/testing';
import { countingTable, failingTable } from '@postern/store/testing';
import { describe, expect, test } from 'vitest';
import { createFeedKeyCertifier } from './feed_key.ts';
import { createFeedLog } from './feed_log.ts';
import { createFollower } from './follower.ts';
import { createFeedPublisher } from './publisher.ts';
import { assertion, createFeedWorld, HOUR_MS, MAC, revocationOf, TRUST, TRUST_DOMAIN } from './testing/feed_world.ts';
import type { FeedPage } from './wire.ts';

async function published() {
  const world = await createFeedWorld();
  await world.append(revocationOf('svid:1', world.clock.nowMs()));
  const signer = countSigns(assertion);
  let isDown = false;
  const assertionSigner = async () => (isDown ? createFailingSigner(signer) : signer);
  const publisher = createFeedPublisher({
    trustDomain: TRUST_DOMAIN,
    log: world.log,
    certify: createFeedKeyCertifier({ trustDomain: TRUST_DOMAIN, assertionSigner, clock: world.clock }),
    clock: world.clock,
  });
  const isTaken = async (page: FeedPage | undefined) =>
    createFollower(TRUST).applyPage(page as FeedPage, world.clock.nowMs()).ok;
  return {
    world,
    publisher,
    signer,
    isTaken,
    cutOff: () => {
      isDown = true;
    },
  };
}

test('a thousand pages cost one use of the assertion key, and an hour another', async () => {
  const { world, publisher, signer } = await published();
  for (let index = 0; index < 1000; index++) await publisher.page({ after: 0 });
  expect(signer.count).toBe(1);
  world.clock.advanceMs(HOUR_MS);
  await publisher.page({ after: 0 });
  expect(signer.count).toBe(2);
});

test('a page that brings nothing new costs one read', async () => {
  const { world } = await published();
  const table = countingTable(world.table);
  const log = createFeedLog({ table, mac: MAC });
  const publisher = createFeedPublisher({
    trustDomain: TRUST_DOMAIN,
    log,
    certify: createFeedKeyCertifier({
      trustDomain: TRUST_DOMAIN,
      assertionSigner: async () => assertion,
      clock: world.clock,
    }),
    clock: world.clock,
  });
  await publisher.page({ epoch: 'epoch-1', after: 1 });
  expect([table.reads(), table.writes()]).toEqual([1, 0]);
  await publisher.page({ epoch: 'epoch-1', after: 0 });
  expect([table.reads(), table.writes()]).toEqual([3, 0]);
});

describe('an outage of the assertion key', () => {
  test('does not stop the feed while the present feed key lives', async () => {
    const { world, publisher, isTaken, cutOff } = await published();
    await publisher.page({ after: 0 });
    cutOff();
    world.clock.advanceMs(HOUR_MS - 1);
    expect(await isTaken(await publisher.page({ after: 0 }))).toBe(true);
  });

  test('stops it then: nothing is signed with a key that has ended', async () => {
    const { world, publisher, cutOff } = await published();
    await publisher.page({ after: 0 });
    cutOff();
    world.clock.advanceMs(HOUR_MS);
    await expect(publisher.page({ after: 0 })).rejects.toBeInstanceOf(SignerUnavailable);
  });

  test('at the start is a fault, and no page', async () => {
    const { publisher, cutOff } = await published();
    cutOff();
    await expect(publisher.page({ after: 0 })).rejects.toBeInstanceOf(SignerUnavailable);
  });
});

test('entries written while a page is made wait for the next one, so that every page fits its head', async () => {
  let late: (() => Promise<unknown>) | undefined;
  const world = await createFeedWorld({
    wrapTable: (table) => ({
      ...table,
      query: async (query) => {
        const write = late;
        late = undefined;
        await write?.();
        return table.query(query);
      },
    }),
  });
  await world.append(revocationOf('svid:1', 1));
  late = () => world.append(revocationOf('svid:2', 1));
  const page = await world.page();
  expect(page.entries.map(({ sequence }) => sequence)).toEqual([1]);
  const follower = createFollower(TRUST);
  expect(follower.applyPage(page, world.clock.nowMs())).toEqual({ ok: true, value: { more: false } });
  expect(follower.applyPage(await world.page('epoch-1', 1), world.clock.nowMs())).toMatchObject({ ok: true });
});

test.each([
  ['of another epoch', { epoch: 'other', after: 1 }],
  ['beyond the head', { epoch: 'epoch-1', after: 99 }],
  ['of no epoch', { after: 1 }],
])('a position %s is answered from the beginning', async (_, position) => {
  const { publisher } = await published();
  expect((await publisher.page(position))?.entries).toHaveLength(1);
});

test('entries that were deleted from the table end in a refusal and not in asking for ever', async () => {
  const { world, publisher } = await published();
  await world.table.delete({ pk: 'feed-entry', sk: '0000000000000001' });
  const follower = createFollower(TRUST);
  const page = (await publisher.page({ after: 0 })) as FeedPage;
  expect(follower.applyPage(page, world.clock.nowMs())).toMatchObject({ ok: false, reason: 'feed-gap' });
});

test('the validator changes with each fact and each release, and with nothing else', async () => {
  const { world, publisher } = await published();
  const versions = [await publisher.version()];
  world.clock.advanceMs(HOUR_MS);
  expect(await publisher.version()).toBe(versions[0]);
  await world.append(revocationOf('svid:2', 1));
  versions.push(await publisher.version());
  await world.log.setRelease(1, 'ab'.repeat(32));
  versions.push(await publisher.version());
  expect(new Set(versions).size).toBe(3);
});

test('a table that does not answer is a fault, and no page', async () => {
  const world = await createFeedWorld({
    wrapTable: (table) => failingTable(table, ({ operation }) => operation === 'query'),
  });
  await world.append(revocationOf('svid:1', 1));
  await expect(world.page()).rejects.toThrow();
});
