import { accept } from '@postern/result';
import { createManualClock } from '@postern/store/testing';
import { expect, test } from 'vitest';
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
            serial: '4a',
            notBeforeMs: clock.nowMs(),
            notAfterMs: clock.nowMs() + HOUR_MS,
            chain: [],
          },
        ],
        refused: [],
      }),
  } as unknown as ControlPlaneClient;
  const keeper = createSvidKeeper({ client, store, clock, log: () => {} });
  return {
    clock,
    keeper,
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
