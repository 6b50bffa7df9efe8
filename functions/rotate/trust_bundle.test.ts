/** The feed's bundle never goes back, though a process that read the state before it moved comes late. */
import { createFeedLog, type FeedLog } from '@postern/feed';
import { createSoftwareMac } from '@postern/keys';
import { parseTrustBundle, type TrustBundle, type TrustDomain } from '@postern/spiffe';
import type { Table } from '@postern/store';
import { createMemoryTable } from '@postern/store/embedded';
import { createManualClock } from '@postern/store/testing';
import { beforeEach, expect, test } from 'vitest';
import { publishTrustBundle } from './trust_bundle.ts';

const OURS = 'demo.test' as TrustDomain;
const clock = createManualClock();
const mac = createSoftwareMac('facts', new Uint8Array(32));
let table: Table;
let feedLog: FeedLog;
beforeEach(async () => {
  table = createMemoryTable({ clock });
  feedLog = createFeedLog({ table, mac });
  await feedLog.open('epoch');
});

const bundle = (sequence: number, keyId: string): TrustBundle => ({
  trustDomain: OURS,
  sequence,
  refreshHintSeconds: 60,
  x509Authorities: [],
  jwtAuthorities: [{ keyId, jwk: { kty: 'EC', crv: 'P-256', x: 'AA', y: 'AA' } }],
});

async function inFeed(): Promise<readonly (string | number | undefined)[]> {
  const fact = await feedLog.latest('trust-bundle', OURS);
  const read = fact?.kind === 'trust-bundle' ? parseTrustBundle(fact.bundle, OURS) : undefined;
  return read?.ok ? [read.value.sequence, ...read.value.jwtAuthorities.map(({ keyId }) => keyId)] : [];
}

test('what a process saw before the authority moved on is not published after what came then', async () => {
  await publishTrustBundle({ bundle: bundle(5, 'distrusted'), feedLog, clock });
  await publishTrustBundle({ bundle: bundle(6, 'new'), feedLog, clock });
  await publishTrustBundle({ bundle: bundle(5, 'distrusted'), feedLog, clock });
  expect(await inFeed()).toEqual([6, 'new']);
});

test('nor where the other is first between its look and its word', async () => {
  const other = createFeedLog({ table, mac });
  let looked = 0;
  const late: FeedLog = {
    ...feedLog,
    async latest(kind, subject) {
      const known = await feedLog.latest(kind, subject);
      if (looked++ === 0) await publishTrustBundle({ bundle: bundle(6, 'new'), feedLog: other, clock });
      return known;
    },
  };
  await publishTrustBundle({ bundle: bundle(5, 'distrusted'), feedLog: late, clock });
  expect(await inFeed()).toEqual([6, 'new']);
});

test('a bundle without a number that is in the feed gives way', async () => {
  const { sequence: _, ...unnumbered } = bundle(0, 'old');
  await publishTrustBundle({ bundle: unnumbered, feedLog, clock });
  await publishTrustBundle({ bundle: bundle(1, 'new'), feedLog, clock });
  expect(await inFeed()).toEqual([1, 'new']);
});
