import type { Revocation } from '@postern/identity';
import { accept } from '@postern/result';
import { createManualClock } from '@postern/store/testing';
import { describe, expect, test } from 'vitest';
import { type ControlPlaneClient, ControlPlaneUnreachable } from './control_plane/client.ts';
import { createIdentityStore } from './identity_store.ts';
import { createSvidKeeper } from './svid_keeper.ts';

const HOUR_MS = 3_600_000;
const ENTRY = {
  id: 'e1',
  revision: 1,
  spiffeId: 'spiffe://demo.test/payments',
  selectors: ['unix:uid:1'],
  dnsNames: [],
  hint: '',
  ttlSeconds: 3600,
};

function createWorld() {
  const revocations = new Map<string, Revocation>();
  let issued = 0;
  const clock = createManualClock();
  const store = createIdentityStore('demo.test');
  let isAway = false;
  const reach = <T>(value: T) => {
    if (isAway) throw new ControlPlaneUnreachable('away');
    return accept(value);
  };
  const client = {
    entries: async () => reach({ entries: { entries: [ENTRY] }, etag: undefined }),
    svids: async () =>
      reach({
        svids: [
          {
            entryId: ENTRY.id,
            spiffeId: ENTRY.spiffeId,
            serial: (++issued).toString(16).padStart(4, '0'),
            notBeforeMs: clock.nowMs() - 60_000,
            notAfterMs: clock.nowMs() + HOUR_MS,
            chain: [],
          },
        ],
        refused: [],
      }),
  } as unknown as ControlPlaneClient;
  const keeper = createSvidKeeper({ client, store, clock, log: () => {}, revocations: () => revocations });
  return {
    clock,
    keeper,
    revocations,
    issued: () => issued,
    serials: () => store.identitiesFor(['unix:uid:1']).map(({ serial }) => serial),
    held: () => store.identitiesFor(['unix:uid:1']).map(({ spiffeId }) => spiffeId),
    setAway: (away: boolean) => {
      isAway = away;
    },
  };
}

test('an SVID that ended is handed out no longer, although the control plane has been away since before', async () => {
  const { clock, keeper, held, setAway } = createWorld();
  await keeper.sync();
  expect(held()).toEqual([ENTRY.spiffeId]);
  setAway(true);
  clock.advanceMs(HOUR_MS - 1);
  await expect(keeper.sync()).rejects.toThrow(ControlPlaneUnreachable);
  expect(held(), 'an outage costs nothing that is still valid').toEqual([ENTRY.spiffeId]);
  clock.advanceMs(1);
  await expect(keeper.sync()).rejects.toThrow(ControlPlaneUnreachable);
  expect(held()).toEqual([]);
  setAway(false);
  await keeper.sync();
  expect(held()).toEqual([ENTRY.spiffeId]);
});

describe('an SVID that was taken back', () => {
  const revoked = (notBeforeMs: number): Revocation => ({ notBeforeMs, expiresAtMs: notBeforeMs + 24 * HOUR_MS });

  test('by its serial is handed out no longer, and another takes its place', async () => {
    const { clock, keeper, revocations, serials } = createWorld();
    await keeper.sync();
    clock.advanceMs(HOUR_MS / 10);
    revocations.set('svid:0001', revoked(clock.nowMs()));
    await keeper.sync();
    expect(serials()).toEqual(['0002']);
  });

  test('is handed out no longer while the control plane is away, and replaced when it is back', async () => {
    const { clock, keeper, revocations, serials, setAway } = createWorld();
    await keeper.sync();
    clock.advanceMs(HOUR_MS / 10);
    setAway(true);
    revocations.set('svid:0001', revoked(clock.nowMs()));
    await expect(keeper.sync()).rejects.toThrow(ControlPlaneUnreachable);
    expect(serials()).toEqual([]);
    setAway(false);
    await keeper.sync();
    expect(serials()).toEqual(['0002']);
  });

  test('with its entry is not asked for until the entry is given back', async () => {
    const { clock, keeper, revocations, serials, issued } = createWorld();
    await keeper.sync();
    clock.advanceMs(HOUR_MS / 10);
    for (const subject of ['entry:e1', 'svid:0001']) revocations.set(subject, revoked(clock.nowMs()));
    for (let round = 0; round < 5; round++) await keeper.sync();
    expect([serials(), issued()]).toEqual([[], 1]);
    revocations.delete('entry:e1');
    await keeper.sync();
    expect(serials()).toEqual(['0002']);
  });

  test('by its name is asked for once a minute, until one is later than the revocation', async () => {
    const { clock, keeper, revocations, serials, issued } = createWorld();
    await keeper.sync();
    clock.advanceMs(HOUR_MS / 10);
    revocations.set(`spiffe-id:${ENTRY.spiffeId}`, revoked(clock.nowMs()));
    for (let second = 0; second < 59; second++) {
      await keeper.sync();
      clock.advanceMs(1000);
      expect(serials()).toEqual([]);
    }
    expect(issued()).toBe(2);
    clock.advanceMs(2000);
    await keeper.sync();
    expect([serials(), issued()]).toEqual([['0003'], 3]);
  });
});
