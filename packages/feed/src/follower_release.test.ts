import { generateSoftwareSigner, signJws } from '@postern/keys';
import { RELEASE_JWS_TYPE } from '@postern/policy-engine';
import { describe, expect, test } from 'vitest';
import { createFollower, type FollowReason } from './follower.ts';
import { digestOfRelease, signRelease } from './release_jws.ts';
import {
  createFeedWorld,
  HOUR_MS,
  nextSignersOf,
  postureOf,
  releaseOf,
  releaseSigner,
  revocationOf,
  TRUST,
} from './testing/feed_world.ts';
import { MAX_FEED_PAGE_ENTRIES } from './wire.ts';

type World = Awaited<ReturnType<typeof createFeedWorld>>;
type Follower = ReturnType<typeof createFollower>;
const foreign = generateSoftwareSigner('ES256');

async function sync({ page, clock }: World, follower: Follower): Promise<void> {
  for (let more = true; more; ) {
    const { epoch, after } = follower.position();
    const applied = follower.applyPage(await page(epoch, after), clock.nowMs());
    if (!applied.ok) throw new Error(applied.reason);
    more = applied.value.more;
  }
}

async function atRelease(number: number) {
  const world = await createFeedWorld();
  await world.append(revocationOf('svid:1', world.clock.nowMs()), postureOf('laptop', world.clock.nowMs()));
  const jws = await world.release(releaseOf(number));
  const follower = createFollower(TRUST);
  await sync(world, follower);
  expect(follower.applyRelease(jws)).toMatchObject({ ok: true });
  return { world, follower, jws };
}

describe('a release is not applied', () => {
  const rows: [string, () => Promise<{ stored?: string; head: [number, string]; given: string }>, FollowReason][] = [
    [
      'that is another one than the head names',
      async () => ({ head: [3, 'ab'.repeat(32)], given: await signRelease(releaseOf(3), releaseSigner) }),
      'release-not-expected',
    ],
    ['that a foreign key signed', async () => named(3, await signRelease(releaseOf(3), foreign)), 'release-signature'],
    [
      'that has another type',
      async () => named(3, await signJws(releaseSigner, { typ: 'JWT', payload: releaseOf(3) })),
      'release-signature',
    ],
    ['that is no JWS', async () => named(3, 'x'), 'release-signature'],
    [
      'that cannot be read',
      async () => named(3, await signJws(releaseSigner, { typ: RELEASE_JWS_TYPE, payload: { format: 'other/1' } })),
      'release-malformed',
    ],
    [
      'of another trust domain',
      async () => named(3, await signRelease(releaseOf(3, { trustDomain: 'evil.test' }), releaseSigner)),
      'release-trust-domain',
    ],
    [
      'with a lower number than the one in force, whatever the head says',
      async () => named(3, await signRelease(releaseOf(1), releaseSigner)),
      'release-number-lower',
    ],
    [
      'with another number than the head says',
      async () => named(3, await signRelease(releaseOf(4), releaseSigner)),
      'release-not-expected',
    ],
  ];
  const named = async (number: number, jws: string) => ({
    head: [number, digestOfRelease(jws)] as [number, string],
    given: jws,
  });

  test.each(rows)('%s', async (_, make, reason) => {
    const { world, follower } = await atRelease(2);
    const { head, given } = await make();
    await world.log.setRelease(...head);
    await sync(world, follower);
    expect(follower.wantedRelease()).toBe(head[0]);
    expect(follower.applyRelease(given)).toMatchObject({ ok: false, reason });
    expect(follower.state(world.clock.nowMs())?.release.release.number).toBe(2);
    // The right one is still taken.
    const right = await world.release(releaseOf(5));
    await sync(world, follower);
    expect(follower.applyRelease(right)).toMatchObject({ ok: true });
    expect(follower.state(world.clock.nowMs())?.release.release.number).toBe(5);
  });

  test('twice: what is in force is wanted no more', async () => {
    const { follower, jws } = await atRelease(2);
    expect(follower.wantedRelease()).toBeUndefined();
    expect(follower.applyRelease(jws)).toMatchObject({ ok: true });
  });
});

test('until the release that the head names is here, decisions go on with the older one and its age', async () => {
  const { world, follower } = await atRelease(1);
  const atMs = world.clock.nowMs();
  world.clock.advanceMs(10_000);
  const jws = await world.release(releaseOf(2));
  await sync(world, follower);
  expect(follower.state(world.clock.nowMs())).toMatchObject({ headAtMs: atMs, release: { release: { number: 1 } } });
  follower.applyRelease(jws);
  expect(follower.state(world.clock.nowMs())).toMatchObject({
    headAtMs: atMs + 10_000,
    release: { release: { number: 2 } },
  });
});

describe('the signer of releases rolls over', () => {
  const [second, third] = [generateSoftwareSigner('ES256'), generateSoftwareSigner('ES256')];

  async function apply(
    world: World,
    follower: Follower,
    release: ReturnType<typeof releaseOf>,
    signer = releaseSigner,
  ) {
    const jws = await world.release(release, signer);
    await sync(world, follower);
    return follower.applyRelease(jws);
  }

  test('to the one that the release before named, and from then on the pinned one counts no more', async () => {
    const { world, follower } = await atRelease(1);
    expect(
      await apply(world, follower, releaseOf(2, { nextSigners: nextSignersOf(releaseSigner, second) })),
    ).toMatchObject({ ok: true });
    expect(await apply(world, follower, releaseOf(3, { nextSigners: nextSignersOf(second) }), second)).toMatchObject({
      ok: true,
    });
    expect(await apply(world, follower, releaseOf(4), releaseSigner)).toMatchObject({ reason: 'release-signature' });
    expect(follower.state(0)?.release.release.number).toBe(3);
  });

  test('to nobody whom the release before did not name', async () => {
    const { world, follower } = await atRelease(1);
    expect(await apply(world, follower, releaseOf(2), second)).toMatchObject({ reason: 'release-signature' });
  });

  test('to nobody by the name of a key alone', async () => {
    const { world, follower } = await atRelease(1);
    const alias = nextSignersOf(second).map((signer) => ({ ...signer, keyId: third.keyId }));
    await apply(world, follower, releaseOf(2, { nextSigners: alias }));
    expect(await apply(world, follower, releaseOf(3), third)).toMatchObject({ reason: 'release-signature' });
  });

  test('twice, and a decision point that starts offline with its pinned keys still verifies what is in force', async () => {
    const { world, follower } = await atRelease(1);
    await apply(world, follower, releaseOf(2, { nextSigners: nextSignersOf(second) }));
    await apply(world, follower, releaseOf(3, { nextSigners: nextSignersOf(second) }), second);
    await apply(world, follower, releaseOf(4, { nextSigners: nextSignersOf(third) }), second);
    await apply(world, follower, releaseOf(5, { nextSigners: nextSignersOf(third) }), third);
    expect(await apply(world, follower, releaseOf(6, { nextSigners: nextSignersOf(third) }), third)).toMatchObject({
      ok: true,
    });
    const text = follower.snapshot() as string;
    expect(JSON.parse(text).introductions).toHaveLength(2);

    const offline = createFollower(TRUST);
    expect(offline.restore(text, world.clock.nowMs())).toMatchObject({ ok: true });
    expect(offline.state(0)?.release.release.number).toBe(6);
    expect(offline.snapshot()).toBe(text);
    expect(await apply(world, offline, releaseOf(7), third)).toMatchObject({ ok: true });

    const without = JSON.stringify({ ...JSON.parse(text), introductions: JSON.parse(text).introductions.slice(1) });
    expect(createFollower(TRUST).restore(without, world.clock.nowMs())).toMatchObject({ reason: 'release-signature' });
  });
});

describe('a snapshot', () => {
  test('restores the same state offline, of any number of pages, and knows how old it is', async () => {
    const { world, follower } = await atRelease(1);
    const nowMs = world.clock.nowMs();
    for (let index = 0; index < 2 * MAX_FEED_PAGE_ENTRIES; index += 40)
      await world.append(...Array.from({ length: 40 }, (_, next) => revocationOf(`session:${index + next}`, nowMs)));
    await sync(world, follower);
    const offline = createFollower(TRUST);
    expect(offline.restore(follower.snapshot() as string, nowMs + HOUR_MS / 2)).toMatchObject({ ok: true });
    const [restored, original] = [offline.state(nowMs), follower.state(nowMs)];
    expect(restored?.headAtMs).toBe(nowMs);
    expect({ ...restored, release: restored?.release.release }).toEqual({
      ...original,
      release: original?.release.release,
    });
    expect(offline.position()).toEqual(follower.position());
  });

  test('that is read after a fact in it expired does not bring it back', async () => {
    const { world, follower } = await atRelease(1);
    const laterMs = world.clock.nowMs() + HOUR_MS;
    const offline = createFollower(TRUST);
    offline.restore(follower.snapshot() as string, laterMs);
    expect(offline.state(laterMs)?.postures.size).toBe(0);
    expect(offline.state(laterMs)?.revocations.size).toBe(1);
  });

  type Stored = { [member: string]: unknown } & { entries: { sequence: number; fact: { compliant?: boolean } }[] };
  const rows: [string, (stored: Stored) => unknown, FollowReason][] = [
    ['that is no JSON', () => 'x', 'snapshot-malformed'],
    ['of another format', (stored) => ({ ...stored, format: 'postern.feed-snapshot/2' }), 'snapshot-malformed'],
    ['that is null', () => null, 'snapshot-malformed'],
    ['without entries', ({ entries: _, ...stored }) => stored, 'snapshot-malformed'],
    ['with an introduction that is no text', (stored) => ({ ...stored, introductions: [1] }), 'snapshot-malformed'],
    [
      'with more introductions than there can be',
      (stored) => ({ ...stored, introductions: Array(65).fill('x') }),
      'snapshot-malformed',
    ],
    [
      'with its facts changed',
      (stored) => ({
        ...stored,
        entries: stored.entries.map((entry) => ({ ...entry, fact: { ...entry.fact, reason: 'x' } })),
      }),
      'feed-chain',
    ],
    ['with a revocation taken out', (stored) => ({ ...stored, entries: stored.entries.slice(1) }), 'feed-gap'],
    ['cut short', (stored) => ({ ...stored, entries: stored.entries.slice(0, 1) }), 'feed-gap'],
    ['emptied', (stored) => ({ ...stored, entries: [] }), 'feed-gap'],
    ['with a foreign release', (stored) => ({ ...stored, release: 'x' }), 'release-not-expected'],
    ['with a head that is not signed', (stored) => ({ ...stored, head: 'a.b.c' }), 'feed-head-signature'],
  ];
  test.each(rows)('%s is refused, and decides nothing', async (_, tamper, reason) => {
    const { world, follower } = await atRelease(1);
    const tampered = tamper(JSON.parse(follower.snapshot() as string) as Stored);
    const offline = createFollower(TRUST);
    const text = typeof tampered === 'string' ? tampered : JSON.stringify(tampered);
    expect(offline.restore(text, world.clock.nowMs())).toMatchObject({ ok: false, reason });
    expect(offline.state(world.clock.nowMs())).toBeUndefined();
    // It is no obstacle to starting from the network.
    await sync(world, offline);
    expect(offline.position()).toEqual(follower.position());
  });

  test('holds no secret: neither a private key nor a token', async () => {
    const { follower } = await atRelease(1);
    const text = follower.snapshot() as string;
    for (const part of [text, ...text.split(/[."]/).map((piece) => Buffer.from(piece, 'base64url').toString('latin1'))])
      expect(part).not.toMatch(/"d":"|PRIVATE KEY|postern-join/);
  });
});
