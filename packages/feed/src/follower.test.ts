import { generateSoftwareSigner, jwkFromSpki } from '@postern/keys';
import { describe, expect, test } from 'vitest';
import { chainStart } from './chain.ts';
import { createFollower, type FollowReason } from './follower.ts';
import {
  bundleFactOf,
  createFeedWorld,
  forgePage,
  HOUR_MS,
  postureOf,
  releaseOf,
  revocationOf,
  TRUST,
} from './testing/feed_world.ts';
import { type FeedPage, MAX_FEED_PAGE_ENTRIES } from './wire.ts';

type World = Awaited<ReturnType<typeof createFeedWorld>>;
type Follower = ReturnType<typeof createFollower>;

/** A follower at the head of a feed with two facts and release 1. */
async function followed() {
  const world = await createFeedWorld();
  const nowMs = world.clock.nowMs();
  await world.append(revocationOf('svid:1', nowMs), postureOf('laptop', nowMs));
  const jws = await world.release(releaseOf(1));
  const follower = createFollower(TRUST);
  expect(follower.applyPage(await world.page(), nowMs)).toEqual({ ok: true, value: { more: false } });
  expect(follower.applyRelease(jws)).toMatchObject({ ok: true });
  return { world, follower, jws };
}

async function catchUp({ publisher, clock }: World, follower: Follower): Promise<void> {
  for (let more = true; more; ) {
    const page = (await publisher.page(follower.position())) as FeedPage;
    const applied = follower.applyPage(page, clock.nowMs());
    if (!applied.ok) throw new Error(applied.reason);
    more = applied.value.more;
  }
}

/** All that a decision could see. */
const seenBy = (follower: Follower, nowMs: number) => {
  const state = follower.state(nowMs);
  return (
    state && {
      release: state.release.release.number,
      at: [state.epoch, state.sequence, state.headAtMs],
      revocations: [...state.revocations.keys()],
      postures: [...state.postures.values()].map(({ subject, compliant }) => `${subject} ${compliant}`),
      bundles: [...state.bundles.keys()],
    }
  );
};

test('a follower decides nothing before it has both a release and all facts', async () => {
  const world = await createFeedWorld();
  const nowMs = world.clock.nowMs();
  await world.append(revocationOf('svid:1', nowMs));
  const jws = await world.release(releaseOf(1));
  const follower = createFollower(TRUST);
  expect(follower.state(nowMs)).toBeUndefined();
  expect(follower.applyRelease(jws)).toMatchObject({ reason: 'release-not-expected' });
  follower.applyPage(await world.page(), nowMs);
  expect(follower.state(nowMs)).toBeUndefined();
  expect(follower.snapshot()).toBeUndefined();
  expect(follower.wantedRelease()).toBe(1);
  follower.applyRelease(jws);
  expect(follower.wantedRelease()).toBeUndefined();
  expect(seenBy(follower, nowMs)).toMatchObject({ release: 1, revocations: ['svid:1'] });
});

describe('a hostile page is refused whole and leaves the state as it was', () => {
  type Context = Awaited<ReturnType<typeof followed>>;
  const foreign = generateSoftwareSigner('ES256');
  const evil = [postureOf('evil', 1)];

  /** A page after the two facts that the follower has. */
  async function forge({ world }: Context, change: Partial<Parameters<typeof forgePage>[0]> = {}): Promise<FeedPage> {
    const stored = await world.log.head();
    if (stored === undefined) throw new Error('the feed is not open');
    const { releaseNumber, releaseDigest } = stored;
    return forgePage({
      facts: evil,
      nowMs: world.clock.nowMs(),
      after: stored,
      ...change,
      head: { releaseNumber, releaseDigest, ...change.head },
    });
  }
  const damaged = (jws: string) => `${jws.slice(0, -6)}${jws.at(-6) === 'A' ? 'B' : 'A'}${jws.slice(-5)}`;
  const at = (context: Context, byMs: number) => context.world.clock.nowMs() + byMs;

  const rows: [string, (context: Context) => Promise<unknown>, FollowReason][] = [
    ['nothing at all', async () => undefined, 'feed-malformed'],
    ['no list of entries', async (it) => ({ ...(await forge(it)), entries: {} }), 'feed-malformed'],
    ['no certificate', async (it) => ({ ...(await forge(it)), keyCertificate: undefined }), 'feed-key-signature'],
    ['a head that is no text', async (it) => ({ ...(await forge(it)), head: 1 }), 'feed-head-signature'],
    [
      'a head of more than 4 KiB',
      async (it) => ({ ...(await forge(it)), head: 'x'.repeat(4097) }),
      'feed-head-signature',
    ],
    [
      'a damaged certificate',
      async (it) => ({ ...(await forge(it)), keyCertificate: damaged((await forge(it)).keyCertificate) }),
      'feed-key-signature',
    ],
    [
      'a damaged head',
      async (it) => forge(it).then((page) => ({ ...page, head: damaged(page.head) })),
      'feed-head-signature',
    ],
    ['a feed key that a foreign key certified', (it) => forge(it, { certifiedBy: foreign }), 'feed-key-signature'],
    [
      'a head by another key than the certified one',
      (it) => forge(it, { headSignedBy: foreign }),
      'feed-head-signature',
    ],
    [
      'the head of another page under this certificate',
      async (it) => ({ ...(await forge(it)), head: (await forge(it)).head }),
      'feed-head-signature',
    ],
    [
      'head and certificate exchanged',
      async (it) => forge(it).then((page) => ({ ...page, head: page.keyCertificate })),
      'feed-head-signature',
    ],
    [
      'a feed key that lives longer than two hours',
      (it) => forge(it, { certificate: { notAfterMs: at(it, 2 * HOUR_MS) } }),
      'feed-key-life',
    ],
    [
      'a feed key whose life is no number',
      (it) => forge(it, { certificate: { notAfterMs: '9' as unknown as number } }),
      'feed-key-malformed',
    ],
    [
      'a feed key without key',
      (it) => forge(it, { certificate: { jwk: null as unknown as { [name: string]: string } } }),
      'feed-key-malformed',
    ],
    [
      'a feed key of another trust domain',
      (it) => forge(it, { certificate: { trustDomain: 'evil.test' } }),
      'feed-trust-domain',
    ],
    ['a head of another trust domain', (it) => forge(it, { head: { trustDomain: 'evil.test' } }), 'feed-trust-domain'],
    ['a head from the future', (it) => forge(it, { head: { atMs: at(it, 60_001) } }), 'feed-head-future'],
    [
      'a head from before its key',
      (it) => forge(it, { certificate: { notBeforeMs: at(it, 1) } }),
      'feed-head-outside-key-life',
    ],
    [
      'a head from after its key',
      (it) => forge(it, { certificate: { notAfterMs: at(it, -1) } }),
      'feed-head-outside-key-life',
    ],
    ['a head older than the newest', (it) => forge(it, { head: { atMs: at(it, -1) } }), 'feed-head-older'],
    ['a head with a fraction', (it) => forge(it, { head: { sequence: 2.5 } }), 'feed-head-malformed'],
    ['a head without chain value', (it) => forge(it, { head: { chain: 'ab' } }), 'feed-head-malformed'],
    ['a head with a digest that is none', (it) => forge(it, { head: { releaseDigest: 'ab' } }), 'feed-head-malformed'],
    ['a lower sequence', (it) => forge(it, { facts: [], head: { sequence: 1 } }), 'feed-rolled-back'],
    [
      'the sequence it has, over other facts',
      (it) => forge(it, { facts: [], head: { chain: 'ab'.repeat(32) } }),
      'feed-chain',
    ],
    [
      'a lower release number',
      (it) => forge(it, { head: { releaseNumber: 0, releaseDigest: '' } }),
      'release-number-lower',
    ],
    [
      'another release under a number it has',
      (it) => forge(it, { head: { releaseDigest: 'ab'.repeat(32) } }),
      'release-number-reused',
    ],
    ['an entry left out', (it) => forge(it, { facts: [...evil, ...evil], entries: (all) => all.slice(1) }), 'feed-gap'],
    [
      'entries in another order',
      (it) => forge(it, { facts: [...evil, postureOf('b', 1)], entries: (all) => all.toReversed() }),
      'feed-gap',
    ],
    ['an entry twice', (it) => forge(it, { entries: (all) => [...all, ...all] }), 'feed-gap'],
    ['an entry beyond its head', (it) => forge(it, { head: { sequence: 2 } }), 'feed-gap'],
    [
      'entries from the beginning again',
      (it) => forge(it, { after: { sequence: 0, chain: chainStart('epoch-1') }, head: { sequence: 3 } }),
      'feed-gap',
    ],
    ['nothing, although something is missing', (it) => forge(it, { entries: () => [] }), 'feed-gap'],
    ['an entry that is null', (it) => forge(it, { entries: () => [null as never] }), 'feed-gap'],
    [
      'a fact that was changed after it was chained',
      (it) => forge(it, { entries: ([one]) => [{ ...(one as object), fact: postureOf('evil', 2) } as never] }),
      'feed-chain',
    ],
    [
      'a malformed fact among good ones',
      (it) => forge(it, { facts: [...evil, { ...evil[0], subject: 'b', compliant: 1 }] }),
      'feed-malformed',
    ],
    [
      'a fact of a kind it knows, without members',
      (it) => forge(it, { facts: [{ kind: 'posture' }] }),
      'feed-malformed',
    ],
    [
      'a fact of a kind it does not know, without header',
      (it) => forge(it, { facts: [{ kind: 'rumour' }] }),
      'feed-malformed',
    ],
    ['no fact', (it) => forge(it, { facts: [null] }), 'feed-malformed'],
    [
      'a bundle of another trust domain than its subject',
      (it) => forge(it, { facts: [{ ...bundleFactOf(1, 2), subject: 'no domain' }] }),
      'feed-malformed',
    ],
    [
      'an issuer certificate that is none',
      (it) =>
        forge(it, {
          facts: [{ kind: 'issuer-certificate', subject: 'ab', certificate: 'AAAA', observedAtMs: 1, expiresAtMs: 2 }],
        }),
      'feed-malformed',
    ],
    [
      'more entries than a page has',
      (it) => forge(it, { facts: Array.from({ length: MAX_FEED_PAGE_ENTRIES + 1 }, (_, n) => postureOf(`${n}`, 1)) }),
      'feed-malformed',
    ],
  ];
  test.each(rows)('%s', async (_, hostile, reason) => {
    const context = await followed();
    const nowMs = context.world.clock.nowMs();
    const before = { seen: seenBy(context.follower, nowMs), snapshot: context.follower.snapshot() };
    const page = (await hostile(context)) as FeedPage;
    expect(context.follower.applyPage(page, nowMs)).toMatchObject({ ok: false, reason });
    expect({ seen: seenBy(context.follower, nowMs), snapshot: context.follower.snapshot() }).toEqual(before);
    // The genuine feed goes on.
    context.world.clock.advanceMs(1);
    await context.world.append(revocationOf('svid:2', nowMs));
    await catchUp(context.world, context.follower);
    expect(seenBy(context.follower, nowMs + 1)?.revocations).toEqual(['svid:1', 'svid:2']);
  });

  test('the same forger with everything right is believed: each row is refused for its one mistake', async () => {
    const context = await followed();
    expect(context.follower.applyPage(await forge(context), context.world.clock.nowMs())).toMatchObject({ ok: true });
    expect(seenBy(context.follower, 2)?.postures).toContain('evil true');
  });
});

test('a kind of fact that an older decision point does not know is passed over and chained all the same', async () => {
  const { world, follower } = await followed();
  const { releaseNumber, releaseDigest, ...after } = (await world.log.head()) as NonNullable<
    Awaited<ReturnType<World['log']['head']>>
  >;
  const nowMs = world.clock.nowMs();
  const facts = [
    { kind: 'rumour', subject: 'x', observedAtMs: 1, expiresAtMs: 2, news: [] },
    revocationOf('svid:9', nowMs),
  ];
  const page = await forgePage({ facts, nowMs, after, head: { releaseNumber, releaseDigest } });
  expect(follower.applyPage(page, nowMs)).toEqual({ ok: true, value: { more: false } });
  expect(seenBy(follower, nowMs)).toMatchObject({ at: ['epoch-1', 4, nowMs], revocations: ['svid:1', 'svid:9'] });
  const offline = createFollower(TRUST);
  expect(offline.restore(follower.snapshot() as string, nowMs)).toMatchObject({ ok: true });
  expect(seenBy(offline, nowMs)).toEqual(seenBy(follower, nowMs));
});

describe('a change that takes several pages', () => {
  async function halfWay() {
    const { world, follower } = await followed();
    const nowMs = world.clock.nowMs();
    for (let index = 0; index < MAX_FEED_PAGE_ENTRIES + 20; index += 40)
      await world.append(...Array.from({ length: 40 }, (_, next) => revocationOf(`session:${index + next}`, nowMs)));
    world.clock.advanceMs(1000);
    return { world, follower, nowMs: nowMs + 1000, before: seenBy(follower, nowMs), snapshot: follower.snapshot() };
  }

  test('is seen by decisions only when its last page is here', async () => {
    const { world, follower, nowMs, before, snapshot } = await halfWay();
    const page = await world.page('epoch-1', 2);
    expect(follower.applyPage(page, nowMs)).toEqual({ ok: true, value: { more: true } });
    expect(seenBy(follower, nowMs)).toEqual(before);
    expect(follower.snapshot()).toBe(snapshot);
    await catchUp(world, follower);
    expect(seenBy(follower, nowMs)?.revocations).toHaveLength(1 + 520);
  });

  test('with a forged first page is thrown away as soon as that shows, and the genuine one is taken', async () => {
    const { world, follower, nowMs, before } = await halfWay();
    const page = await world.page('epoch-1', 2);
    const forged = page.entries.map((entry) =>
      entry.sequence === 9 ? { ...entry, fact: postureOf('evil', nowMs) } : entry,
    );
    expect(follower.applyPage({ ...page, entries: forged }, nowMs)).toEqual({ ok: true, value: { more: true } });
    expect(follower.applyPage(await world.page('epoch-1', 2 + MAX_FEED_PAGE_ENTRIES), nowMs)).toMatchObject({
      reason: 'feed-chain',
    });
    expect(seenBy(follower, nowMs)).toEqual(before);
    expect(follower.position()).toEqual({ epoch: 'epoch-1', after: 2 });
    await catchUp(world, follower);
    expect(seenBy(follower, nowMs)?.postures).toEqual(['laptop true']);
  });

  test('does not lend the freshness of its head to the facts from before', async () => {
    const { world, follower, nowMs, before } = await halfWay();
    const jws = await world.release(releaseOf(2));
    const page = await world.page('epoch-1', 2);
    follower.applyPage({ ...page, entries: page.entries.slice(0, 5) }, nowMs);
    follower.applyPage({ ...page, entries: [] }, nowMs);
    expect(follower.applyRelease(jws)).toMatchObject({ ok: true });
    expect(seenBy(follower, nowMs)).toEqual(before);
  });
});

describe('a fact ends with its time', () => {
  test('also when no page comes any more: a decision point that is cut off forgets an expired posture', async () => {
    const { world, follower } = await followed();
    const nowMs = world.clock.nowMs();
    expect(seenBy(follower, nowMs + HOUR_MS - 1)).toMatchObject({ postures: ['laptop true'], revocations: ['svid:1'] });
    expect(seenBy(follower, nowMs + HOUR_MS)).toMatchObject({ postures: [], revocations: ['svid:1'] });
    expect(seenBy(follower, nowMs + 24 * HOUR_MS)).toMatchObject({ postures: [], revocations: [] });
  });

  test('also when pages without entries come', async () => {
    const { world, follower } = await followed();
    world.clock.advanceMs(HOUR_MS);
    await catchUp(world, follower);
    expect(seenBy(follower, world.clock.nowMs())).toMatchObject({
      postures: [],
      at: ['epoch-1', 2, world.clock.nowMs()],
    });
  });

  test('and with it the trust bundle: who was away for its life believes no workload', async () => {
    const { world, follower } = await followed();
    const nowMs = world.clock.nowMs();
    await world.append(bundleFactOf(nowMs, nowMs + 1000));
    await catchUp(world, follower);
    expect(seenBy(follower, nowMs + 999)?.bundles).toEqual(['demo.test']);
    expect(seenBy(follower, nowMs + 1000)?.bundles).toEqual([]);
  });

  test('but not for a clock that jumps ahead and back: no revocation is lost', async () => {
    const { world, follower } = await followed();
    const nowMs = world.clock.nowMs();
    expect(seenBy(follower, nowMs + 48 * HOUR_MS)?.revocations).toEqual([]);
    expect(seenBy(follower, nowMs)?.revocations).toEqual(['svid:1']);
  });

  test('and what decisions see stays one object until then, so that asking costs nothing', async () => {
    const { world, follower } = await followed();
    const nowMs = world.clock.nowMs();
    expect(follower.state(nowMs)).toBe(follower.state(nowMs + 1));
    await catchUp(world, follower);
    expect(follower.state(nowMs)?.revocations).toBe(follower.state(nowMs + 1)?.revocations);
  });
});

describe('a new epoch', () => {
  test('starts anew: the facts of the old one are gone, and its entries fit no more', async () => {
    const { world, follower } = await followed();
    const nowMs = world.clock.nowMs() + 1;
    const old = await world.page('epoch-1', 0);
    const { releaseNumber, releaseDigest } = (await world.log.head()) as {
      releaseNumber: number;
      releaseDigest: string;
    };
    const head = { epoch: 'epoch-2', releaseNumber, releaseDigest };
    const page = await forgePage({ facts: [postureOf('new', nowMs)], nowMs, head });
    expect(follower.applyPage({ ...page, entries: old.entries.slice(0, 1) }, nowMs)).toMatchObject({
      reason: 'feed-chain',
    });
    expect(follower.applyPage(page, nowMs)).toEqual({ ok: true, value: { more: false } });
    expect(seenBy(follower, nowMs)).toMatchObject({
      at: ['epoch-2', 1, nowMs],
      postures: ['new true'],
      revocations: [],
    });
    expect(follower.position()).toEqual({ epoch: 'epoch-2', after: 1 });
  });

  test('does not bring a lower release with it', async () => {
    const { world, follower } = await followed();
    const nowMs = world.clock.nowMs() + 1;
    const page = await forgePage({ facts: [], nowMs, head: { epoch: 'epoch-2', releaseNumber: 0 } });
    expect(follower.applyPage(page, nowMs)).toMatchObject({ reason: 'release-number-lower' });
  });

  test('of which only a part arrived leaves the old one in force', async () => {
    const { world, follower } = await followed();
    const nowMs = world.clock.nowMs() + 1;
    const { releaseNumber, releaseDigest } = (await world.log.head()) as {
      releaseNumber: number;
      releaseDigest: string;
    };
    const head = { epoch: 'epoch-2', releaseNumber, releaseDigest };
    const page = await forgePage({
      facts: [postureOf('a', nowMs), postureOf('b', nowMs)],
      nowMs,
      head,
      entries: (all) => all.slice(0, 1),
    });
    expect(follower.applyPage(page, nowMs)).toEqual({ ok: true, value: { more: true } });
    expect(seenBy(follower, nowMs)).toMatchObject({ at: ['epoch-1', 2, nowMs - 1], revocations: ['svid:1'] });
  });
});

test('a follower trusts none but the keys it was given', async () => {
  const { world } = await followed();
  const other = createFollower({ ...TRUST, assertionKeys: [jwkFromSpki(generateSoftwareSigner('ES256').spki)] });
  expect(other.applyPage(await world.page(), world.clock.nowMs())).toMatchObject({ reason: 'feed-key-signature' });
  expect(other.position()).toEqual({ epoch: '', after: 0 });
});
