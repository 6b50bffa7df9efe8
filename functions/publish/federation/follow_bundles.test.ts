import { createFederationStore, type FederationStore } from '@postern/ca';
import { createFeedLog, type FeedLog } from '@postern/feed';
import { createSoftwareMac } from '@postern/keys';
import { accept, refuse } from '@postern/result';
import { formatTrustBundle, parseTrustBundle, type TrustBundle, type TrustDomain } from '@postern/spiffe';
import type { Table } from '@postern/store';
import { createMemoryTable } from '@postern/store/embedded';
import { createManualClock, type ManualClock } from '@postern/store/testing';
import { beforeEach, describe, expect, test } from 'vitest';
import { createBundleFollower, type FollowBundlesPorts, withdrawBundle } from './follow_bundles.ts';

const OTHER = 'other.test' as TrustDomain;
const HOUR_MS = 3_600_000;

let table: Table;
let clock: ManualClock;
let feedLog: FeedLog;
let relationships: FederationStore;
let forged: unknown[];
let wanted: Map<string, number>;
let served: () => ReturnType<FollowBundlesPorts['fetchBundle']>;
let asked: (TrustBundle | undefined)[];
let vouching: (TrustBundle | undefined)[];
let reported: [trustDomain: string, reason: string, ageMs: number | undefined][];

beforeEach(async () => {
  clock = createManualClock();
  table = createMemoryTable({ clock });
  const mac = createSoftwareMac('facts', new Uint8Array(32));
  feedLog = createFeedLog({ table, mac });
  await feedLog.open('epoch');
  forged = [];
  relationships = createFederationStore({ table, mac, clock, onForged: (key) => forged.push(key) });
  await relationships.create({ trustDomain: OTHER, url: 'https://other.test/bundle', profile: 'https_web' });
  wanted = new Map();
  asked = [];
  vouching = [];
  reported = [];
});

const bundle = (sequence: number, hint = 300, keyId = 'a'): TrustBundle => ({
  trustDomain: OTHER,
  sequence,
  refreshHintSeconds: hint,
  x509Authorities: [],
  jwtAuthorities: [{ keyId, jwk: { kty: 'EC', crv: 'P-256', x: 'AA', y: 'AA' } }],
});

const unnumbered = (keyId: string): TrustBundle => {
  const { sequence: _, ...rest } = bundle(0, 300, keyId);
  return rest;
};

function follower() {
  return createBundleFollower({
    relationships,
    fetchBundle: async (_, { known, endpointBundle }) => {
      asked.push(known);
      vouching.push(endpointBundle);
      return served();
    },
    wanted: async () => wanted,
    feedLog,
    clock,
    random: () => 0.5,
    report: (...row) => reported.push(row),
  });
}

/** The latest fact, which nobody believes once it has expired. */
async function inForce(): Promise<{
  readonly sequence?: number;
  readonly keyIds: string[];
  readonly isExpired: boolean;
}> {
  const fact = await feedLog.latest('trust-bundle', OTHER);
  if (fact?.kind !== 'trust-bundle') throw new Error('there is no bundle');
  const read = parseTrustBundle(fact.bundle, OTHER);
  if (!read.ok) throw new Error(read.reason);
  return {
    ...(read.value.sequence !== undefined && { sequence: read.value.sequence }),
    keyIds: read.value.jwtAuthorities.map(({ keyId }) => keyId),
    isExpired: fact.expiresAtMs <= clock.nowMs(),
  };
}

test('a bundle is in the feed, and asked for again when its hint says so, a little early', async () => {
  const { tick } = follower();
  served = async () => accept(bundle(1, 600));
  await tick();
  expect(await inForce()).toMatchObject({ sequence: 1, keyIds: ['a'] });
  clock.advanceMs(539_000);
  await tick();
  expect(asked).toHaveLength(1);
  clock.advanceMs(1_000);
  served = async () => accept(bundle(2, 600, 'b'));
  await tick();
  expect(asked).toHaveLength(2);
  expect(asked[1]).toMatchObject({ sequence: 1 });
  expect(await inForce()).toMatchObject({ sequence: 2, keyIds: ['b'] });
});

test('an answer that comes late does not take the place of a later one that another instance had meanwhile', async () => {
  const [slow, quick] = [follower(), follower()];
  let answerLate: (() => void) | undefined;
  const isWaiting = new Promise<void>((resolve) => {
    served = async () => {
      served = async () => accept(bundle(6, 600, 'new'));
      await new Promise<void>((late) => {
        answerLate = late;
        resolve();
      });
      return accept(bundle(5, 600, 'withdrawn'));
    };
  });
  const ticking = slow.tick();
  await isWaiting;
  await quick.tick();
  answerLate?.();
  await ticking;
  expect(await inForce()).toMatchObject({ sequence: 6, keyIds: ['new'] });
  expect(reported).toEqual([]);
});

test('a hint of a second or a year does not make us ask every second, or once a year', async () => {
  const { tick } = follower();
  for (const [hint, seconds] of [
    [1, 54],
    [31_536_000, 77_760],
  ] as const) {
    served = async () => accept(bundle(hint, hint));
    asked = [];
    clock.advanceMs(8 * 24 * HOUR_MS);
    await tick();
    clock.advanceMs((seconds - 1) * 1000);
    await tick();
    expect(asked).toHaveLength(1);
    clock.advanceMs(1000);
    await tick();
    expect(asked).toHaveLength(2);
  }
});

test('a bundle that is wanted is asked for before its hint says so, once a minute and once a wish', async () => {
  const { tick } = follower();
  served = async () => accept(bundle(1, 3600));
  await tick();
  const countAfter = async (seconds: number) => {
    clock.advanceMs(seconds * 1000);
    await tick();
    return asked.length;
  };
  wanted.set('nobody.test', clock.nowMs() + 1);
  expect(await countAfter(61)).toBe(1);
  wanted.set(OTHER, clock.nowMs());
  expect(await countAfter(0)).toBe(2);
  // What was wanted has been asked for; a wish since then waits for its minute.
  expect(await countAfter(61)).toBe(2);
  wanted.set(OTHER, clock.nowMs());
  expect(await countAfter(1)).toBe(3);
  wanted.set(OTHER, clock.nowMs() + 1000);
  expect(await countAfter(59)).toBe(3);
  expect(await countAfter(1)).toBe(4);
});

test('an endpoint that fails is not asked more often for being wanted', async () => {
  const { tick } = follower();
  served = async () => refuse('endpoint-unreachable');
  for (let second = 0; second < 120; second += 5) {
    wanted.set(OTHER, clock.nowMs());
    await tick();
    clock.advanceMs(5000);
  }
  expect(asked).toHaveLength(2);
});

test('the last good bundle counts on while its endpoint is away, and its age is told', async () => {
  const { tick } = follower();
  served = async () => accept(bundle(1));
  await tick();
  served = async () => refuse('endpoint-unreachable', 'ECONNREFUSED');
  clock.advanceMs(HOUR_MS);
  await tick();
  expect(await inForce()).toMatchObject({ sequence: 1 });
  expect(reported).toEqual([[OTHER, 'endpoint-unreachable', HOUR_MS]]);
  // Heard again, without anything new: its age begins anew.
  served = async () => accept(bundle(1));
  clock.advanceMs(HOUR_MS);
  await tick();
  served = async () => refuse('endpoint-unreachable', 'ECONNREFUSED');
  clock.advanceMs(HOUR_MS);
  await tick();
  expect(reported[1]).toEqual([OTHER, 'endpoint-unreachable', HOUR_MS]);
});

test('of a relationship that never had a bundle no age is told', async () => {
  expect((await withdrawBundle({ feedLog, clock }, OTHER)).ok).toBe(true);
  clock.advanceMs(HOUR_MS);
  served = async () => refuse('endpoint-untrusted');
  await follower().tick();
  expect(reported).toEqual([[OTHER, 'endpoint-untrusted', undefined]]);
});

test.each([
  ['an older bundle than the one in force', () => bundle(1), 'bundle-sequence-lower'],
  ['other keys under the same number', () => bundle(2, 300, 'b'), 'bundle-changed-silently'],
  ['a bundle without a number, after one that had one', () => unnumbered('b'), 'bundle-sequence-absent'],
  ['the same keys without their number', () => unnumbered('a'), 'bundle-sequence-absent'],
])('%s is not taken, neither while the known one counts nor after its week', async (_, later, reason) => {
  const { tick } = follower();
  served = async () => accept(bundle(2));
  await tick();
  served = async () => accept(later());
  clock.advanceMs(HOUR_MS);
  await tick();
  expect(await inForce()).toMatchObject({ sequence: 2, keyIds: ['a'] });
  clock.advanceMs(8 * 24 * HOUR_MS);
  await tick();
  // By an instance that knows nothing of the first.
  await follower().tick();
  expect(await inForce()).toMatchObject({ sequence: 2, keyIds: ['a'], isExpired: true });
  const ages = [HOUR_MS, HOUR_MS + 8 * 24 * HOUR_MS, HOUR_MS + 8 * 24 * HOUR_MS];
  expect(reported).toEqual(ages.map((ageMs) => [OTHER, reason, ageMs]));
});

test('a bundle that nobody confirmed for a week counts no more, but says still who may speak and from which number on', async () => {
  const { tick } = follower();
  served = async () => accept(bundle(5));
  await tick();
  clock.advanceMs(8 * 24 * HOUR_MS);
  expect(await inForce()).toMatchObject({ isExpired: true });
  served = async () => accept(bundle(6, 300, 'b'));
  await tick();
  expect(asked[1]).toMatchObject({ sequence: 5 });
  expect(await inForce()).toMatchObject({ sequence: 6, keyIds: ['b'], isExpired: false });
});

test('of a domain that never numbers its bundles the newest one fetched counts, and the first number begins', async () => {
  const { tick } = follower();
  for (const next of [unnumbered('a'), unnumbered('b'), bundle(1, 300, 'c')]) {
    served = async () => accept(next);
    await tick();
    clock.advanceMs(HOUR_MS);
    expect((await inForce()).keyIds).toEqual([next.jwtAuthorities[0]?.keyId]);
  }
  served = async () => accept(unnumbered('d'));
  await tick();
  expect(await inForce()).toMatchObject({ sequence: 1, keyIds: ['c'] });
  expect(reported).toEqual([[OTHER, 'bundle-sequence-absent', HOUR_MS]]);
});

describe('an endpoint of a third trust domain', () => {
  const THIRD = 'third.test' as TrustDomain;
  const through = { url: 'https://third.test/other', endpointSpiffeId: 'spiffe://third.test/bundles' };
  const third = (sequence: number): TrustBundle => ({ ...bundle(sequence), trustDomain: THIRD });
  const put = (text: string) => {
    const nowMs = clock.nowMs();
    const times = { observedAtMs: nowMs, expiresAtMs: nowMs + HOUR_MS };
    return feedLog.append([{ kind: 'trust-bundle', subject: THIRD, ...times, bundle: text }]);
  };
  beforeEach(async () => {
    await relationships.delete(OTHER);
    await relationships.create({ trustDomain: OTHER, ...through, profile: 'https_spiffe', bootstrapBundle: '{}' });
    served = async () => accept(bundle(1, 60));
  });

  test('is known by what was given for it, where we do not federate with that domain', async () => {
    const { tick } = follower();
    await tick();
    await withdrawBundle({ feedLog, clock }, THIRD);
    clock.advanceMs(HOUR_MS);
    await tick();
    expect(vouching).toEqual([undefined, undefined]);
  });

  test('is known by the newest bundle of that domain where we do, also when that has expired', async () => {
    const { tick } = follower();
    await put(formatTrustBundle(third(4)));
    await tick();
    clock.advanceMs(2 * HOUR_MS);
    await tick();
    expect(vouching).toMatchObject([{ trustDomain: THIRD, sequence: 4 }, { sequence: 4 }]);
    expect(asked).toMatchObject([undefined, { trustDomain: OTHER, sequence: 1 }]);
  });
});

test('an endpoint of the domain’s own is known by that domain’s bundle alone', async () => {
  served = async () => accept(bundle(1));
  await follower().tick();
  expect(vouching).toEqual([undefined]);
});

test('a relationship that is taken back while its bundle is fetched leaves no bundle', async () => {
  served = async () => {
    await relationships.delete(OTHER);
    return accept(bundle(1));
  };
  await follower().tick();
  expect(await inForce()).toMatchObject({ keyIds: [] });
});

test('a relationship that is made anew begins with what the operator gave, not with what was withdrawn or known before', async () => {
  const input = { trustDomain: OTHER, url: 'https://other.test/bundle', profile: 'https_web' } as const;
  served = async () => accept(bundle(5));
  await follower().tick();
  await relationships.delete(OTHER);
  // By an instance of `admin` whose clock is a little ahead of the one that makes it anew.
  const ahead = { ...clock, nowMs: () => clock.nowMs() + 500 };
  expect((await withdrawBundle({ feedLog, clock: ahead }, OTHER)).ok).toBe(true);
  await relationships.create(input);
  clock.advanceMs(1000);
  served = async () => accept(bundle(1, 300, 'b'));
  await follower().tick();
  expect(asked).toEqual([undefined, undefined]);
  expect(await inForce()).toMatchObject({ sequence: 1, keyIds: ['b'] });
  expect(reported).toEqual([]);
});

test('what was fetched for a relationship that was made anew meanwhile is not believed for the new one', async () => {
  served = async () => {
    await relationships.delete(OTHER);
    clock.advanceMs(1000);
    await relationships.create({ trustDomain: OTHER, url: 'https://new.test/bundle', profile: 'https_web' });
    return accept(bundle(9));
  };
  await follower().tick();
  expect(await inForce()).toMatchObject({ keyIds: [] });
  served = async () => accept(bundle(1, 300, 'b'));
  await follower().tick();
  expect(asked).toEqual([undefined, undefined]);
  expect(await inForce()).toMatchObject({ sequence: 1, keyIds: ['b'] });
});

test('a domain that publishes no key at all is believed so: what was given at the beginning does not come back', async () => {
  const { tick } = follower();
  const empty: TrustBundle = { ...bundle(2), jwtAuthorities: [] };
  for (const next of [bundle(1), empty]) {
    served = async () => accept(next);
    await tick();
    clock.advanceMs(HOUR_MS);
  }
  await tick();
  expect(asked[2]).toMatchObject({ sequence: 2, jwtAuthorities: [] });
});

test('whoever can write the table cannot make us believe another trust domain', async () => {
  served = async () => accept(bundle(1));
  const item = await table.get({ pk: 'federation', sk: OTHER });
  if (item === undefined) throw new Error('there is no item');
  await table.put({ ...item, sk: 'moved.test' });
  const body = JSON.stringify({ ...JSON.parse(String(item.attributes['body'])), url: 'https://evil.test/' });
  await table.put({ ...item, attributes: { ...item.attributes, body } });
  await follower().tick();
  expect(asked).toEqual([]);
  expect(forged).toEqual([
    { pk: 'federation', sk: 'moved.test' },
    { pk: 'federation', sk: OTHER },
  ]);
});
