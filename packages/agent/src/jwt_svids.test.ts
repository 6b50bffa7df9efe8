import type { JwtAuthority } from '@postern/spiffe';
import { createManualClock } from '@postern/store/testing';
import { describe, expect, test } from 'vitest';
import { ControlPlaneUnreachable } from './control_plane/client.ts';
import type { WorkloadIdentity } from './identity_source.ts';
import { createJwtSvids } from './jwt_svids.ts';
import { createTestJwtDoor } from './workload_api/testing/test_jwt_door.ts';

/** The authority's default. */
const LIFE_MS = 300_000;

function createWorld() {
  const clock = createManualClock();
  const door = createTestJwtDoor('demo.test', clock);
  let authorities: readonly JwtAuthority[] = [door.authority];
  const svids = createJwtSvids({ client: door, authorities: () => authorities, clock, log: () => {} });
  const identity = (path: string) => ({ entryId: path, spiffeId: `spiffe://demo.test${path}` }) as WorkloadIdentity;
  return {
    clock,
    door,
    setAuthorities(next: readonly JwtAuthority[]) {
      authorities = next;
    },
    async fetch(paths: readonly string[], audience: readonly string[]): Promise<readonly string[]> {
      const outcomes = await svids.fetch(paths.map(identity), audience);
      return outcomes.map((outcome) => (outcome.ok ? outcome.value.token : outcome.reason));
    },
    fetchAs: (own: Partial<WorkloadIdentity>) => svids.fetch([{ ...identity('/a'), ...own }], ['x']),
  };
}

describe('a token is handed out again', () => {
  test('until half of its life is over, and not a moment longer', async () => {
    const { clock, door, fetch } = createWorld();
    const [first] = await fetch(['/a'], ['x']);
    clock.advanceMs(LIFE_MS / 2 - 1);
    expect(await fetch(['/a'], ['x'])).toEqual([first]);
    expect(door.calls).toHaveLength(1);
    clock.advanceMs(1);
    expect(await fetch(['/a'], ['x'])).not.toEqual([first]);
    expect(door.calls).toHaveLength(2);
  });

  test('whatever the order of its audiences, and for no other set of them', async () => {
    const { door, fetch } = createWorld();
    const [both] = await fetch(['/a'], ['x', 'y']);
    expect(await fetch(['/a'], ['y', 'x'])).toEqual([both]);
    expect(door.calls).toHaveLength(1);
    for (const audience of [['x'], ['y'], ['x', 'y', 'z'], ['x,y'], ['x"', '"y']]) await fetch(['/a'], audience);
    expect(door.calls).toHaveLength(6);
  });

  test('to nobody when the clock was set back: nobody knows how old it is', async () => {
    const { clock, door, fetch } = createWorld();
    await fetch(['/a'], ['x']);
    clock.advanceMs(-1);
    await fetch(['/a'], ['x']);
    expect(door.calls).toHaveLength(2);
  });

  test('for the right time although this node’s clock is an hour off', async () => {
    const own = createManualClock();
    const door = createTestJwtDoor('demo.test', { nowMs: () => own.nowMs() + 3_600_000 });
    const svids = createJwtSvids({ client: door, authorities: () => [door.authority], clock: own, log: () => {} });
    const identity = { entryId: '/a', spiffeId: 'spiffe://demo.test/a' } as WorkloadIdentity;
    for (const elapsed of [0, LIFE_MS / 2 - 1, 1]) {
      own.advanceMs(elapsed);
      await svids.fetch([identity], ['x']);
    }
    expect(door.calls).toHaveLength(2);
  });

  test('no more when its key was distrusted, since nobody believes it', async () => {
    const { door, fetch, setAuthorities } = createWorld();
    const successor = createTestJwtDoor('demo.test').authority;
    const [first] = await fetch(['/a'], ['x']);
    setAuthorities([door.authority, successor]);
    expect(await fetch(['/a'], ['x'])).toEqual([first]);
    // Before anything is known of keys, a token is as good as the moment it came.
    setAuthorities([]);
    expect(await fetch(['/a'], ['x'])).toEqual([first]);
    expect(door.calls).toHaveLength(1);
    setAuthorities([successor]);
    await fetch(['/a'], ['x']);
    expect(door.calls).toHaveLength(2);
  });

  test('never under another name, when the entry was changed', async () => {
    const { door, fetch, fetchAs } = createWorld();
    await fetch(['/a'], ['x']);
    const [other] = await fetchAs({ spiffeId: 'spiffe://demo.test/renamed' });
    // The door still answers for the old name: that token is nobody's.
    expect(other).toMatchObject({ ok: false, reason: 'jwt-svid-refused' });
    expect(door.calls).toHaveLength(2);
  });
});

describe('the authority is asked', () => {
  test('once for a thousand who ask for the same at once', async () => {
    const { door, fetch } = createWorld();
    const all = await Promise.all(Array.from({ length: 1000 }, () => fetch(['/a'], ['x'])));
    expect(new Set(all.map(([token]) => token)).size).toBe(1);
    expect(door.calls).toHaveLength(1);
  });

  test('only for those that are not at hand', async () => {
    const { door, fetch } = createWorld();
    await fetch(['/a'], ['x']);
    const [a, b] = await fetch(['/a', '/b'], ['x']);
    expect(a).not.toBe(b);
    expect(door.calls.map(({ requests }) => requests.map(({ entryId }) => entryId))).toEqual([['/a'], ['/b']]);
  });

  test('for no more than 50 at once', async () => {
    const { door, fetch } = createWorld();
    const paths = Array.from({ length: 120 }, (_, index) => `/w${index}`);
    expect(new Set(await fetch(paths, ['x'])).size).toBe(120);
    expect(door.calls.map(({ requests }) => requests.length)).toEqual([50, 50, 20]);
  });

  test('again after it was away, and nothing is remembered of that', async () => {
    const { door, fetch } = createWorld();
    door.before = async () => {
      throw new ControlPlaneUnreachable('away');
    };
    expect(await fetch(['/a'], ['x'])).toEqual(['authority-unavailable']);
    door.before = async () => {};
    expect((await fetch(['/a'], ['x']))[0]).toMatch(/^ey/);
  });

  test('by one workload for 16 audiences at once and no more; others are served meanwhile', async () => {
    const { door, fetch } = createWorld();
    let release = () => {};
    const held = new Promise<void>((resolve) => {
      release = resolve;
    });
    door.before = () => held;
    const first = Array.from({ length: 16 }, (_, index) => fetch(['/greedy'], [`a${index}`]));
    expect(await fetch(['/greedy'], ['one-more'])).toEqual(['too-many-requests']);
    const other = fetch(['/modest'], ['a']);
    release();
    expect((await other)[0]).toMatch(/^ey/);
    for (const outcome of await Promise.all(first)) expect(outcome[0]).toMatch(/^ey/);
    expect((await fetch(['/greedy'], ['one-more']))[0]).toMatch(/^ey/);
  });
});

test('a workload that asks for ever new audiences forgets its own tokens and nobody else’s', async () => {
  const { door, fetch } = createWorld();
  const [modest] = await fetch(['/modest'], ['a']);
  for (let index = 0; index < 200; index++) await fetch(['/greedy'], [`a${index}`]);
  const asked = door.calls.length;
  expect(await fetch(['/modest'], ['a'])).toEqual([modest]);
  expect(door.calls).toHaveLength(asked);
  await fetch(['/greedy'], ['a0']);
  expect(door.calls).toHaveLength(asked + 1);
});

describe('nobody is handed a token', () => {
  const minted = createTestJwtDoor('demo.test', createManualClock());
  const swaps: [what: string, make: () => Promise<string>][] = [
    ['of another workload', async () => (await minted.mint('/b', ['x'])).token],
    ['for another audience', async () => (await minted.mint('/a', ['y'])).token],
    ['for more audiences than were asked for', async () => (await minted.mint('/a', ['x', 'y'])).token],
    ['that is none', async () => 'x.y.z'],
  ];
  test.each(swaps)('%s, whoever answered with it', async (_what, make) => {
    const { door, fetch } = createWorld();
    const token = await make();
    door.change = (answer) => ({ ...answer, svids: answer.svids.map((svid) => ({ ...svid, token })) });
    expect(await fetch(['/a'], ['x'])).toEqual(['jwt-svid-refused']);
  });
});
